"""CPython's own test suites, and gevent's, run on stock and on ropewalk, and compared case by case.

    python -m tests.parity --quick           threads, queues, futures, processes that are forked
    python -m tests.parity --full            those, every start method, and what it must not harm
    python -m tests.parity --suite gevent    the suite that the package gevent brings, on our greenlets

The files, in the order in which a run goes through them:

    suites      which suites there are, their bars, and where this Python's copy of each is
    packages    those of packages: which modules there are, and which are left out
    worker      one process: loads a suite, runs it, writes a line as each case starts and ends
    loopback    keeps the sockets of a package's tests at home
    made        test modules that not every Python ships
    lanes       several workers at once for suites that mostly sleep
    watch       starts workers, ends the ones that hang, goes on behind the ones that crash
    stock       the outcomes on stock, kept between runs
    expected    expected_failures.toml: the failures that have a reason
    probe       what of the standard library is ropewalk's in the Python under test
    verdict     what stock passes and ropewalk does not; flaky, listed, new
    report      the table
"""
