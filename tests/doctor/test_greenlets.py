"""Suspended greenlets among `ropewalk.waits()`: who they are, where they stand, what they wait for."""

from __future__ import annotations

import pytest
from ropewalk import _ropewalk

from tests.greenlet.program import python


def test_a_suspended_greenlet_is_told_of_with_its_parent_and_where_it_stands():
    assert python("""
        import math, threading, ropewalk
        from ropewalk.greenlet import getcurrent, greenlet
        main = getcurrent()
        def inner():
            main.switch()
        def outer():
            inner()
        child = greenlet(outer)
        never_begun = greenlet(outer)
        ended = greenlet(int)
        ended.switch()
        assert ropewalk.waits() == [], "the one that runs waits for nothing"
        child.switch()
        (wait,) = ropewalk.waits()
        assert wait.greenlet == ("greenlet outer", id(child), "main greenlet", id(main)), wait
        assert (wait.thread, wait.ident) == ("MainThread", threading.get_ident())
        assert [(place.line, place.function) for place in wait.stack] == [(6, "inner"), (8, "outer")], wait
        assert (wait.what, wait.name, wait.id, wait.timed) == ("switch", None, 0, False)
        assert wait.is_suspended and math.isnan(wait.seconds)
        child.switch()
        assert ropewalk.waits() == []
        print("done")
    """) == ["done"]


def test_the_one_that_a_thread_began_with_is_told_of_while_another_runs():
    assert python("""
        import ropewalk
        from ropewalk.greenlet import getcurrent, greenlet
        main = getcurrent()
        (wait,) = greenlet(ropewalk.waits).switch()
        assert wait.greenlet == ("main greenlet", id(main), None, 0), wait
        print([place.function for place in wait.stack])
    """) == ["['<module>']"]


GEVENT = """
import gevent, gevent.event, gevent.lock, gevent.queue, gevent.socket
from gevent import sleep
from gevent.event import Event
event, timed, queue, full, lock = Event(), Event(), gevent.queue.Queue(), gevent.queue.Queue(1), gevent.lock.RLock()
semaphore, result, (one, other) = gevent.lock.Semaphore(0), gevent.event.AsyncResult(), gevent.socket.socketpair()
full.put(1)
def event_wait(): event.wait()
def timed_wait(): timed.wait(timeout=100)
def queue_get(): queue.get()
def queue_put(): full.put(2)
def lock_acquire():
    with lock:
        pass
def semaphore_acquire(): semaphore.acquire()
def result_get(): result.get()
def socket_recv(): one.recv(1)
def sleeps(): sleep(100)
def greenlet_join(): first.join()
def all_joined(): gevent.joinall([first])
lock.acquire()
first = gevent.spawn(event_wait)
keep = [first] + [gevent.spawn(function) for function in (timed_wait, queue_get, queue_put, lock_acquire,
    semaphore_acquire, result_get, socket_recv, sleeps, greenlet_join, all_joined)]
sleep(0)
"""


@pytest.fixture
def in_a_file(tmp_path):
    """Runs a program that has a file, and returns the lines that it printed."""

    def run(text):
        file = tmp_path / "program.py"
        file.write_text(text)
        return python(f"import runpy; runpy.run_path({str(file)!r}, run_name='__main__')")

    return run


def test_under_gevent_the_call_into_it_says_what_is_waited_for(in_a_file):
    lines = in_a_file(f"""
import ropewalk
ropewalk.install()
{GEVENT}
for wait in ropewalk.waits():
    if wait.greenlet.name != "Hub":
        same = wait.name is None or wait.id == id(globals()[wait.name])
        print(wait.greenlet.name, wait.what, wait.name, wait.timed, same, wait.stack[0].function)
""")
    assert sorted(lines) == sorted(
        f"Greenlet {function} {rest} True {function}"
        for function, rest in {
            "event_wait": "Event.wait event False",
            "timed_wait": "Event.wait timed False",
            "queue_get": "Queue.get queue False",
            "queue_put": "Queue.put full False",
            "lock_acquire": "RLock.acquire lock False",
            "semaphore_acquire": "Semaphore.acquire semaphore False",
            "result_get": "AsyncResult.get result False",
            "socket_recv": "socket.recv one False",
            "sleeps": "sleep None True",
            "greenlet_join": "Greenlet.join first False",
            "all_joined": "joinall None False",
        }.items()
    )


def test_under_eventlet_too(in_a_file):
    lines = in_a_file("""
import warnings
warnings.simplefilter("ignore")
import ropewalk
ropewalk.install()
import eventlet, eventlet.event, eventlet.queue, eventlet.semaphore
event, queue, semaphore = eventlet.event.Event(), eventlet.queue.Queue(), eventlet.semaphore.Semaphore(0)
def event_wait(): event.wait()
def queue_get(): queue.get()
def semaphore_acquire(): semaphore.acquire()
def sleeps(): eventlet.sleep(100)
keep = [eventlet.spawn(function) for function in (event_wait, queue_get, semaphore_acquire, sleeps)]
eventlet.sleep(0)
for wait in ropewalk.waits():
    if wait.stack[0].file == __file__:
        print(wait.greenlet.name, wait.what, wait.name)
""")
    assert sorted(lines) == [
        "GreenThread event_wait Event.wait event",
        "GreenThread queue_get Queue.get queue",
        "GreenThread semaphore_acquire Semaphore.acquire semaphore",
        "GreenThread sleeps sleep None",
    ]


