"""What stays the interpreter's: threads, timers, thread-local values. They must not get slower."""

from itertools import repeat

from rig.case import case


@case("Thread start+join", of=("threading.Event",), threads=True, chunk=0.1, rounds=2)
def thread_life(modules):
    thread = modules.threading.Thread

    def run(n):
        for _ in repeat(None, n):
            one = thread()
            one.start()
            one.join()

    return run


@case("Timer start+cancel+join", of=("threading.Event",), threads=True, chunk=0.1, rounds=2)
def timer_life(modules):
    timer = modules.threading.Timer

    def run(n):
        for _ in repeat(None, n):
            one = timer(60, print)
            one.start()
            one.cancel()
            one.join()

    return run


@case("create Thread", of=("threading.Event",))
def thread_new(modules):
    thread = modules.threading.Thread

    def run(n):
        for _ in repeat(None, n):
            thread()

    return run


@case("local: get and set")
def local_value(modules):
    local = modules.threading.local()
    local.value = 0

    def run(n):
        for _ in repeat(None, n):
            local.value = local.value

    return run


@case("current_thread().name")
def current_name(modules):
    current_thread = modules.threading.current_thread

    def run(n):
        for _ in repeat(None, n):
            name = current_thread().name
            assert name

    return run
