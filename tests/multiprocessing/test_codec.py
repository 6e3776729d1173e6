"""Objects as bytes and back: what the codec writes itself, what it leaves to the pickler, and what is no message."""

from __future__ import annotations

import copyreg
import datetime
import math
import os
import pickle
import random
import subprocess
import sys
import threading
from collections import OrderedDict
from multiprocessing.reduction import ForkingPickler
from typing import NamedTuple

import pytest
from ropewalk._ropewalk import dumps, loads

COMPACT, PICKLE, THEIRS = b"\xc1", b"\xc0", b"\xf5"


class Text(str):
    pass


class Plain:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return type(self) is type(other) and self.value == other.value


class Point(NamedTuple):
    x: int
    y: int


BUILTINS = [
    None,
    True,
    False,
    *(0, 1, 127, 128, 255, -1, -128, 2**31, -(2**31), 2**62, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1),
    *(2**64, 10**30, -(10**30), 1 << 5000, -(1 << 5000)),
    *(0.0, -0.0, 1.5, math.inf, -math.inf, 5e-324),
    *("", "a", "rope", "é", "\0", "日本語", "🪢", "x" * 31, "x" * 32, "é" * 16, "x" * 100_000),
    *(b"", b"a", b"\0\xff", b"x" * 100_000, bytearray(), bytearray(b"rope")),
    *((), (1,), (1, 2, 3), tuple(range(7)), tuple(range(8)), tuple(range(1000))),
    *(
        [],
        [1],
        list(range(7)),
        list(range(8)),
        [None] * 1000,
        [1.0, 2.0],
        [1.0, 2.0, 3.0, 4.0, 5.5],
        [1.0] * 5 + [1],
    ),
    *(
        {},
        {"a": 1},
        {i: i for i in range(15)},
        {i: str(i) for i in range(16)},
        {None: 1, (1, 2): {"a": [()]}},
    ),
    *(set(), {1}, {1, "a", (2, 3)}, frozenset(), frozenset({1, 2}), {frozenset({1}), frozenset({2})}),
    {
        "id": 17,
        "name": "worker",
        "x": 1.5,
        "ok": True,
        "tags": ["a", "b"],
        b"k": {"nested": [{}, {"id": 18}]},
    },
    [[[[[[[[[[1]]]]]]]]]],
]


@pytest.mark.parametrize("value", BUILTINS, ids=lambda value: repr(value)[:40])
def test_builtins_come_back_equal_and_of_the_same_types(value):
    message = dumps(value)
    assert message[:1] == COMPACT
    again = loads(message)
    assert again == value
    assert repr(again) == repr(value)  # the order, the sign of zero, the types inside
    assert type(again) is type(value)


def test_not_a_number_comes_back():
    assert math.isnan(loads(dumps(math.nan)))
    assert list(map(math.isnan, loads(dumps([math.nan, 1.0, 2.0, 3.0])))) == [True, False, False, False]


OTHERS = [
    Text("a"),
    Plain(1),
    [Plain({"a": 1}), {"b": Plain(2)}],
    Point(1, 2),
    OrderedDict(a=1),
    datetime.datetime(2026, 1, 2),
    1j,
    range(3),
    ...,
    len,
    os.path.join,
    Plain,
    KeyError("a"),
    "\ud800",
    {"half": "\udfff"},
]


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: ascii(value)[:40])
def test_everything_else_is_pickled(value):
    message = dumps(value)
    assert message[:1] == PICKLE
    again = loads(message)
    assert type(again) is type(value)
    assert again == value or repr(again) == repr(value)


def test_one_container_twice_is_one_container_afterwards():
    shared = [1]
    a, b = loads(dumps((shared, {"again": shared})))
    assert a is b["again"]
    for shared in ({}, {1}, frozenset({1}), (1, [2]), bytearray(b"a")):
        a, b = loads(dumps([shared, shared]))
        assert a is b


def test_the_empty_tuple_is_nobodys():
    assert dumps([(), (), ()])[:1] == COMPACT


def test_cycles_come_back():
    ring = []
    ring.append(ring)
    again = loads(dumps(ring))
    assert again[0] is again
    table = {}
    table["self"] = [table]
    again = loads(dumps(table))
    assert again["self"][0] is again


def test_one_text_many_times_is_sent_once():
    text = "rope" * 1000
    data = b"walk" * 1000
    message = dumps([text, data] * 100)
    assert len(message) < 9000
    again = loads(message)
    assert again == [text, data] * 100
    assert again[0] is again[2]


def test_deep_nests_are_pickled_and_the_deepest_refused():
    deep = []
    for _ in range(150):
        deep = [deep]
    assert dumps(deep)[:1] == PICKLE
    assert loads(dumps(deep)) == deep
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        dumps(deep)
    while deep:  # one by one: freeing it at once is as deep
        deep = deep[0]


def test_keys_are_the_very_objects_that_a_program_has():
    for _ in range(3):
        again = loads(dumps({"a key of the program's": 1}))
    (key,) = again
    assert key is sys.intern("a key of the program's")


def test_keys_that_share_a_place_are_told_apart():
    keys = [f"{i:x}" * (i % 7 + 1) for i in range(5000)]
    for _ in range(3):
        assert loads(dumps(dict.fromkeys(keys, 1))) == dict.fromkeys(keys, 1)


