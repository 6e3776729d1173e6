"""`ropewalk ps`: running programs from outside, for people and for programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.place import RUNNER, Place, environment, started

PROGRAM = """
import multiprocessing, sys

def work(queue, begun):
    queue.get()
    begun.set()
    multiprocessing.Event().wait()

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    queue, begun = multiprocessing.Queue(7), multiprocessing.Event()
    child = multiprocessing.Process(target=work, args=(queue, begun), daemon=True)
    child.start()
    for number in range(4):
        queue.put(number)
    begun.wait()
    print(child.pid, flush=True)
    sys.stdin.read()
    child.kill()
    child.join()
"""


@pytest.fixture(params=["fork", "spawn", "forkserver"])
def running(request: pytest.FixtureRequest, place: Place) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A program with a child and a queue of three, and the child's process id."""
    place.put("program.py", PROGRAM)
    command = [*RUNNER, "program.py", request.param]
    pipe = subprocess.PIPE
    with started(command, cwd=place.folder, env=environment(), stdin=pipe, stdout=pipe) as program:
        assert program.stdout is not None
        yield program, int(program.stdout.readline())
        program.communicate()


def facts(place: Place, *words: object) -> list[dict[str, Any]]:
    shown = place.run([*RUNNER, "ps", "--json", *map(str, words)])
    assert (shown.errors, shown.code) == ("", 0)
    found: list[dict[str, Any]] = json.loads(shown.output)["programs"]
    return found


def test_it_tells_processes_and_queues(place: Place, running: tuple[subprocess.Popen[str], int]) -> None:
    program, child = running
    (found,) = facts(place, program.pid)
    processes = {process["pid"]: process for process in found["processes"]}
    assert processes[program.pid]["role"] == "program"
    assert processes[child]["role"] in {"forked", "spawned"}
    assert processes[child]["ropewalk"] is True
    assert "program.py" in processes[program.pid]["command"]
    (queue,) = [segment for segment in found["segments"] if segment["kind"] == "queue"]
    assert (queue["waiting"], queue["put"], queue["taken"], queue["capacity"]) == (3, 4, 1, 7)
    assert {program.pid, child} <= set(queue["processes"])


def test_without_a_process_it_finds_every_program(
    place: Place, running: tuple[subprocess.Popen[str], int]
) -> None:
    program, child = running
    pids = {process["pid"] for found in facts(place) for process in found["processes"]}
    assert {program.pid, child} <= pids


def test_people_read_it_too(place: Place, running: tuple[subprocess.Popen[str], int]) -> None:
    program, child = running
    shown = place.run([*RUNNER, "ps", str(program.pid)])
    assert (shown.errors, shown.code) == ("", 0)
    first, *lines = shown.output.splitlines()
    assert first.split() == ["PID", "ROLE", "STATE", "AGE", "MEMORY", "THREADS", "COMMAND"]
    assert lines[0].startswith(str(program.pid))
    assert any(line.strip().startswith(str(child)) for line in lines)
    assert any("3 of 7 waiting, 4 put, 1 taken" in line for line in lines)


def test_looking_changes_nothing(place: Place, running: tuple[subprocess.Popen[str], int]) -> None:
    program, _child = running
    first, second = facts(place, program.pid), facts(place, program.pid)
    assert [segment["id"] for segment in first[0]["segments"]] == [s["id"] for s in second[0]["segments"]]


def test_a_process_that_is_not_there_is_said_so(place: Place) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    shown = place.run([*RUNNER, "ps", str(ended.pid)])
    assert (shown.output, shown.code) == ("", 1)
    assert shown.errors.startswith(f"ropewalk ps: there is no process {ended.pid}")


def test_a_process_without_ropewalk_is_said_so(place: Place) -> None:
    with started(["sleep", "1000"]) as stock:
        shown = place.run([*RUNNER, "ps", str(stock.pid)])
    assert (shown.output, shown.code) == ("", 1)
    assert shown.errors == (
        f"ropewalk ps: neither process {stock.pid} nor any below it has ropewalk loaded\n"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_process_of_another_user_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from ropewalk.cli import tree

    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    with pytest.raises(tree.CannotLook, match=r"belongs to another user \(root\): look as that user"):
        tree.tree(os.getpid())


def test_a_process_of_another_namespace_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from ropewalk.cli import tree

    monkeypatch.setattr(tree, "_namespace", lambda pid: 1 if pid == "self" else 2)
    with pytest.raises(tree.CannotLook, match="is in another pid namespace"):
        tree.tree(os.getpid())


@pytest.mark.parametrize("words", [["x"], ["1", "2"], ["-1"], ["0"], ["99999999999999"]])
def test_what_is_no_process_id_is_refused(place: Place, words: list[str]) -> None:
    shown = place.run([*RUNNER, "ps", *words])
    assert (shown.output, shown.code) == ("", 2)
    assert "ps takes one process id" in shown.errors


def test_memory_that_is_no_queue_is_not_touched() -> None:
    from ropewalk import _ropewalk

    descriptor = os.memfd_create("ropewalk")
    os.write(descriptor, b"nothing of ours")
    looked = _ropewalk.look_at_segment(f"/proc/self/fd/{descriptor}")
    assert looked["kind"] == "unreadable"
    os.close(descriptor)
    with pytest.raises(FileNotFoundError):
        _ropewalk.look_at_segment("/proc/self/fd/999999")


POOL = """
import os, time
from concurrent.futures import ProcessPoolExecutor

def resize(path):
    print(path, flush=True)
    while not os.path.exists("enough"):
        time.sleep(0.001)

if __name__ == "__main__":
    with ProcessPoolExecutor(1) as pool:
        pool.submit(abs, -1).result()
        pool.submit(resize, "a.png").result()
"""


def test_it_tells_what_workers_of_pools_have_in_hand(place: Place) -> None:
    place.put("program.py", POOL)
    command = [*RUNNER, "program.py"]
    with started(command, cwd=place.folder, env=environment(), stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "a.png\n"
        while True:
            (root,) = facts(place, program.pid)
            (worker,) = next(it["workers"] for it in root["segments"] if it["kind"] == "workers")
            if worker["stack"]:
                break
        assert (worker["phase"], worker["task"], worker["done"]) == ("running", 2, 1)
        assert worker["function"] in (
            "__main__.resize",
            "__mp_main__.resize",
        )  # its name in a worker that was spawned
        shown = place.run([*RUNNER, "ps", str(program.pid)])
        assert "of a pool, 1 tasks done" in shown.output
        assert f"{worker['pid']}: running task 2 {worker['function']} for " in shown.output
        assert "program.py:" in shown.output
        assert " in resize" in shown.output
        place.put("enough", "")
        assert program.wait(60) == 0
