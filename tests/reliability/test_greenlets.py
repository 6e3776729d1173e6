"""Greenlets under load: at random from six threads, a hundred thousand stacks, the end of the interpreter amid them."""

import os
import subprocess
import sys
from pathlib import Path

from tests.greenlet.program import python

FULL = os.environ.get("ROPEWALK_TEST_FULL") == "1"
STORM = Path(__file__).parent / "programs" / "greenlet_storm.py"


def test_six_threads_switch_at_random_and_nothing_breaks():
    seconds = 60 if FULL else 3
    done = subprocess.run(
        [sys.executable, "-X", "dev", str(STORM), str(seconds)],
        env=os.environ | {"PYTHONMALLOC": "debug"},
        capture_output=True,
        text=True,
        timeout=seconds + 600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert all(int(steps) > 0 for steps in done.stdout.split()), done.stdout


def test_a_hundred_thousand_stacks_come_and_go_without_growth():
    grown = python("""
        from ropewalk.greenlet import getcurrent, greenlet
        def used():
            with open("/proc/self/status") as status:
                fields = dict(line.split(":", 1) for line in status)
            return sum(int(fields[name].split()[0]) for name in ("VmRSS", "VmPTE"))
        def body():
            getcurrent().parent.switch()
        def many(count):
            for _ in range(count // 100):
                children = [greenlet(body) for _ in range(100)]
                for child in children:
                    child.switch()
        many(10_000)
        before = used()
        many(100_000)
        print(used() - before)
    """)
    assert int(grown[0]) < 4096, "KiB"


def test_the_interpreter_ends_amid_suspended_greenlets_again_and_again():
    program = """
        import threading
        from ropewalk.greenlet import getcurrent, greenlet
        def body(depth):
            try:
                if depth:
                    return sorted([depth - 1], key=body)
                getcurrent().parent.switch()
            finally:
                getcurrent()
        def work():
            for depth in range(10):
                kept.append(greenlet(body))
                kept[-1].switch(depth)
        kept = []
        other = threading.Thread(target=work)
        other.start()
        other.join()
        threading.Thread(target=lambda: greenlet(lambda: [work() for _ in iter(int, 1)]).switch(), daemon=True).start()
        work()
        print("ends")
    """
    for _ in range(500 if FULL else 10):
        assert python(program) == ["ends"]
