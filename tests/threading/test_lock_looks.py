"""How Lock and RLock look: types, methods and what makes them, beside the interpreter's own."""

import _thread
import collections
import contextlib
import copy
import gc
import inspect
import pickle
import sys
import weakref

import pytest
from ropewalk import threading

from tests.threading.test_lock import ORIGINALS, both, neutral, outcome


@both
def test_it_looks_like_the_original(kind):
    ours, original = kind(), ORIGINALS[kind]()
    assert neutral(repr(ours)) == neutral(repr(original))
    assert neutral(str(ours)) == neutral(str(original))
    assert f"at {id(ours):#x}>" in repr(ours)
    ours.acquire()
    original.acquire()
    assert neutral(repr(ours)) == neutral(repr(original))
    for name in ("__name__", "__qualname__", "__module__", "__doc__", "__text_signature__"):
        assert getattr(type(ours), name) == getattr(type(original), name)
    assert repr(type(ours)) == repr(type(original))


@both
def test_its_methods_are_those_of_the_original(kind):
    ours, original = type(kind()), type(ORIGINALS[kind]())
    extra = {"__original__", "__ropewalk__"}
    assert set(dir(ours)) - extra == set(dir(original))
    for name, method in vars(original).items():
        if callable(method):
            mine = vars(ours)[name]
            assert mine.__doc__ == method.__doc__
            assert mine.__text_signature__ == method.__text_signature__
            assert outcome(inspect.signature, mine) == outcome(inspect.signature, method)
            if name != "__new__":  # its repr names the metaclass
                assert neutral(repr(mine)) == neutral(repr(method))


@both
def test_it_says_that_it_is_ours(kind):
    assert type(kind()).__ropewalk__ is True


@both
def test_locks_of_the_interpreter_count_as_instances(kind):
    ours, original = kind(), ORIGINALS[kind]()
    assert isinstance(ours, type(ours))
    assert isinstance(original, type(ours))
    assert issubclass(type(original), type(ours))
    assert not isinstance(object(), type(ours))
    assert not issubclass(int, type(ours))


@both
def test_it_is_not_pickled(kind):
    ours, original = kind(), ORIGINALS[kind]()
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        refusal = outcome(pickle.dumps, original, protocol)
        assert refusal[0] is TypeError
        assert outcome(pickle.dumps, ours, protocol) == refusal


@both
def test_it_takes_weak_references_and_no_attributes(kind):
    lock, gone = kind(), []
    reference = weakref.ref(lock, gone.append)
    assert reference() is lock
    with pytest.raises(AttributeError):
        lock.attribute = 1
    del lock
    assert reference() is None
    assert gone == [reference]


@both
def test_its_type_cannot_be_changed(kind):
    with pytest.raises(TypeError, match="immutable type"):
        type(kind()).acquire = None


def test_the_type_of_a_plain_lock_has_no_subclasses():
    with pytest.raises(TypeError, match="type '_thread.lock' is not an acceptable base type"):
        type("Sub", (type(threading.Lock()),), {})


@pytest.mark.parametrize(("args", "kwargs"), [((1,), {}), ((), {"a": 1})], ids=repr)
def test_a_plain_lock_is_made_without_arguments(args, kwargs):
    assert outcome(threading.Lock, *args, **kwargs)[0] is TypeError
    ours, original = type(threading.Lock()), type(_thread.allocate_lock())
    assert outcome(ours, *args, **kwargs) == outcome(original, *args, **kwargs)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="threading.Lock is a function there")
def test_the_type_makes_locks_where_threading_lock_is_a_type():
    assert threading.Lock is type(threading.Lock())
    assert threading.Lock.__new__(threading.Lock).acquire() is True


PUBLIC = {threading.Lock: "Lock", threading.RLock: "RLock"}


@both
def test_what_makes_it_looks_like_the_original(kind):
    original = getattr(sys.modules["threading"], PUBLIC[kind])
    assert kind is not original
    assert kind.__ropewalk__ is True
    assert neutral(repr(kind)) == neutral(repr(original))
    assert inspect.isclass(kind) == inspect.isclass(original)
    assert inspect.isroutine(kind) == inspect.isroutine(original)
    assert outcome(inspect.signature, kind) == outcome(inspect.signature, original)
    for name in ("__name__", "__qualname__", "__module__", "__doc__", "__text_signature__"):
        assert getattr(kind, name, None) == getattr(original, name, None)
    assert weakref.ref(kind)() is kind


@both
def test_what_makes_it_is_copied_as_itself(kind):
    assert copy.copy(kind) is kind
    assert copy.deepcopy([kind]) == [kind]


@both
def test_what_makes_it_is_pickled_as_the_public_name(kind, installed):
    assert pickle.loads(pickle.dumps(kind)) is kind
    locks = collections.defaultdict(kind)
    assert pickle.loads(pickle.dumps(locks)).default_factory is kind
    assert pickle.loads(pickle.dumps(type(kind()))) is type(kind())


Sub = type("Sub", (type(threading.RLock()),), {"__module__": __name__})


def test_a_subclass_is_pickled_by_its_name():
    assert pickle.loads(pickle.dumps(Sub)) is Sub


@both
def test_a_lock_that_is_dropped_while_held_is_no_trouble(kind):
    for _ in range(100):
        kind().acquire()
    gc.collect()


@both
def test_the_garbage_collector_knows_it(kind):
    assert gc.is_tracked(kind()) == gc.is_tracked(ORIGINALS[kind]())


@both
def test_the_methods_of_with_look_like_the_originals(kind):
    ours, original = kind(), ORIGINALS[kind]()
    for name in ("__enter__", "__exit__"):
        mine, theirs = getattr(ours, name), getattr(original, name)
        assert neutral(repr(mine)) == neutral(repr(theirs))
        assert mine.__self__ is ours
        assert isinstance(mine, type(theirs))
        assert (mine.__name__, mine.__doc__) == (theirs.__name__, theirs.__doc__)
        assert outcome(inspect.signature, mine) == outcome(inspect.signature, theirs)
        assert mine == getattr(ours, name)
        assert mine != getattr(kind(), name)
        assert hash(mine) == hash(getattr(ours, name))
        assert outcome(mine, a=1)[0] is outcome(theirs, a=1)[0] is TypeError


@both
def test_the_methods_of_with_can_be_called_in_any_way(kind):
    lock = kind()
    enter, leave = lock.__enter__, lock.__exit__
    assert enter() is True
    assert leave() is None
    assert type(lock).__enter__(lock) is True
    assert type(lock).__exit__(lock, None, None, None) is None
    with contextlib.ExitStack() as stack:
        assert stack.enter_context(lock) is True
    with pytest.raises(TypeError):
        type(lock).__enter__(object())
    with pytest.raises(TypeError):
        type(lock).__enter__()
    assert lock.acquire(False) is True


@both
def test_a_bound_method_of_with_keeps_its_lock(kind):
    lock = kind()
    reference = weakref.ref(lock)
    leave = lock.__exit__
    lock.acquire()
    del lock
    gc.collect()
    assert reference() is not None
    leave(None, None, None)
    del leave
    assert reference() is None


@both
def test_more_bound_methods_than_are_kept_for_use_again(kind):
    locks = [kind() for _ in range(200)]
    for _ in range(3):
        with contextlib.ExitStack() as stack:
            leaves = [lock.__exit__ for lock in locks]
            for lock in locks:
                stack.enter_context(lock)
            assert [leave.__self__ for leave in leaves] == locks
        assert all(lock.acquire(False) for lock in locks)
        for leave in leaves:
            leave()
