"""What is told of a worker that has died: fault, moment, pool, way to start -> what the report says."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
import traceback
from concurrent.futures import BrokenExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest
from ropewalk._ropewalk import look_at_segment
from ropewalk.errors import TransferError, WorkerDied

from tests.processes import flight_tasks, tasks
from tests.processes.sides import LONG, METHODS, ExecutorSide

FULL = os.environ.get("ROPEWALK_TEST_FULL") == "1"


@pytest.fixture(params=METHODS)
def crew(request, side):
    crew = side(1, request.param)
    yield crew
    crew.end()


@pytest.fixture
def forked(side):
    crew = side(1, "fork")
    yield crew
    crew.end()


@pytest.fixture
def apart():
    """A worker that has nothing of the tests' own interpreter."""
    crew = ExecutorSide(1, "forkserver")
    yield crew
    crew.end()


def records(crew):
    """What the workers have written down, read as any other process would."""
    descriptor = crew.pool._crew.engine.descriptors[2]
    found = look_at_segment(f"/proc/{os.getpid()}/fd/{descriptor}")
    assert found["kind"] == "workers"
    return found["workers"]


#: More than any record has.
FRAMES = 1000


def looked_at(crew, function, innermost=FRAMES):
    """The record of the worker that does this, once it was looked at in that, in so many innermost frames."""
    begun = time.monotonic()
    while time.monotonic() - begun < LONG:
        for record in records(crew):
            if any(name.endswith(function) for _, _, name in record["stack"][-innermost:]):
                return record
    raise AssertionError(f"nobody was seen in {function}: {records(crew)}")


def death(crew, submitted):
    with pytest.raises(WorkerDied) as caught:
        crew.get(submitted)
    return caught.value


def names(died):
    return [frame.name.rpartition(".")[2] for frame in died.stack]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("doing", ["wait_to_be_killed", "compute_for_ever"])
def test_a_worker_killed_from_outside_is_told_with_where_it_was(crew, doing, number):
    crew.get(crew.submit(flight_tasks.nothing))
    guilty = crew.submit(flight_tasks.outer, getattr(flight_tasks, doing))
    record = looked_at(crew, doing)
    assert record["function"] == "tests.processes.flight_tasks.outer"
    assert (record["phase"], record["task"], record["done"]) == ("running", 2, 1)
    os.kill(record["pid"], number)
    died = death(crew, guilty)
    assert (died.pid, died.exitcode, died.signal) == (record["pid"], -number, number.name)
    assert (died.phase, died.task, died.done, died.attempt) == ("running", 2, 1, 1)
    assert died.function == "tests.processes.flight_tasks.outer"
    assert names(died) == ["outer", "inner", doing]
    assert {frame.filename for frame in died.stack} == {flight_tasks.__file__}
    line = getattr(flight_tasks, doing).__code__.co_firstlineno
    assert line < died.stack[-1].lineno <= line + 4
    assert died.seconds >= 0.05
    assert died.sampled <= died.seconds
    assert died.resident > 1 << 20
    assert [what for what, _, _ in died.events] == ["begun", "done", "begun"]
    assert f"{flight_tasks.__file__}:{died.stack[-1].lineno} in {doing}" in str(died)


@pytest.mark.parametrize(
    ("fault", "number", "innermost"),
    [
        ("fault", signal.SIGSEGV, "string_at"),
        ("quiet_fault", signal.SIGSEGV, "string_at"),
        ("abort", signal.SIGABRT, "abort"),
        ("fault_in_a_thread", signal.SIGSEGV, "string_at"),
    ],
)
def test_a_worker_that_crashes_is_told_with_where_it_crashed(crew, fault, number, innermost):
    died = death(crew, crew.submit(flight_tasks.outer, getattr(flight_tasks, fault)))
    assert died.exitcode == -number
    assert died.phase == "running"
    assert names(died)[-1] == innermost
    assert names(died)[:2] == (
        ["_bootstrap", "_bootstrap_inner"] if "thread" in fault else ["outer", "inner"]
    )
    shown = "".join(traceback.format_exception(type(died), died, None))
    assert "The last Python stack, when it crashed (most recent call last)" in shown
    assert "ctypes" in shown or innermost == "abort"


def test_a_worker_that_leaves_by_itself_is_told_with_where_it_was_seen(crew, tmp_path):
    note = tmp_path / "note"
    guilty = crew.submit(flight_tasks.exit_soon, 3, str(note))
    looked_at(crew, "exit_soon")
    note.touch()
    died = death(crew, guilty)
    assert (died.exitcode, died.signal, names(died)) == (3, None, ["exit_soon"])
    assert "ended with exit code 3 while doing" in str(died)


