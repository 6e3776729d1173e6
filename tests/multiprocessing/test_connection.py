"""Connections: whole messages, in the format of the standard library's, with its words when something is wrong.

The two sides of a pipe are ours or the original's in every combination; what they say must be the same.
"""

from __future__ import annotations

import array
import functools
import multiprocessing.connection as original
import os
import pickle
import select
import signal
import socket
import threading
from multiprocessing import BufferTooShort

import pytest
from ropewalk.multiprocessing import connection as ours
from ropewalk.original import runs_original

SIDES = {"original": original.Connection, "ours": ours.Connection}
assert original.Connection is not ours.Connection, "the tests need the original beside ours"

#: Around each border of the format: nothing, one packet or two, a pipe's room, the memory that short messages go to.
SIZES = (0, 1, 4, 4092, 4093, 16380, 16384, 16385, 65536, 70_000, 3_000_000)


def pair(left, right, kind="socket"):
    if kind == "socket":
        one, other = socket.socketpair()
        return SIDES[left](one.detach()), SIDES[right](other.detach())
    reading, writing = os.pipe()
    return SIDES[left](writing, readable=False), SIDES[right](reading, writable=False)


@pytest.fixture(params=["ours", "original"])
def side(request):
    return SIDES[request.param]


@pytest.fixture
def pipe():
    left, right = ours.Pipe()
    yield left, right
    left.close()
    right.close()


def meanwhile(function, *args):
    thread = threading.Thread(target=function, args=args)
    thread.start()
    return thread


@pytest.mark.parametrize("kind", ["socket", "pipe"])
@pytest.mark.parametrize(("left", "right"), [("ours", "ours"), ("ours", "original"), ("original", "ours")])
def test_messages_of_any_length_go_through_in_order(left, right, kind):
    one, other = pair(left, right, kind)
    messages = [os.urandom(size) for size in SIZES]
    with one, other:
        sender = meanwhile(lambda: [one.send_bytes(message) for message in messages])
        assert [other.recv_bytes() for _ in messages] == messages
        sender.join()


@pytest.mark.parametrize(("left", "right"), [("ours", "original"), ("original", "ours")])
def test_objects_go_through(left, right):
    one, other = pair(left, right)
    objects = [
        None,
        1,
        -1.5,
        "rope",
        b"walk",
        True,
        [1, {"a": (2, 3)}],
        "x" * 100_000,
        functools.partial(int, "7"),
    ]
    with one, other:
        sender = meanwhile(lambda: [one.send(obj) for obj in objects])
        received = [other.recv() for _ in objects]
        sender.join()
    assert received[:-1] == objects[:-1]
    assert received[-1]() == 7


def test_the_format_is_a_big_endian_length_and_the_bytes():
    reading, writing = os.pipe()
    with ours.Connection(writing, readable=False) as sender:
        sender.send_bytes(b"rope")
        assert os.read(reading, 100) == b"\0\0\0\x04rope"
    os.close(reading)


def test_the_long_form_of_a_length_is_understood():
    one, other = socket.socketpair()
    with ours.Connection(other.detach()) as receiver, one:
        one.sendall(b"\xff\xff\xff\xff" + (4).to_bytes(8, "big") + b"rope")
        assert receiver.recv_bytes() == b"rope"


def test_a_message_that_comes_in_pieces_is_received_whole():
    one, other = socket.socketpair()
    message = os.urandom(50)

    def dribble():
        for byte in len(message).to_bytes(4, "big") + message:
            one.sendall(bytes([byte]))

    with ours.Connection(other.detach()) as receiver, one:
        sender = meanwhile(dribble)
        assert receiver.recv_bytes() == message
        sender.join()


