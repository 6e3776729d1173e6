"""on_thread_stack(): a call stands where foreign code expects its thread's stack."""

import ctypes
import sys

import pytest
from ropewalk.greenlet import error, getcurrent, greenlet, on_thread_stack

from tests.greenlet.program import python

#: Says whether the calling thread stands within what it is told to be its stack. Asked of the kernel while it reads a
#: pipe: that shows the stack pointer of a thread that is in a system call.
STANDS = """
import ctypes, os, threading
from ropewalk.greenlet import error, getcurrent, greenlet, on_thread_stack
libc = ctypes.CDLL(None)
def bounds():
    attributes = ctypes.create_string_buffer(256)
    start, size = ctypes.c_void_p(), ctypes.c_size_t()
    assert libc.pthread_getattr_np(ctypes.c_ulong(threading.get_ident()), attributes) == 0
    assert libc.pthread_attr_getstack(attributes, ctypes.byref(start), ctypes.byref(size)) == 0
    return start.value, start.value + size.value
def at_home():
    start, end = bounds()
    there, back = os.pipe()
    task, seen = threading.get_native_id(), []
    def looks():
        words = []
        while len(words) < 9:  # "running" until it reads
            with open(f"/proc/self/task/{task}/syscall") as file:
                words = file.read().split()
            if words[0] != "0" or int(words[1], 16) != there:
                words = []
        seen.append(int(words[7], 16))
        os.write(back, b"x")
    looker = threading.Thread(target=looks)
    looker.start()
    os.read(there, 1)
    looker.join()
    os.close(there)
    os.close(back)
    return start <= seen[0] < end
"""


def test_a_call_on_the_threads_stack_stands_within_its_bounds_and_a_greenlet_does_not():
    assert python(f"""
{STANDS}
print(at_home(), on_thread_stack(at_home))
print(greenlet(at_home).switch())
print(greenlet(lambda: (on_thread_stack(at_home), at_home(), on_thread_stack(at_home))).switch())
print(greenlet(on_thread_stack).switch(lambda: (on_thread_stack(at_home), at_home())))
def thread():
    print(at_home(), greenlet(at_home).switch(), greenlet(on_thread_stack).switch(at_home))
other = threading.Thread(target=thread)
other.start()
other.join()
""") == [
        "True True",
        "False",
        "(True, False, True)",
        "(True, True)",
        "True False True",
    ]


def test_it_passes_arguments_results_and_exceptions():
    def fails(*args, **kwargs):
        raise KeyError(args, kwargs)

    def body():
        assert on_thread_stack(divmod, 7, 2) == (3, 1)
        assert on_thread_stack(dict, a=1) == {"a": 1}
        with pytest.raises(KeyError, match="b"):
            on_thread_stack(fails, 1, b=2)
        with pytest.raises(TypeError, match="needs a function to call"):
            on_thread_stack()
        with pytest.raises(TypeError, match="not callable"):
            on_thread_stack(5)
        return "done"

    assert greenlet(body).switch() == "done"
    assert on_thread_stack(divmod, 7, 2) == (3, 1)


def test_nobody_can_be_switched_to_until_it_has_returned():
    main = getcurrent()
    suspended = greenlet(lambda: main.switch("stopped"))
    assert suspended.switch() == "stopped"

    def tries():
        for target in (main, suspended, greenlet(int)):
            with pytest.raises(error, match="thread's own stack"):
                target.switch()
            with pytest.raises(error, match="thread's own stack"):
                target.throw(ValueError)
        return getcurrent()

    child = greenlet(lambda: on_thread_stack(tries))
    assert child.switch() is child
    assert suspended.switch() == ()
    assert greenlet(int).switch() == 0


def test_greenlets_that_are_let_go_of_meanwhile_end_when_it_has_returned():
    main, ended = getcurrent(), []

    def body():
        try:
            main.switch()
        finally:
            ended.append(getcurrent())

    others = [greenlet(body) for _ in range(3)]
    for other in others:
        other.switch()
    del other

    def lets_go():
        others.clear()
        assert getcurrent() is not main
        return list(ended)

    def calls():
        return on_thread_stack(lets_go)

    assert greenlet(calls).switch() == []
    getcurrent()
    assert len(ended) == 3


def test_the_first_greenlet_goes_on_as_if_nothing_had_been_there():
    def deep(n):
        return sorted([n], key=lambda _: deep(n - 1))[0] if n else 0

    def body(numbers):
        while True:
            numbers = getcurrent().parent.switch([on_thread_stack(deep, n) for n in numbers])

    child = greenlet(body)
    for _ in range(20):
        assert sorted(child.switch(range(60)), key=lambda n: deep(20) - n) == list(range(60))[::-1]
    child.throw()


def test_a_function_in_c_calls_back_from_there():
    compares = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    numbers = (ctypes.c_int * 50)(*range(50))

    def sort():
        libc = ctypes.CDLL(None)
        libc.qsort(numbers, len(numbers), ctypes.sizeof(ctypes.c_int), compares(lambda a, b: b[0] - a[0]))

    greenlet(lambda: on_thread_stack(sort)).switch()
    assert list(numbers) == list(range(50))[::-1]


def test_recursion_there_ends_in_an_error():
    def endless(n):
        return sorted([n], key=endless)

    def body():
        with pytest.raises(RecursionError):
            on_thread_stack(endless, 1)
        return "stopped"

    assert greenlet(body).switch() == "stopped"


def test_an_exit_in_the_middle_of_it_crashes_nothing():
    assert python("""
        import threading
        from ropewalk.greenlet import greenlet, on_thread_stack
        begun = threading.Semaphore(0)
        def waits():
            begun.release()
            threading.Event().wait()
        for _ in range(5):
            threading.Thread(target=lambda: greenlet(lambda: on_thread_stack(waits)).switch(), daemon=True).start()
        for _ in range(5):
            begun.acquire()
        print("ends")
    """) == ["ends"]


def test_it_keeps_nothing_alive():
    def body():
        thing = [object()]
        before = sys.getrefcount(thing[0])
        for _ in range(100):
            on_thread_stack(len, thing)
            on_thread_stack(dict, thing=thing[0])
        return sys.getrefcount(thing[0]) - before

    assert greenlet(body).switch() == 0
