"""A signal handler forks while the main thread waits: it goes on waiting in both, and can be woken in both."""

import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
    import os, signal, sys, threading, time
    from ropewalk import queue, threading as ours

    signal.alarm(60)
    main, child = threading.main_thread(), None
    event, line, semaphore, ready = ours.Event(), queue.Queue(), ours.Semaphore(0), ours.Condition()

    def waits():
        frame = sys._current_frames()[main.ident]
        return frame.f_code.co_name == "wait_here"

    def wake():
        while not waits():
            time.sleep(0.001)
        event.set()
        line.put(None)
        semaphore.release()
        with ready:
            ready.notify_all()

    def fork(number, frame):
        global child
        child = os.fork()
        if not child:
            signal.alarm(20)
        threading.Thread(target=wake).start()

    def interrupt():
        while not waits():
            time.sleep(0.001)
        time.sleep(0.01)  # it may not sleep yet: then it is interrupted a little earlier
        signal.pthread_kill(main.ident, signal.SIGUSR1)

    def wait_here():
        {wait}

    signal.signal(signal.SIGUSR1, fork)
    threading.Thread(target=interrupt).start()
    wait_here()
    if not child:
        os._exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

WAITS = {
    "event": "event.wait()",
    "queue": "line.get()",
    "semaphore": "semaphore.acquire()",
    "condition": "ready.acquire(); ready.wait(); ready.release()",
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_the_child_can_be_woken_from_the_wait_in_which_it_was_born(wait):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(PROGRAM).format(wait=wait)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("7\n", "")