def test_nothing_is_read_beyond_a_message(pipe):
    left, right = pipe
    for message in (b"first", b"second", b"", b"third" * 10_000):
        sender = meanwhile(left.send_bytes, message)
        sender.join()
    assert right.recv_bytes() == b"first"
    assert select.select([right], [], [], 0)[0] == [right]
    assert os.read(right.fileno(), 10) == b"\0\0\0\x06second"
    assert right.recv_bytes() == b""
    assert right.recv_bytes() == b"third" * 10_000
    assert select.select([right], [], [], 0)[0] == []


@pytest.mark.parametrize("size", SIZES)
def test_a_message_is_received_into_a_buffer(pipe, size):
    left, right = pipe
    message = os.urandom(size)
    buffer = bytearray(size + 7)
    sender = meanwhile(left.send_bytes, message)
    assert right.recv_bytes_into(buffer, 7) == size
    sender.join()
    assert buffer == bytes(7) + message


def test_buffers_may_have_any_format(side, pipe):
    left, right = pipe
    numbers = array.array("i", range(10))
    left.send_bytes(numbers)
    room = array.array("i", [0] * 12)
    assert right.recv_bytes_into(room, 2 * room.itemsize) == 10 * room.itemsize
    assert room.tolist() == [0, 0, *range(10)]
    left.send_bytes(memoryview(b"ropewalk"), 4, 3)
    assert right.recv_bytes() == b"wal"
    left.send_bytes(b"ropewalk", 4)
    assert right.recv_bytes() == b"walk"


@pytest.mark.parametrize("size", [8, 100_000])
def test_a_buffer_that_is_too_short_loses_nothing(pipe, size):
    left, right = pipe
    message = os.urandom(size)
    sender = meanwhile(lambda: [left.send_bytes(message), left.send_bytes(b"next")])
    with pytest.raises(BufferTooShort) as short:
        right.recv_bytes_into(bytearray(size), 1)
    assert short.value.args == (message,)
    assert right.recv_bytes() == b"next"
    sender.join()


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda left, right: left.send_bytes(b"abc", -1), ValueError, "offset is negative"),
        (lambda left, right: left.send_bytes(b"abc", 4), ValueError, "buffer length < offset"),
        (lambda left, right: left.send_bytes(b"abc", 0, -1), ValueError, "size is negative"),
        (lambda left, right: left.send_bytes(b"abc", 1, 3), ValueError, "buffer length < offset + size"),
        (
            lambda left, right: left.send_bytes("abc"),
            TypeError,
            "memoryview: a bytes-like object is required, not 'str'",
        ),
        (lambda left, right: right.recv_bytes(-1), ValueError, "negative maxlength"),
        (lambda left, right: right.recv_bytes_into(bytearray(2), -1), ValueError, "negative offset"),
        (lambda left, right: right.recv_bytes_into(bytearray(2), 3), ValueError, "offset too large"),
        (lambda left, right: type(left)(-1), ValueError, "invalid handle"),
        (
            lambda left, right: type(left)(0, False, False),
            ValueError,
            "at least one of `readable` and `writable` must be True",
        ),
        (lambda left, right: type(left)("0"), AttributeError, "'str' object has no attribute '__index__'"),
        (lambda left, right: [left.close(), left.send(1)], OSError, "handle is closed"),
        (lambda left, right: [right.close(), right.recv()], OSError, "handle is closed"),
        (lambda left, right: [right.close(), right.poll()], OSError, "handle is closed"),
        (lambda left, right: [right.close(), right.fileno()], OSError, "handle is closed"),
        (lambda left, right: left.recv(), OSError, "connection is write-only"),
        (lambda left, right: left.poll(), OSError, "connection is write-only"),
        (lambda left, right: right.send(1), OSError, "connection is read-only"),
        (lambda left, right: right.send_bytes(b""), OSError, "connection is read-only"),
        (lambda left, right: [left.close(), right.recv()], EOFError, ""),
        (
            lambda left, right: [right.close(), left.send_bytes(b"1")],
            BrokenPipeError,
            "[Errno 32] Broken pipe",
        ),
        (
            lambda left, right: [os.write(left.fileno(), b"\0\0"), left.close(), right.recv()],
            OSError,
            "got end of file during message",
        ),
        (
            lambda left, right: [
                os.write(left.fileno(), b"\0\0\0\x05rope"),
                left.close(),
                right.recv_bytes(),
            ],
            OSError,
            "got end of file during message",
        ),
        (lambda left, right: [left.send_bytes(b"rope"), right.recv_bytes(3)], OSError, "bad message length"),
    ],
)
def test_what_is_wrong_is_said_as_the_original_says_it(side, call, kind, words):
    reading, writing = os.pipe()
    with side(writing, readable=False) as left, side(reading, writable=False) as right:
        with pytest.raises(kind) as raised:
            call(left, right)
        assert (type(raised.value), str(raised.value)) == (kind, words)


