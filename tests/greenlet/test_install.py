"""install(): ropewalk's greenlet in the place of the package."""

import sys

import pytest

from tests.greenlet.program import python


def test_importing_ropewalk_leaves_greenlet_alone():
    assert python("""
        import sys, ropewalk, ropewalk.greenlet
        print("greenlet" in sys.modules)
    """) == ["False"]


def test_who_imports_greenlet_after_install_gets_ours():
    assert python("""
        import sys, ropewalk
        ropewalk.install()
        print("greenlet" in sys.modules)
        import greenlet, ropewalk.greenlet, greenlet._greenlet
        print(greenlet.greenlet is ropewalk.greenlet.greenlet, greenlet._greenlet.greenlet is greenlet.greenlet)
        import importlib.metadata
        print(greenlet.__version__ == importlib.metadata.version("greenlet"))
        print(all(hasattr(greenlet, name) for name in greenlet.__all__))
    """) == ["False", "True True", "True", "True"]


def test_it_is_there_also_where_the_package_is_not():
    assert python("""
        import sys
        import ropewalk._ropewalk, ropewalk.installer.greenlets as greenlets
        ropewalk.install()
        from importlib import metadata
        sys.path[:] = [path for path in sys.path if "site-packages" not in path]
        import greenlet
        print(greenlet.__version__ == metadata.version("greenlet") == greenlets.VERSION, greenlet.__path__)
    """) == ["True []"]


def test_it_can_be_left_out():
    assert python("""
        import ropewalk
        ropewalk.install(greenlet=False)
        import greenlet, ropewalk.greenlet
        print(greenlet.greenlet is ropewalk.greenlet.greenlet)
    """) == ["False"]


def test_a_program_that_has_imported_it_before_keeps_what_it_has():
    assert python("""
        import greenlet
        before = greenlet.greenlet
        import ropewalk
        ropewalk.install()
        import greenlet
        print(greenlet.greenlet is before)
    """) == ["True"]


def test_the_runner_puts_it_in_place():
    import subprocess

    program = "import greenlet; print(greenlet.__spec__.origin)"
    command = [sys.executable, "-m", "ropewalk", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "ropewalk\n"), done.stderr


@pytest.mark.parametrize("how", ["before", "after", "never"])
def test_gevent_runs_on_it_whether_it_patches_before_or_after(how):
    patch = "from gevent import monkey; monkey.patch_all()"
    program = f"""
import ropewalk, warnings
warnings.simplefilter("ignore", RuntimeWarning)
{patch if how == "before" else ""}
ropewalk.install()
{patch if how == "after" else ""}
import gevent, gevent.queue, gevent.pool, gevent.event, greenlet
def work(number):
    gevent.sleep(0.001 * (number % 3))
    return number * 2
print(sum(job.value for job in gevent.joinall([gevent.spawn(work, n) for n in range(100)])))
queue = gevent.queue.Queue()
gevent.spawn(lambda: [queue.put(n) for n in range(10)])
print([queue.get() for _ in range(10)])
print(gevent.pool.Pool(4).map(work, range(5)))
with gevent.Timeout(0.01, False):
    gevent.event.Event().wait()
import threading, time
locals = []
threads = [threading.Thread(target=lambda: locals.append(time.sleep(0.01))) for _ in range(5)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(locals))
"""
    expected = ["9900", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]", "[0, 2, 4, 6, 8]", "5"]
    assert python(program) == expected