@pytest.mark.parametrize(
    ("function", "arguments", "phase", "words"),
    [
        ("double", lambda: (tasks.DiesWhenRead(None),), "reading", "while it read the arguments of"),
        ("give", lambda: (tasks.DyingValue,), "answering", "while it wrote the result of"),
        ("kill_self", tuple, "running", "while doing"),
    ],
)
def test_what_the_worker_did_with_the_task_is_told(crew, function, arguments, phase, words):
    died = death(crew, crew.submit(getattr(tasks, function), *arguments()))
    assert died.phase == phase
    assert f"was killed by SIGKILL {words} tests.processes.tasks.{function}(" in str(died)


def test_a_task_that_was_too_short_to_be_looked_at_has_no_stack(forked):
    died = death(forked, forked.submit(tasks.kill_self))
    if died.stack:  # the machine stood still in between
        assert names(died) == ["kill_self"]
        return
    assert died.seconds > 0
    assert "last seen" not in str(died)
    assert not getattr(died, "__notes__", [])


def test_what_a_worker_did_last_is_told(forked):
    for number in range(20):
        if number % 5 == 4:
            with pytest.raises(ValueError, match="not to be read"):
                forked.get(forked.submit(tasks.explode))
        else:
            forked.get(forked.submit(tasks.double, number))
    died = death(forked, forked.submit(tasks.kill_self))
    assert (died.done, died.task) == (20, 21)
    assert died.events[-1][:2] == ("begun", 21)
    assert [event[:2] for event in died.events[-3:-1]] == [("begun", 20), ("failed", 20)]
    assert [event[:2] for event in died.events[-5:-3]] == [("begun", 19), ("done", 19)]
    assert len(died.events) == 15
    ages = [ago for _, _, ago in died.events]
    assert ages == sorted(ages, reverse=True)


def test_a_worker_that_replaces_a_dead_one_is_told_of_itself(forked):
    for _ in range(3):
        forked.get(forked.submit(flight_tasks.nothing))
        died = death(forked, forked.submit(tasks.kill_self))
        assert died.done == 1
    forked.get(forked.submit(flight_tasks.nothing))
    assert {record["pid"] for record in records(forked)} == forked.pids()


def test_functions_of_every_kind_have_names(forked):
    kinds = {
        "flight_tasks.wait_to_be_killed": flight_tasks.wait_to_be_killed,
        "flight_tasks.Method.run": flight_tasks.Method().run,
        "partial(tests.processes.flight_tasks.outer)": flight_tasks.partial(
            flight_tasks.outer, flight_tasks.wait_to_be_killed
        ),
    }
    for name, function in kinds.items():
        guilty = forked.submit(function)
        record = looked_at(forked, "wait_to_be_killed")
        assert record["function"].endswith(name)
        os.kill(record["pid"], signal.SIGKILL)
        assert death(forked, guilty).function.endswith(name)


def test_a_task_that_is_no_python_code_is_told_with_where_it_was_called(forked):
    guilty = forked.submit(flight_tasks.time.sleep, 600)
    # On a busy machine it is first looked at before it sleeps.
    record = looked_at(forked, "_call", innermost=1)
    assert record["function"] == "time.sleep"
    os.kill(record["pid"], signal.SIGKILL)
    died = death(forked, guilty)
    assert died.function == "time.sleep"
    assert names(died) == ["_call"]
    assert "last seen" not in str(died)


def test_what_the_interpreter_puts_between_frames_is_not_told(forked):
    guilty = forked.submit(flight_tasks.build)
    record = looked_at(forked, "wait_to_be_killed")
    os.kill(record["pid"], signal.SIGKILL)
    assert names(death(forked, guilty)) == ["build", "__init__", "<lambda>", "pause", "wait_to_be_killed"]


def test_of_a_deep_stack_the_innermost_frames_are_told(forked):
    guilty = forked.submit(flight_tasks.descend, 500, flight_tasks.wait_to_be_killed)
    record = looked_at(forked, "wait_to_be_killed")
    os.kill(record["pid"], signal.SIGKILL)
    died = death(forked, guilty)
    assert names(died)[-2:] == ["descend", "wait_to_be_killed"]
    assert set(names(died)[:-1]) == {"descend"}
    assert 20 < len(died.stack) <= 128


