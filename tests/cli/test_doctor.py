"""`ropewalk doctor`: who waits for whom in a running program, for people and for programs."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from ropewalk import _ropewalk
from ropewalk.cli import doctor

from tests.cli.place import RUNNER, Place, Ran, environment, started

PROGRAM = """
import multiprocessing, os, sys

def hang(mine, other, meet):
    with mine:
        meet.wait()
        other.acquire()

def die(lock):
    lock.acquire()
    os.kill(os.getpid(), 9)

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    one, other, lost = (multiprocessing.Lock() for _ in range(3))
    meet, queue = multiprocessing.Barrier(2), multiprocessing.Queue(2)
    children = []
    if "hang" in sys.argv:
        for number, pair in enumerate([(one, other), (other, one)]):
            child = multiprocessing.Process(target=hang, args=(*pair, meet), name=f"child-{number}", daemon=True)
            children.append(child)
    if "die" in sys.argv:
        children.append(multiprocessing.Process(target=die, args=(lost,)))
    for child in children:
        child.start()
    if "die" in sys.argv:
        child.join()
    queue.put(1)
    queue.put(2)
    print(*(child.pid for child in children), flush=True)
    sys.stdin.read()
    os._exit(0)
"""


@contextlib.contextmanager
def running(place: Place, method: str, *words: str) -> Iterator[tuple[int, list[int]]]:
    """A program, its process id and those of its children."""
    place.put("program.py", PROGRAM)
    pipe = subprocess.PIPE
    with started(
        [*RUNNER, "program.py", method, *words],
        cwd=place.folder,
        env=environment(),
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.DEVNULL,
    ) as program:
        assert program.stdout is not None
        yield program.pid, [int(word) for word in program.stdout.readline().split()]
        program.communicate()


def facts(shown: Ran) -> dict[str, Any]:
    assert shown.errors == ""
    ((found,)) = json.loads(shown.output)["programs"]
    return dict(found)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_it_tells_who_waits_for_whom_in_a_circle(place: Place, method: str) -> None:
    # Who reports the circle to its own standard error is not asleep meanwhile.
    with running(place, method, "hang") as (pid, children):
        found, shown = {}, Ran("", "", 0)
        while not (found and len(found["waits"]) == 2 and found["deadlocks"]):
            found = facts(place.run([*RUNNER, "doctor", "--json", str(pid)]))
        while shown.code != doctor.DEADLOCK or shown.output.count(", held by process ") < 2:
            shown = place.run([*RUNNER, "doctor", str(pid)])
    waits = {wait["process"]: wait for wait in found["waits"]}
    assert set(waits) == set(children)
    first, second = children
    assert (waits[first]["owner"], waits[second]["owner"]) == (second, first)
    for number, child in enumerate(children):
        wait = waits[child]
        assert (wait["what"], wait["name"], wait["process_name"]) == ("Lock", "other", f"child-{number}")
        assert (wait["timed"], wait["owner_died"], wait["thread"]) == (False, False, "MainThread")
        assert wait["stack"][0]["function"] == "hang"
        assert wait["stack"][0]["line"] == 7
    (deadlock,) = found["deadlocks"]
    assert (deadlock["certain"], deadlock["circle"], len(deadlock["waits"])) == (False, True, 2)
    assert sorted(held["owner"] for held in found["held"]) == sorted(children)
    assert found["unseen"] == {}
    assert {process["pid"] for process in found["processes"]} >= {pid, *children}
    assert shown.code == doctor.DEADLOCK
    head = "DEADLOCK (possible: another process may still release a Lock): 2 processes wait for each other"
    assert head in shown.output
    assert f"process {first} (child-0), MainThread waits for Lock other (" in shown.output
    assert f"), held by process {second} for " in shown.output
    assert shown.output.count("other.acquire()   <- here") == 2


def test_a_program_in_which_nothing_is_wrong(place: Place) -> None:
    with running(place, "fork") as (pid, _):
        shown = place.run([*RUNNER, "doctor", str(pid)])
        found = facts(place.run([*RUNNER, "doctor", str(pid), "--json"]))
    assert (shown.code, shown.errors) == (doctor.NOTHING_WRONG, "")
    assert "no circle" in shown.output
    assert "holds 2 that nobody has taken, it is full" in shown.output
    assert f"process {pid} (program, sleeping) waits for nothing that is shared" in shown.output
    assert (found["waits"], found["deadlocks"]) == ([], [])
    (queue,) = found["queues"]
    assert (queue["waiting"], queue["capacity"]) == (2, 2)


def test_a_lock_of_a_dead_process_is_said_so(place: Place) -> None:
    with running(place, "fork", "die") as (pid, (dead,)):
        shown = place.run([*RUNNER, "doctor", str(pid)])
        found = facts(place.run([*RUNNER, "doctor", str(pid), "--json"]))
    assert shown.code == doctor.NOTHING_WRONG
    assert (
        f"is held by process {dead}, which is dead: whoever waits for it next takes it over" in shown.output
    )
    ((held,)) = found["held"]
    assert (held["owner"], held["owner_lives"]) == (dead, False)


def test_without_a_process_it_looks_at_every_program(place: Place) -> None:
    with running(place, "fork", "hang") as (_, children):
        shown = Ran("", "", 0)
        while shown.output.count(", held by process ") < 2 or shown.code != doctor.DEADLOCK:
            shown = place.run([*RUNNER, "doctor"])
    assert all(f"process {child} (child-" in shown.output for child in children)


def test_a_process_that_is_not_there_is_said_so(place: Place) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    shown = place.run([*RUNNER, "doctor", str(ended.pid)])
    assert (shown.output, shown.code) == ("", doctor.COULD_NOT_LOOK)
    assert shown.errors.startswith(f"ropewalk doctor: there is no process {ended.pid}")


def test_a_process_without_ropewalk_is_said_so(place: Place) -> None:
    with started(["sleep", "1000"]) as stock:
        shown = place.run([*RUNNER, "doctor", str(stock.pid)])
    assert (shown.output, shown.code) == ("", doctor.COULD_NOT_LOOK)
    assert shown.errors == (
        f"ropewalk doctor: neither process {stock.pid} nor any below it has ropewalk loaded: "
        "nothing is known of its waits\n"
    )


GREENLETS = """
import os, queue
from ropewalk.greenlet import getcurrent, greenlet
main = getcurrent()
def inner():
    main.switch()
