"""The queues, by one thread and between threads."""

from itertools import repeat
from threading import Thread

from rig.case import case


@case("Queue put+get", bar=10, of=("queue.Queue",))
def queue_pair(modules):
    return _pair(modules.queue.Queue())


@case("Queue(1000) put+get", bar=10, of=("queue.Queue",))
def bounded_queue_pair(modules):
    return _pair(modules.queue.Queue(1000))


@case("Queue put+get+task_done", bar=10, of=("queue.Queue",))
def queue_task_done(modules):
    queue = modules.queue.Queue()

    def run(n):
        for _ in repeat(None, n):
            queue.put(None)
            queue.get()
            queue.task_done()

    return run


@case("Queue put_nowait+get_nowait", of=("queue.Queue",))
def queue_nowait(modules):
    queue = modules.queue.Queue()

    def run(n):
        for _ in repeat(None, n):
            queue.put_nowait(None)
            queue.get_nowait()

    return run


@case("Queue get_nowait of an empty queue", of=("queue.Queue",))
def queue_empty(modules):
    queue, empty = modules.queue.Queue(), modules.queue.Empty

    def run(n):
        for _ in repeat(None, n):
            try:
                queue.get_nowait()
            except empty:
                pass

    return run


@case("Queue put 1000, then get 1000", of=("queue.Queue",), batch=1000)
def queue_fill(modules):
    queue = modules.queue.Queue()

    def run(n):
        for _ in repeat(None, n // 1000):
            for item in range(1000):
                queue.put(item)
            for _ in repeat(None, 1000):
                queue.get()

    return run


@case("Queue.qsize", of=("queue.Queue",))
def queue_size(modules):
    queue = modules.queue.Queue()

    def run(n):
        for _ in repeat(None, n):
            queue.qsize()

    return run


@case("LifoQueue put+get", of=("queue.LifoQueue",))
def lifo_pair(modules):
    return _pair(modules.queue.LifoQueue())


@case("PriorityQueue put+get, 64 inside", of=("queue.PriorityQueue",))
def priority_pair(modules):
    queue = modules.queue.PriorityQueue()
    for number in range(64):
        queue.put(number * 37 % 64)

    def run(n):
        for number in range(n):
            queue.put(number & 63)
            queue.get()

    return run


@case("PriorityQueue put+get of (number, name)", of=("queue.PriorityQueue",))
def priority_tuples(modules):
    queue = modules.queue.PriorityQueue()
    for number in range(64):
        queue.put((number * 37 % 64, "name"))

    def run(n):
        for number in range(n):
            queue.put((number & 63, "name"))
            queue.get()

    return run


@case("SimpleQueue put+get")
def simple_pair(modules):
    return _pair(modules.queue.SimpleQueue())


@case("create Queue", of=("queue.Queue",))
def queue_new(modules):
    return _create(modules.queue.Queue)


@case("create PriorityQueue", of=("queue.PriorityQueue",))
def priority_new(modules):
    return _create(modules.queue.PriorityQueue)


@case("create SimpleQueue")
def simple_new(modules):
    return _create(modules.queue.SimpleQueue)


@case("Queue(1000) between two threads", bar=5, of=("queue.Queue",), threads=True, chunk=0.2)
def queue_stream(modules):
    return _stream(modules.queue.Queue(1000), 1, 1)


@case("Queue() between two threads", of=("queue.Queue",), threads=True, chunk=0.2)
def queue_stream_unbounded(modules):
    return _stream(modules.queue.Queue(), 1, 1)


@case("Queue(100), 4 producers 4 consumers", of=("queue.Queue",), threads=True, chunk=0.2, batch=16)
def queue_crowd(modules):
    return _stream(modules.queue.Queue(100), 4, 4)


@case(
    "PriorityQueue(100), 4 producers 4 consumers",
    of=("queue.PriorityQueue",),
    threads=True,
    chunk=0.2,
    batch=16,
)
def priority_crowd(modules):
    return _stream(modules.queue.PriorityQueue(100), 4, 4)


@case("Queue ping-pong, two threads", of=("queue.Queue",), threads=True, chunk=0.1)
def queue_ping_pong(modules):
    there, back = modules.queue.Queue(), modules.queue.Queue()

    def answer(n):
        for _ in repeat(None, n):
            back.put(there.get())

    def run(n):
        other = Thread(target=answer, args=(n,))
        other.start()
        for _ in repeat(None, n):
            there.put(None)
            back.get()
        other.join()

    return run


@case("SimpleQueue ping-pong, two threads", threads=True, chunk=0.1)
def simple_ping_pong(modules):
    there, back = modules.queue.SimpleQueue(), modules.queue.SimpleQueue()

    def answer(n):
        for _ in repeat(None, n):
            back.put(there.get())

    def run(n):
        other = Thread(target=answer, args=(n,))
        other.start()
        for _ in repeat(None, n):
            there.put(None)
            back.get()
        other.join()

    return run


def _pair(queue):
    def run(n):
        for _ in repeat(None, n):
            queue.put(None)
            queue.get()

    return run


def _create(kind):
    def run(n):
        for _ in repeat(None, n):
            kind()

    return run


def _stream(queue, producers, consumers):
    """Numbers from producers to consumers, each thread an equal share."""
    threads = producers * consumers

    def produce(n):
        for item in range(n):
            queue.put(item)

    def consume(n):
        for _ in repeat(None, n):
            queue.get()

    def run(n):
        share = n // threads
        workers = [Thread(target=consume, args=(share * producers,)) for _ in range(consumers)]
        workers += [Thread(target=produce, args=(share * consumers,)) for _ in range(producers)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    return run
