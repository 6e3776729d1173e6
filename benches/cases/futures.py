"""Future and ThreadPoolExecutor. The tasks do nothing: what is timed is getting them done."""

from itertools import repeat

from rig.case import case

POOL = ("concurrent.futures.ThreadPoolExecutor", "concurrent.futures.Future")
FUTURE = ("concurrent.futures.Future",)


def task():
    return None


def identity(item):
    return item


@case("Future set_result+result", of=FUTURE)
def future_result(modules):
    future_class = modules.futures.Future

    def run(n):
        for _ in repeat(None, n):
            future = future_class()
            future.set_result(1)
            future.result()

    return run


@case("Future.result, done", of=FUTURE)
def future_done_result(modules):
    future = modules.futures.Future()
    future.set_result(1)

    def run(n):
        for _ in repeat(None, n):
            future.result()

    return run


@case("Future.done", of=FUTURE)
def future_done(modules):
    future = modules.futures.Future()

    def run(n):
        for _ in repeat(None, n):
            future.done()

    return run


@case("Future add_done_callback+set_result", of=FUTURE)
def future_callback(modules):
    future_class = modules.futures.Future

    def run(n):
        for _ in repeat(None, n):
            future = future_class()
            future.add_done_callback(identity)
            future.set_result(1)

    return run


@case("Future cancel", of=FUTURE)
def future_cancel(modules):
    future_class = modules.futures.Future

    def run(n):
        for _ in repeat(None, n):
            future_class().cancel()

    return run


@case("create Future", of=FUTURE)
def future_new(modules):
    future_class = modules.futures.Future

    def run(n):
        for _ in repeat(None, n):
            future_class()

    return run


@case("ThreadPoolExecutor submit-many, all results", bar=10, of=POOL, threads=True, chunk=0.1)
def submit_many(modules):
    with modules.futures.ThreadPoolExecutor(2) as pool:

        def run(n):
            futures = [pool.submit(task) for _ in repeat(None, n)]
            for future in futures:
                future.result()

        yield run


@case("round trip submit().result(), in a worker", bar=3, of=POOL, threads=True, chunk=0.1, rounds=2)
def round_trip(modules):
    with modules.futures.ThreadPoolExecutor(1) as pool:

        def run(n):
            for _ in repeat(None, n):
                pool.submit(task).result()

        yield run


@case("helped round trip, in a task of the pool", bar=20, of=POOL, threads=True, chunk=0.1, rounds=2)
def helped_round_trip(modules):
    # The standard library needs a second worker for the inner task: with one it would hang.
    helps = getattr(modules.futures.ThreadPoolExecutor, "__ropewalk__", False)
    with modules.futures.ThreadPoolExecutor(1 if helps else 2) as pool:

        def outer(n):
            for _ in repeat(None, n):
                pool.submit(task).result()

        def run(n):
            pool.submit(outer, n).result(timeout=60)

        yield run


@case("executor.map", of=POOL, threads=True, chunk=0.1)
def executor_map(modules):
    with modules.futures.ThreadPoolExecutor(2) as pool:

        def run(n):
            for _ in pool.map(identity, range(n)):
                pass

        yield run


@case("as_completed", of=("concurrent.futures.as_completed", *POOL), threads=True, chunk=0.1)
def as_completed(modules):
    each = modules.futures.as_completed
    with modules.futures.ThreadPoolExecutor(2) as pool:

        def run(n):
            for _ in each([pool.submit(task) for _ in repeat(None, n)]):
                pass

        yield run


@case("as_completed, 16 at a time", of=("concurrent.futures.as_completed", *POOL), threads=True, batch=16)
def as_completed_few(modules):
    each = modules.futures.as_completed
    with modules.futures.ThreadPoolExecutor(2) as pool:

        def run(n):
            for _ in repeat(None, n // 16):
                for _ in each([pool.submit(task) for _ in repeat(None, 16)]):
                    pass

        yield run


@case("wait", of=("concurrent.futures.wait", *POOL), threads=True, chunk=0.1)
def wait(modules):
    wait_for = modules.futures.wait
    with modules.futures.ThreadPoolExecutor(2) as pool:

        def run(n):
            wait_for([pool.submit(task) for _ in repeat(None, n)])

        yield run


@case("wait, 16 done futures", of=("concurrent.futures.wait", *FUTURE))
def wait_done(modules):
    wait_for = modules.futures.wait
    futures = [modules.futures.Future() for _ in range(16)]
    for future in futures:
        future.set_result(None)

    def run(n):
        for _ in repeat(None, n):
            wait_for(futures)

    return run


@case("ThreadPoolExecutor: create, one task, shutdown", of=POOL, threads=True, chunk=0.1)
def pool_life(modules):
    pool_class = modules.futures.ThreadPoolExecutor

    def run(n):
        for _ in repeat(None, n):
            with pool_class(1) as pool:
                pool.submit(task).result()

    return run


@case("asyncio run_in_executor, one by one", of=POOL, threads=True, chunk=0.1)
def run_in_executor(modules):
    import asyncio

    loop = asyncio.new_event_loop()
    with modules.futures.ThreadPoolExecutor(1) as pool:

        async def calls(n):
            for _ in repeat(None, n):
                await loop.run_in_executor(pool, task)

        yield lambda n: loop.run_until_complete(calls(n))
    loop.close()


@case("asyncio run_in_executor, gather of 100", of=POOL, threads=True, chunk=0.1, batch=100)
def run_in_executor_gather(modules):
    import asyncio

    loop = asyncio.new_event_loop()
    with modules.futures.ThreadPoolExecutor(2) as pool:

        async def calls(n):
            for _ in repeat(None, n // 100):
                await asyncio.gather(*(loop.run_in_executor(pool, task) for _ in repeat(None, 100)))

        yield lambda n: loop.run_until_complete(calls(n))
    loop.close()