def outer():
    inner()
class Worker(greenlet):
    pass
children = [Worker(outer) for _ in range(40)]
for child in children:
    child.switch()
print(id(children[0]), flush=True)
while {then}:
    pass
"""


@contextlib.contextmanager
def greenlets_in(place: Place, text: str) -> Iterator[tuple[int, int]]:
    place.put("program.py", text)
    with subprocess.Popen(
        [*RUNNER, "program.py"], cwd=place.folder, env=environment(), stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        try:
            yield program.pid, int(program.stdout.readline())
        finally:
            program.kill()


def test_greenlets_are_seen_in_a_program_that_is_not_asked(place: Place) -> None:
    with greenlets_in(place, GREENLETS.replace("{then}", "True")) as (pid, first):
        found = facts(place.run([*RUNNER, "doctor", "--json", str(pid)]))
        shown = place.run([*RUNNER, "doctor", str(pid)])
    assert found["greenlets_unseen"] == {}
    assert len(found["greenlets"]) == 40
    (one,) = [one for one in found["greenlets"] if one["id"] == first]
    assert (one["name"], one["parent"], one["thread"]) == ("Worker outer", "main greenlet", "MainThread")
    assert (one["process"], one["what"], one["called"]) == (pid, "switch", None)
    path = os.path.join(os.path.realpath(place.folder), "program.py")
    assert one["stack"] == [
        {"file": path, "line": 6, "function": "inner"},
        {"file": path, "line": 8, "function": "outer"},
    ]
    assert f"suspended greenlets of process {pid}:" in shown.output
    assert "MainThread, 40 times Worker outer, the first 0x" in shown.output
    assert "child of main greenlet, wait to be switched to, at program.py:6 in inner" in shown.output


def test_greenlets_that_never_stand_still_can_be_looked_at(place: Place) -> None:
    text = GREENLETS.replace("    main.switch()", "    while True: main.switch()")
    text = text.replace("while {then}:\n    pass", "while True:\n    for child in children: child.switch()")
    with greenlets_in(place, text) as (pid, _):
        for _ in range(200):
            found = _ropewalk.process_greenlets(pid)
            assert 40 <= len(found) <= 41
            assert {one[2] for one in found} == {"Worker", "greenlet.greenlet"}


def test_under_gevent_it_tells_what_greenlets_wait_for(place: Place) -> None:
    text = """
import gevent, gevent.event, gevent.queue
event, jobs = gevent.event.Event(), gevent.queue.Queue()
def event_wait(): event.wait()
def queue_get(): jobs.get()
def sleeps(): gevent.sleep(1000)
children = [gevent.spawn(function) for function in (event_wait, queue_get, sleeps)]
gevent.sleep(0)
print(id(children[0]), flush=True)
gevent.joinall(children)
"""
    with greenlets_in(place, text) as (pid, _):
        while True:
            found = facts(place.run([*RUNNER, "doctor", "--json", str(pid)]))["greenlets"]
            if any(one["name"] == "main greenlet" for one in found):
                break
    told = sorted((one["name"], one["what"], one["called"], one["parent"]) for one in found)
    assert told == [
        ("Greenlet event_wait", "wait", "event", "Hub"),
        ("Greenlet queue_get", "get", "jobs", "Hub"),
        ("Greenlet sleeps", "sleep", None, "Hub"),
        ("main greenlet", "joinall", None, None),
    ]


def test_greenlets_that_may_not_be_seen_are_said_so(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: int) -> None:
        raise PermissionError("look as root")

    with greenlets_in(place, "import gevent._gevent_cgreenlet\n" + GREENLETS.replace("{then}", "True")) as (
        pid,
        _,
    ):
        monkeypatch.setattr(_ropewalk, "process_greenlets", refuse)
        assert doctor.show(pid, as_json=False) == doctor.NOTHING_WRONG
        assert f"the greenlets of process {pid} cannot be seen: look as root" in capsys.readouterr().out
        doctor.show(pid, as_json=True)
        ((found,)) = json.loads(capsys.readouterr().out)["programs"]
        assert found["greenlets_unseen"] == {str(pid): "look as root"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_process_of_another_user_is_said_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    assert doctor.show(os.getpid(), as_json=False) == doctor.COULD_NOT_LOOK
    assert "belongs to another user (root): look as that user, or as root" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["x"], ["1", "2"], ["-1"], ["0"]])
def test_what_is_no_process_id_is_refused(place: Place, words: list[str]) -> None:
    shown = place.run([*RUNNER, "doctor", *words])
    assert (shown.output, shown.code) == ("", 2)
    assert "doctor takes one process id" in shown.errors