def test_what_is_registered_for_pickling_is_used():
    class Local:
        pass

    ForkingPickler.register(Local, lambda _: (str, ("registered",)))
    try:
        assert loads(dumps(Local())) == "registered"
        ForkingPickler.register(Local, lambda _: (str, ("anew",)))
        assert loads(dumps([Local()])) == ["anew"]
    finally:
        del ForkingPickler._extra_reducers[Local]
    copyreg.pickle(Local, lambda _: (str, ("by copyreg",)))
    try:
        assert loads(dumps(Local())) == "by copyreg"
    finally:
        del copyreg.dispatch_table[Local]
    with pytest.raises((AttributeError, pickle.PicklingError), match="Local"):
        dumps(Local())


def test_a_pickler_that_the_program_has_put_in_place_is_used(monkeypatch):
    import multiprocessing.queues

    class Loud(ForkingPickler):
        @classmethod
        def dumps(cls, obj, protocol=None):
            return b"loud" + bytes(ForkingPickler.dumps(obj, protocol))

        @staticmethod
        def loads(message):
            assert message[:4] == b"loud"
            return pickle.loads(message[4:])

    monkeypatch.setattr(multiprocessing.queues, "_ForkingPickler", Loud)
    assert dumps(1j) == THEIRS + b"loud" + pickle.dumps(1j)
    assert loads(dumps(1j)) == 1j


class Sends:
    def __reduce__(self):
        return bytes, (dumps([Plain(1), {"inner": 2}]),)


def test_a_reducer_may_encode_something_itself():
    inner = loads(dumps([{"outer": 1}, Sends(), Sends()]))
    assert [loads(message) for message in inner[1:]] == [[Plain(1), {"inner": 2}]] * 2


class Reads:
    def __init__(self, message):
        self.value = loads(message)

    def __reduce__(self):
        return Reads, (dumps(self.value),)


def test_a_constructor_may_decode_something_itself():
    again = loads(dumps({"a": Reads(dumps({"b": Plain(3)}))}))
    assert again["a"].value == {"b": Plain(3)}


class Raises:
    def __reduce__(self):
        raise LookupError("mine")


@pytest.mark.parametrize("place", [lambda x: x, lambda x: [x], lambda x: {"a": [1, "b", x]}])
def test_what_a_reducer_raises_is_raised_and_the_next_message_is_whole(place):
    with pytest.raises(LookupError, match="mine"):
        dumps(place(Raises()))
    assert loads(dumps([Plain(1)])) == [Plain(1)]
    assert loads(dumps({"a": 1})) == {"a": 1}


def test_nothing_is_kept_alive():
    class Watched:
        pass

    import weakref

    Watched.__module__, Watched.__qualname__ = __name__, "Watched"
    globals()["Watched"] = Watched
    value = Watched()
    gone = weakref.ref(value)
    loads(dumps([value]))
    del value
    assert gone() is None


FOREIGN = [
    b"",
    b"\0",
    b"abc",
    pickle.dumps([1]),
    pickle.dumps({"a": 1}, 0),
    b"\xff" * 100,
    b"\xc1",
    b"\xc1\xff",
]


@pytest.mark.parametrize("message", FOREIGN, ids=ascii)
def test_foreign_bytes_are_refused(message):
    with pytest.raises(pickle.UnpicklingError, match="not a message of ropewalk's"):
        loads(message)


def _every_cut(value):
    message = dumps(value)
    return [message[:end] for end in range(1, len(message))]


def test_a_message_that_was_cut_is_refused():
    for value in BUILTINS:
        if len(dumps(value)) < 3000:
            for cut in _every_cut(value):
                with pytest.raises(pickle.UnpicklingError):
                    loads(cut)


def test_a_message_with_something_behind_it_is_refused():
    with pytest.raises(pickle.UnpicklingError, match="something follows"):
        loads(dumps([1]) + b"\0")


def test_lengths_that_lie_take_no_memory():
    huge = b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
    for tag in (0xE4, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xEB, 0xEE, 0xEF, 0xF0, 0xF1, 0xF2, 0xF3):
        with pytest.raises(pickle.UnpicklingError):
            loads(b"\xc1" + bytes([tag]) + huge)


def test_overwritten_bytes_are_an_object_or_refused_never_a_crash():
    chance = random.Random(17)
    values = [value for value in BUILTINS if len(dumps(value)) < 500]
    for _ in range(20_000):
        message = bytearray(dumps(chance.choice(values)))
        for _ in range(chance.randint(1, 4)):
            message[chance.randrange(1, len(message))] = chance.randrange(256)
        try:
            repr(loads(bytes(message)))
        except pickle.UnpicklingError:
            pass


def test_chance_bytes_are_an_object_or_refused_never_a_crash():
    chance = random.Random(4)
    for _ in range(20_000):
        try:
            repr(loads(COMPACT + chance.randbytes(chance.randint(1, 60))))
        except pickle.UnpicklingError:
            pass


def test_endless_depth_is_refused():
    for tag in (b"\xc9", b"\xc1", b"\xd1"):
        with pytest.raises(pickle.UnpicklingError, match="too deep"):
            loads(COMPACT + tag * 10_000)


def test_threads_encode_beside_each_other():
    wrong = []

    def work(number):
        for turn in range(300):
            value = {"n": number, "t": turn, "o": Plain([number]), "l": [number] * 100}
            if loads(dumps(value)) != value:
                wrong.append(value)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_forked_child_encodes_and_decodes():
    program = """if 1:
        import os
        from ropewalk._ropewalk import dumps, loads
        class Forks:
            def __reduce__(self):
                global child
                child = os.fork()
                return str, (str(child == 0),)
        loads(dumps([1, {"a": 1j}]))
        answer = loads(dumps(["in the middle", Forks(), {"a": 1}]))
        assert answer == ["in the middle", str(child == 0), {"a": 1}], answer
        assert loads(dumps({"x": [1j]})) == {"x": [1j]}
        if child == 0:
            os._exit(17)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, timeout=60)
