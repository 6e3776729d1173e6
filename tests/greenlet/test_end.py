"""The end of greenlets that nobody holds, of threads, and of the interpreter."""

import gc
import threading
import weakref

from ropewalk._ropewalk import _greenlet
from ropewalk.greenlet import GreenletExit, getcurrent, greenlet

from tests.greenlet.program import python


def until(condition):
    """Waits for what the interpreter does between two instructions of the main thread."""
    passed = threading.Event()
    for _ in range(30_000):
        if condition():
            return
        passed.wait(0.002)
    raise AssertionError("it never came true")


def test_a_suspended_greenlet_that_nobody_holds_is_told_to_exit():
    seen = []

    def body():
        try:
            getcurrent().parent.switch()
        except GreenletExit as told:
            seen.append(type(told))
            raise

    child = greenlet(body)
    child.switch()
    del child
    assert seen == [GreenletExit]


def test_it_may_come_back_to_life_meanwhile():
    kept = []

    def body():
        try:
            getcurrent().parent.switch()
        except GreenletExit:
            kept.append(getcurrent())
            getcurrent().parent.switch()
        return "ended"

    child = greenlet(body)
    child.switch()
    del child
    assert kept[0]
    assert kept[0].switch() == "ended"


def test_a_cycle_through_a_dead_greenlet_is_collected():
    child = greenlet(lambda: None)
    child.switch()
    child.itself = child
    reference = weakref.ref(child)
    del child
    gc.collect()
    assert reference() is None


def test_let_go_of_in_another_thread_it_exits_in_its_own():
    told = []
    theirs = []
    is_there, may_go_on = threading.Event(), threading.Event()

    def body():
        try:
            getcurrent().parent.switch()
        except GreenletExit:
            told.append(threading.current_thread())

    def thread():
        child = greenlet(body)
        child.switch()
        theirs.append(child)
        del child
        is_there.set()
        may_go_on.wait(120)
        getcurrent()

    other = threading.Thread(target=thread)
    other.start()
    is_there.wait(120)
    theirs.clear()
    assert told == []
    may_go_on.set()
    other.join()
    assert told == [other]


def test_suspended_greenlets_of_a_thread_that_ends_are_told_to_exit_or_die_with_it():
    told = []
    kept = []

    class Local:
        pass

    alive = []

    def body():
        local = Local()
        alive.append(weakref.ref(local))
        try:
            getcurrent().parent.switch()
        except GreenletExit:
            told.append(True)

    def thread():
        goes = greenlet(body)
        goes.switch()
        stays = greenlet(body)
        stays.switch()
        kept.append(stays)

    other = threading.Thread(target=thread)
    other.start()
    other.join()
    assert told == [True]
    until(lambda: kept[0].dead)
    assert alive[1]() is None, "its frames have let go of what they held"


def test_an_ended_thread_leaves_no_greenlet_behind():
    def thread():
        greenlet(lambda: None).switch()

    before = _greenlet.get_total_main_greenlets()
    for _ in range(3):
        other = threading.Thread(target=thread)
        other.start()
        other.join()
    until(lambda: _greenlet.get_total_main_greenlets() == before)


def test_a_frame_outlives_its_thread_and_its_greenlet():
    frames = []

    def body():
        local = "kept"
        getcurrent().parent.switch()
        return local

    def thread():
        child = greenlet(body)
        child.switch()
        frames.append(child.gr_frame)
        frames.append(child)

    other = threading.Thread(target=thread)
    other.start()
    other.join()
    frame, child = frames
    until(lambda: child.dead)
    for _ in range(100):
        greenlet(lambda: [0] * 100).switch()
    assert frame.f_code.co_name == "body"
    assert frame.f_locals["local"] == "kept"


def test_the_interpreter_ends_while_greenlets_are_suspended():
    program = """
        import threading
        from ropewalk.greenlet import getcurrent, greenlet
        def body(depth):
            if depth:
                return body(depth - 1)
            try:
                getcurrent().parent.switch()
            finally:
                pass
        def thread():
            for depth in range(20):
                child = greenlet(body)
                child.switch(depth)
                kept.append(child)
        kept = []
        thread()
        other = threading.Thread(target=thread)
        other.start()
        other.join()
        print(len(kept))
    """
    for _ in range(5):
        assert python(program) == ["40"]


def test_the_interpreter_ends_while_a_daemon_thread_runs_in_a_greenlet():
    program = """
        import threading, time
        from ropewalk.greenlet import getcurrent, greenlet
        runs = threading.Event()
        def inner():
            runs.set()
            while True:
                sorted([2, 1], key=lambda n: time.sleep(0.0001) or n)
        def body():
            greenlet(inner).switch()
        threading.Thread(target=lambda: greenlet(body).switch(), daemon=True).start()
        runs.wait()
        print("ends")
    """
    for _ in range(5):
        assert python(program) == ["ends"]


def test_a_forked_child_goes_on_with_its_greenlets():
    lines = python("""
        import os
        from ropewalk.greenlet import getcurrent, greenlet
        def body():
            number = 1
            while True:
                number += getcurrent().parent.switch(number)
        child = greenlet(body)
        child.switch()
        pid = os.fork()
        if pid == 0:
            print(child.switch(10), flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        print(child.switch(20))
    """)
    assert lines == ["11", "21"]