def test_the_greenlets_of_every_thread_are_told_of_until_it_ends():
    assert python("""
        import threading, ropewalk
        from ropewalk.greenlet import getcurrent, greenlet
        begun, end = threading.Event(), threading.Event()
        def body():
            child = greenlet(lambda: getcurrent().parent.switch())
            child.switch()
            begun.set()
            end.wait()
            kept.append(child)
        kept = []
        thread = threading.Thread(target=body, name="other")
        thread.start()
        begun.wait()
        print([(wait.thread, wait.ident == thread.ident) for wait in ropewalk.waits() if wait.is_suspended])
        end.set()
        thread.join()
        print(ropewalk.waits())
    """) == ["[('other', True)]", "[]"]


def test_a_forked_child_has_the_greenlets_of_the_thread_that_forked_and_no_others():
    assert python("""
        import os, threading, ropewalk
        from ropewalk.greenlet import getcurrent, greenlet
        begun, end = threading.Event(), threading.Event()
        def suspended(name):
            child = greenlet(lambda: getcurrent().parent.switch())
            child.switch()
            return child
        def body():
            child = suspended("other")
            begun.set()
            end.wait()
        threading.Thread(target=body, name="other").start()
        begun.wait()
        mine = suspended("mine")
        def ids():
            return [wait.greenlet.id for wait in ropewalk.waits() if wait.is_suspended]
        assert len(ids()) == 2
        if os.fork() == 0:
            later = suspended("later")
            right = ids() == [id(mine), id(later)] or ids() == [id(later), id(mine)]
            if os.fork() == 0:
                os._exit(0 if set(ids()) == {id(mine), id(later)} else 1)
            os._exit(0 if os.wait()[1] == 0 and right else 1)
        print(os.wait()[1])
        end.set()
    """) == ["0"]


def test_a_thread_that_waits_in_a_greenlet_is_told_of_with_it():
    assert python("""
        import threading, time, ropewalk
        ropewalk.install()
        from ropewalk.greenlet import greenlet
        lock = threading.Lock()
        lock.acquire()
        def body():
            with lock:
                pass
        thread = threading.Thread(target=lambda: greenlet(body).switch(), name="other")
        thread.start()
        while not [wait for wait in ropewalk.waits() if wait.what == "Lock"]:
            time.sleep(0.001)
        (wait,) = [wait for wait in ropewalk.waits() if wait.what == "Lock"]
        print(wait.thread, wait.greenlet.name, wait.greenlet.parent, wait.is_suspended)
        lock.release()
        thread.join()
    """) == ["other greenlet greenlet False"]


def test_to_look_keeps_no_greenlet_alive():
    assert python("""
        import weakref, ropewalk
        from ropewalk.greenlet import getcurrent, greenlet
        def body():
            try:
                getcurrent().parent.switch()
            finally:
                print("ended")
        child = greenlet(body)
        child.switch()
        waits = ropewalk.waits()
        seen = weakref.ref(child)
        del child
        print(len(waits), seen())
    """) == ["ended", "1 None"]


def test_a_thousand_at_one_place_are_one_line():
    lines = python("""
        import ropewalk
        from ropewalk.doctor import drawing
        from ropewalk.greenlet import getcurrent, greenlet
        def body():
            getcurrent().parent.switch()
        children = [greenlet(body) for _ in range(1000)]
        for child in children:
            child.switch()
        assert len(ropewalk.waits()) == 1000
        print(drawing.table(ropewalk.waits()))
    """)
    assert lines[:2] == ["Nobody waits on an object of ropewalk's.", "Suspended greenlets:"]
    (line,) = lines[2:]
    assert line.startswith("  MainThread, 1000 times greenlet body, the first 0x")
    assert line.endswith(", child of main greenlet, wait to be switched to, at <string>:6 in body")


def test_the_roll_has_a_greenlet_from_its_first_switch_to_its_end():
    # In one process: greenlets come and go, and others take over what they leave.
    assert python("""
        from ropewalk import _ropewalk
        from ropewalk.greenlet import getcurrent, greenlet
        main = getcurrent()
        def found():
            return {id(one[0]) for one in _ropewalk.greenlets()}
        for count in (1, 31, 32, 33, 100, 5):
            children = [greenlet(lambda: main.switch()) for _ in range(count)]
            assert found() == {id(main)}
            for child in children:
                child.switch()
            assert found() == {id(main), *map(id, children)}
            for child in children[::2]:
                child.switch()
            assert found() == {id(main), *map(id, children[1::2])}
            del child, children
            assert found() == {id(main)}
        print("done")
    """) == ["done"]


def test_a_process_with_other_files_is_refused_with_a_reason():
    import subprocess

    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as other:
        with pytest.raises(OSError, match="another build of Python or of ropewalk") as refused:
            while True:  # until it has become cat
                assert _ropewalk.process_greenlets(other.pid) == []
        assert not isinstance(refused.value, (ProcessLookupError, PermissionError))
    with pytest.raises(ProcessLookupError):
        _ropewalk.process_greenlets(other.pid)