def test_after_a_bad_length_nothing_more_is_received(side):
    one, other = socket.socketpair()
    with side(one.detach()) as left, side(other.detach()) as right:
        left.send_bytes(b"ropewalk")
        with pytest.raises(OSError, match="bad message length"):
            right.recv_bytes(4)
        assert (right.readable, right.writable, right.closed) == (False, True, False)
    reading, writing = os.pipe()
    with side(writing, readable=False) as left, side(reading, writable=False) as right:
        left.send_bytes(b"ropewalk")
        with pytest.raises(OSError, match="bad message length"):
            right.recv_bytes(4)
        assert right.closed


def test_a_length_that_cannot_be_is_refused():
    one, other = socket.socketpair()
    with ours.Connection(other.detach()) as receiver, one:
        one.sendall((-2).to_bytes(4, "big", signed=True))
        with pytest.raises(OSError, match="bad message length"):
            receiver.recv_bytes()


def test_a_length_beyond_all_memory_takes_no_memory():
    one, other = socket.socketpair()
    with ours.Connection(other.detach()) as receiver:
        with one:
            one.sendall(b"\xff\xff\xff\xff" + (1 << 62).to_bytes(8, "big") + b"rope")
        with pytest.raises(OSError, match="got end of file during message"):
            receiver.recv_bytes()


def test_poll_tells_whether_something_is_there(pipe):
    left, right = pipe
    assert right.poll() is False
    assert right.poll(0.01) is False
    assert right.poll(-1) is False
    left.send(1)
    assert right.poll() is True
    assert right.poll(None) is True
    right.recv()
    left.close()
    assert right.poll() is True, "the end can be received"


def test_wait_sees_what_is_there(pipe):
    left, right = pipe
    assert original.wait([right], 0) == []
    left.send_bytes(b"1")
    left.send_bytes(b"2")
    right.recv_bytes()
    assert original.wait([right], 0) == [right]


def test_a_signal_in_a_wait_runs_its_handler_and_the_wait_goes_on(pipe):
    left, right = pipe
    seen = []

    def handler(number, frame):
        seen.append(number)
        left.send("late")

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert right.recv() == "late"
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert right.poll(None)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert seen == [signal.SIGALRM] * 2


@pytest.mark.parametrize("call", [lambda left, right: right.recv(), lambda left, right: right.poll(None)])
def test_a_handler_that_raises_ends_a_wait(pipe, call):
    class Enough(Exception):
        pass

    def handler(number, frame):
        raise Enough

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Enough):
            call(*pipe)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_full_pipe_is_waited_for_and_a_handler_may_end_that(pipe):
    left, _right = pipe

    def handler(number, frame):
        raise InterruptedError("enough")

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(InterruptedError, match="enough"):
            left.send_bytes(bytes(10_000_000))
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_descriptor_that_does_not_wait_says_so(pipe):
    _left, right = pipe
    os.set_blocking(right.fileno(), False)
    with pytest.raises(BlockingIOError):
        right.recv()


