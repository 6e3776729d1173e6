"""Classes of a program that have a metaclass of their own and inherit from what ropewalk replaces."""

import abc
import builtins
import concurrent.futures
import queue
import subprocess
import sys
import textwrap
import threading
import traceback
import types
from typing import ClassVar, Generic, Protocol, TypeVar

import pytest
import ropewalk
from ropewalk.metaclasses import meeting

pytestmark = pytest.mark.usefixtures("installed")

T = TypeVar("T")


class Singleton(type):
    made: ClassVar[dict[type, object]] = {}

    def __call__(cls, *arguments, **options):
        if cls not in cls.made:
            cls.made[cls] = super().__call__(*arguments, **options)
        return cls.made[cls]


def test_an_abstract_queue_is_refused_until_its_methods_are_there():
    class Jobs(queue.Queue, abc.ABC):
        @abc.abstractmethod
        def describe(self): ...

    class Named(Jobs):
        def describe(self):
            return f"{self.qsize()} jobs"

    with pytest.raises(TypeError, match="abstract"):
        Jobs()
    jobs = Named(3)
    jobs.put(1)
    assert jobs.describe() == "1 jobs"
    assert isinstance(jobs, queue.Queue)
    assert issubclass(Named, abc.ABC)


def test_a_class_keeps_the_metaclass_that_it_asks_for_by_name():
    class Pool(concurrent.futures.ThreadPoolExecutor, metaclass=Singleton):
        pass

    assert isinstance(Pool, Singleton)
    assert repr(type(Pool)) == repr(Singleton)
    assert Pool(2) is Pool(3)
    with Pool(2) as pool:
        assert pool.submit(abs, -1).result() == 1


def test_a_protocol_and_a_generic_meet_ours():
    class Puts(Protocol):
        def put(self, item): ...

    class Strict(queue.Queue, Puts):
        pass

    class Typed(queue.Queue, Generic[T]):
        pass

    for kind in (Strict, Typed[int]):
        line = kind()
        line.put(1)
        assert line.get() == 1


def test_an_alias_of_ours_meets_another_metaclass():
    class Typed(queue.Queue, Generic[T]):
        pass

    class Jobs(queue.Queue[int], abc.ABC):
        pass

    class Further(abc.ABC, Typed[int]):
        pass

    class Single(Typed[int], metaclass=Singleton):
        pass

    for kind in (Jobs, Further, Single):
        line = kind()
        line.put(1)
        assert line.get() == 1
    assert isinstance(Single, Singleton)


def test_a_subclass_that_overrides_a_hook_runs_the_originals_algorithm_whatever_its_metaclass():
    class Newest(queue.Queue, abc.ABC):
        def _get(self):
            return self.queue.pop()

    line = Newest()
    line.put("old")
    line.put("new")
    assert line.get() == "new"


def test_a_metaclass_more_derived_than_that_of_a_base_wins():
    class Abstract(queue.Queue, abc.ABC):
        pass

    class Kind(abc.ABCMeta):
        pass

    class Further(Abstract, metaclass=Kind):
        pass

    assert isinstance(Further, Kind)
    assert type(Further()) is Further


def test_metaclasses_that_disagree_on_the_original_disagree_on_ours():
    with pytest.raises(TypeError, match="metaclass conflict"):

        class Neither(queue.Queue, abc.ABC, metaclass=Singleton):
            pass


def test_a_function_as_metaclass_makes_the_class_itself():
    made = []

    def make(name, bases, names):
        made.append(name)
        return type(bases[0])(name, bases, names)

    class Line(queue.Queue, metaclass=make):
        pass

    assert made == ["Line"]
    assert Line().empty()


def test_the_class_statement_leaves_no_trace_in_a_traceback():
    try:

        class Broken(threading.Event, abc.ABC):
            1 / 0
    except ZeroDivisionError as error:
        functions = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert functions == ["test_the_class_statement_leaves_no_trace_in_a_traceback", "Broken"]


def test_keywords_of_a_class_statement_reach_its_base():
    class Base(threading.Event):
        def __init_subclass__(cls, *, colour, **options):
            super().__init_subclass__(**options)
            cls.colour = colour

    class Red(Base, abc.ABC, colour="red"):
        pass

    assert Red.colour == "red"


def test_the_metaclass_of_two_is_made_once_and_only_where_it_is_needed():
    assert meeting((queue.Queue, abc.ABC)) is meeting((threading.Event, abc.ABC))
    assert meeting((queue.Queue,)) is None
    assert meeting((queue.Queue, object), type) is None


def test_a_plain_class_is_a_plain_class():
    class Plain:
        pass

    assert type(Plain) is type
    assert types.new_class("Plain").__name__ == "Plain"


def test_uninstall_gives_the_class_statement_back():
    statement = builtins.__build_class__
    ropewalk.uninstall()
    assert builtins.__build_class__ is not statement
    assert builtins.__build_class__.__self__ is builtins
    ropewalk.install()
    assert isinstance(builtins.__build_class__.__self__, tuple)


@pytest.mark.parametrize("arguments", [(), (len,), (len, "Name"), (1, "Name"), (len, 1)])
def test_a_wrong_call_of_the_class_statement_is_refused_in_the_originals_words(arguments):
    def call():
        with pytest.raises(Exception) as caught:
            builtins.__build_class__(*arguments)
        return type(caught.value), str(caught.value)

    ours = call()
    ropewalk.uninstall()
    assert call() == ours
    ropewalk.install()


def test_daemon_threads_are_ended_in_the_middle_of_class_bodies_without_a_crash(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
        import threading, time, queue, abc
        begun = threading.Semaphore(0)
        def define():
            while True:
                class Body(queue.Queue, abc.ABC):
                    begun.release()
                    for _ in range(1000):
                        time.sleep(0)
        for _ in range(8):
            threading.Thread(target=define, daemon=True).start()
        for _ in range(8):
            begun.acquire()
        """)
    )
    for _ in range(10):
        done = subprocess.run(
            [sys.executable, "-m", "ropewalk", str(program)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