def test_a_child_of_the_task_that_crashes_is_not_taken_for_the_worker(forked, tmp_path):
    note = tmp_path / "note"
    guilty = forked.submit(flight_tasks.child_that_faults_and_then_wait, str(note))
    record = looked_at(forked, "wait_to_be_killed")
    assert note.exists()
    assert record["signal"] == 0
    os.kill(record["pid"], signal.SIGKILL)
    died = death(forked, guilty)
    assert names(died) == ["child_that_faults_and_then_wait", "wait_to_be_killed"]
    assert "when it crashed" not in "".join(traceback.format_exception(type(died), died, None))


def test_a_worker_inside_of_a_worker_is_told_too(forked):
    guilty = forked.submit(flight_tasks.outer, executor_with_a_death)
    assert forked.get(guilty) == ["outer", "inner", "string_at"]


def executor_with_a_death():
    inside = ExecutorSide(1, "fork")
    try:
        inside.get(inside.submit(flight_tasks.outer, flight_tasks.quiet_fault))
    except WorkerDied as died:
        return [name for name in names(died) if name != "quiet_fault"]
    finally:
        inside.end()


def test_samples_can_be_turned_off(forked, monkeypatch):
    monkeypatch.setenv("ROPEWALK_SAMPLES", "off")
    off = type(forked)(1, "fork")
    died = death(off, off.submit(flight_tasks.outer, flight_tasks.quiet_fault))
    assert (died.phase, died.stack, died.sampled) == ("running", (), None)
    off.end()


@pytest.mark.parametrize("task", flight_tasks.UNDISTURBED, ids=lambda task: task.__name__)
def test_a_task_does_not_notice_that_it_is_looked_at(apart, task):
    apart.get(apart.submit(task))


def test_a_worker_that_is_looked_at_all_the_time_goes_on_as_ever(apart):
    seconds = 30 if FULL else 2
    rounds = apart.submit(flight_tasks.storm, seconds)
    pid = looked_at(apart, "storm")["pid"]
    while not rounds.done():
        os.kill(pid, signal.SIGURG)
    assert apart.get(rounds) > 0
    assert apart.pids() == {pid}


def test_an_idle_worker_is_there_and_has_nothing_in_hand(crew):
    crew.get(crew.submit(flight_tasks.nothing))
    while not all(record["phase"] == "idle" for record in records(crew)):
        pass
    (record,) = records(crew)
    assert {record["pid"]} == crew.pids()
    assert (record["task"], record["seconds"], record["done"], record["stack"]) == (None, None, 1, [])


def test_a_report_goes_through_a_pickle_with_its_stack():
    died = WorkerDied(
        42,
        -9,
        function="f",
        arguments="1, 2",
        seconds=0.5,
        attempt=2,
        out_of_memory=True,
        memory_limit=2 << 30,
        task=812,
        record={
            "phase": "running",
            "stack": [(__file__, 1, "outer"), (__file__, 2, "inner")],
            "sampled": 0.25,
            "resident": 1900 << 20,
            "done": 3,
            "events": [("begun", 812, 0.5)],
        },
    )
    assert str(died) == (
        "worker process 42 was killed by SIGKILL (the kernel was out of memory: limit 2 GiB, it used 1.86 GiB 0.25 s "
        f"before) while doing f(1, 2), task 812, attempt 2, after 0.5 s, last seen in {__file__}:2 in inner"
    )
    again = pickle.loads(pickle.dumps(died))
    assert type(again) is WorkerDied
    assert str(again) == str(died)
    assert again.__dict__ == died.__dict__
    assert names(again) == ["outer", "inner"]
    if sys.version_info >= (3, 11):
        assert "in inner" in again.__notes__[0]
    else:
        assert "in inner" in str(died.__cause__)


def test_a_pool_that_goes_on_is_not_broken(forked):
    died = death(forked, forked.submit(tasks.kill_self))
    assert isinstance(died, BrokenExecutor)
    assert not isinstance(died, BrokenProcessPool)
    with pytest.raises(TransferError) as caught:
        forked.get(forked.submit(tasks.double, tasks.CanNotBeRead()))
    assert not isinstance(caught.value, BrokenProcessPool)


def test_a_program_that_knows_only_the_standard_library_catches_what_it_expects(forked, installed):
    died = death(forked, forked.submit(tasks.kill_self))
    assert isinstance(died, BrokenProcessPool)
    assert type(died).__name__ == "WorkerDied"
    assert isinstance(pickle.loads(pickle.dumps(died)), BrokenProcessPool)
    with pytest.raises(TransferError) as caught:
        forked.get(forked.submit(tasks.double, tasks.CanNotBeRead()))
    assert isinstance(caught.value, BrokenProcessPool)
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), TransferError)