def test_a_subclass_with_a_step_of_its_own_runs_the_original(pipe):
    class Loud(ours.Connection):
        def _send_bytes(self, buf):
            super()._send_bytes(bytes(buf).upper())

    left, right = pipe
    with Loud(os.dup(left.fileno())) as loud:
        assert runs_original(loud)
        loud.send_bytes(b"rope")
        assert right.recv_bytes() == b"ROPE"
        right.send_bytes(b"walk")
        assert loud.recv_bytes() == b"walk"
        assert (loud.closed, loud.fileno() >= 0) == (False, True)
    assert loud.closed


def test_the_steps_can_be_called_one_by_one(pipe):
    left, right = pipe
    left._send_bytes(b"rope")
    assert right._recv_bytes().getvalue() == b"rope"
    left._send(b"\0\0\0\1x")
    assert right._recv(4).getvalue() == b"\0\0\0\1"
    assert right._recv(1).getvalue() == b"x"


def test_a_pickler_of_the_programs_is_used(pipe, monkeypatch):
    class Pickler:
        @staticmethod
        def dumps(obj):
            return pickle.dumps(("mine", obj))

        @staticmethod
        def loads(data):
            return pickle.loads(data)

    monkeypatch.setattr(original, "_ForkingPickler", Pickler)
    left, right = pipe
    left.send(7)
    assert right.recv() == ("mine", 7)


class Tool:
    """Something that plain pickle cannot do."""

    def __reduce__(self):
        raise TypeError("not I")


def test_reducers_that_are_registered_later_are_heeded(pipe):
    from multiprocessing.reduction import ForkingPickler

    left, right = pipe
    left.send([1])  # the pickler is there
    with pytest.raises(TypeError, match="not I"):
        left.send([Tool()])
    ForkingPickler.register(Tool, lambda tool: (str, ("a tool",)))
    try:
        left.send([Tool()])
    finally:
        del ForkingPickler._extra_reducers[Tool]
    assert (right.recv(), right.recv()) == ([1], ["a tool"])


class Nested:
    """Sends something while it is pickled."""

    def __init__(self, connection):
        self.connection = connection

    def __reduce__(self):
        self.connection.send(["inner"])
        return list, (("outer",),)


def test_a_reducer_may_send(pipe):
    left, right = pipe
    left.send([Nested(left)])
    assert (right.recv(), right.recv()) == (["inner"], [["outer"]])


def test_two_processes_share_a_connection(pipe):
    left, right = pipe
    for number in range(100):
        left.send(number)
    child = os.fork()
    if child == 0:
        for _ in range(50):
            right.recv()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert [right.recv() for _ in range(50)] == list(range(50, 100))
    assert not right.poll()


def test_a_question_and_answer_between_processes_many_times(pipe):
    left, right = pipe
    child = os.fork()
    if child == 0:
        left.close()
        while (number := right.recv()) is not None:
            right.send(number + 1)
        os._exit(0)
    for number in range(3000):
        left.send(number)
        assert left.recv() == number + 1
    left.send(None)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("family", ["AF_UNIX", "AF_INET"])
@pytest.mark.parametrize(("serving", "calling"), [(ours, original), (original, ours), (ours, ours)])
def test_listeners_and_clients_know_each_other(family, serving, calling):
    with serving.Listener(family=family, authkey=b"key") as listener:
        replies = []

        def call():
            with calling.Client(listener.address, authkey=b"key") as client:
                replies.append(client.recv())

        caller = meanwhile(call)
        with listener.accept() as served:
            served.send("hello")
        caller.join()
    assert replies == ["hello"]
    assert type(served) is serving.Connection


def test_a_connection_is_one_of_the_originals(pipe):
    left, _ = pipe
    assert isinstance(left, original.Connection)
    assert (type(left).__module__, type(left).__qualname__) == ("multiprocessing.connection", "Connection")
    assert ours.Connection.__ropewalk__ is True


def test_a_connection_that_is_dropped_is_closed():
    reading, writing = os.pipe()
    connection = ours.Connection(writing, readable=False)
    del connection
    assert os.read(reading, 1) == b""
    os.close(reading)
