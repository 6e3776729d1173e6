"""install() and uninstall(): one set of patches in the real modules."""

import subprocess
import sys
import textwrap
from importlib.util import find_spec

import pytest
import ropewalk


def python(program, *options):
    """Runs a program in a fresh interpreter; its last expression statements print what it found."""
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def test_importing_ropewalk_changes_and_imports_nothing():
    lines = python("""
        import sys
        before = set(sys.modules)
        import ropewalk
        print(sorted(set(sys.modules) - before))
        import threading, queue
        print(hasattr(threading.Event, '__ropewalk__'), hasattr(queue.Queue, '__ropewalk__'))
    """)
    assert lines == ["['ropewalk']", "False False"]


@pytest.mark.parametrize(
    "also", ["", "concurrent.futures", "multiprocessing.popen_fork, multiprocessing.queues"]
)
def test_install_imports_nothing_large(also):
    """A program starts later for it, and each process that it forks has a copy of it."""
    (line,) = python(f"""
        import sys
        import threading, queue{also and ", " + also}
        before = set(sys.modules)
        import ropewalk
        ropewalk.install()
        large = {{"typing", "importlib.util", "inspect", "ast", "dataclasses", "asyncio", "_interpreters"}}
        print(sorted(large & set(sys.modules) - before))
    """)
    assert line == "[]"


def test_install_replaces_the_set_in_modules_imported_before_and_after():
    lines = python("""
        import threading
        import ropewalk
        print(ropewalk.installed(), ropewalk.install(), ropewalk.installed())
        import queue
        print(all(getattr(threading, n).__ropewalk__ for n in 'Semaphore BoundedSemaphore Event Condition'.split()))
        print(all(getattr(queue, n).__ropewalk__ for n in 'Queue LifoQueue PriorityQueue'.split()))
    """)
    assert lines == ["False True True", "True", "True"]


def test_uninstall_gives_every_module_its_own_back():
    lines = python("""
        import threading, queue
        before = {m: dict(vars(m)) for m in (threading, queue)}
        import ropewalk
        ropewalk.install()
        ropewalk.install()
        ropewalk.uninstall()
        ropewalk.uninstall()
        for module, names in before.items():
            now = vars(module)
            print(sorted(n for n in names if now.get(n) is not names[n]), sorted(set(now) - set(names)))
        print(ropewalk.installed())
    """)
    assert lines == ["[] []", "[] []", "False"]


def test_a_module_imported_afresh_is_patched_again_and_keeps_its_loader():
    lines = python("""
        import ropewalk
        ropewalk.install()
        import queue
        del __import__('sys').modules['queue']
        import queue as again
        print(again is not queue, again.Queue is queue.Queue, type(again.__spec__.loader).__name__)
        print(type(again.__loader__).__name__, again.Empty is queue.Empty)
        ropewalk.uninstall()
        print(hasattr(again.Queue, '__ropewalk__'), hasattr(queue.Queue, '__ropewalk__'))
    """)
    assert lines == ["True True SourceFileLoader", "SourceFileLoader True", "False False"]


def test_objects_made_before_install_stay_valid():
    lines = python("""
        import threading, queue
        event, q = threading.Event(), queue.Queue()
        import ropewalk
        ropewalk.install()
        t = threading.Thread(target=lambda: (event.wait(), q.put(1)))
        t.start()
        event.set()
        print(q.get(), isinstance(event, threading.Event), isinstance(q, queue.Queue))
        t.join()
    """)
    assert lines == ["1 True True"]


def test_a_name_replaced_by_somebody_else_is_left_alone_by_uninstall():
    lines = python("""
        import threading, ropewalk
        ropewalk.install()
        threading.Event = marker = object()
        ropewalk.uninstall()
        print(threading.Event is marker)
    """)
    assert lines == ["True"]


def test_a_subinterpreter_keeps_the_standard_library_and_says_so():
    lines = python("""
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        code = '''if 1:
            import warnings, ropewalk
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter('always')
                print(ropewalk.install(), ropewalk.installed(), 'subinterpreter' in str(said[0].message), flush=True)
        '''
        import os
        ident = interpreters.create()
        error = interpreters.run_string(ident, code)
        assert error is None, error
    """)
    assert lines == ["False False True"]


@pytest.mark.parametrize("first", ["ropewalk", "framework"])
@pytest.mark.parametrize("framework", ["gevent", "eventlet"])
def test_no_wait_of_ours_is_left_under_a_framework_that_makes_threads_cooperative(framework, first):
    if find_spec(framework) is None:  # not imported here: it would stay in the process of the other tests
        pytest.skip(f"{framework} is not installed in this environment")
    patch = {
        "gevent": "from gevent import monkey; monkey.patch_all()",
        "eventlet": "import eventlet; eventlet.monkey_patch()",
    }
    steps = ["import ropewalk; ropewalk.install()", patch[framework]]
    if first == "framework":
        steps.reverse()
    lines = python(
        "import warnings; warnings.simplefilter('ignore')\n"
        + "\n".join(steps)
        + "\nimport threading, queue\n"
        + "print([n for m in (threading, queue) for n in vars(m) if hasattr(vars(m)[n], '__ropewalk__')])"
    )
    assert lines == ["[]"]


def test_the_public_names_are_exact():
    assert sorted(ropewalk.__all__) == ropewalk.__all__ or set(ropewalk.__all__) <= set(dir(ropewalk))
    for name in ropewalk.__all__:
        assert getattr(ropewalk, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        ropewalk.nonsense


def test_the_makers_of_locks_and_queues_are_pickled_as_a_spawned_manager_is_sent_them():
    lines = python("""
        import ropewalk
        ropewalk.install()
        from multiprocessing.managers import SyncManager
        from multiprocessing.reduction import ForkingPickler
        sent = SyncManager._registry
        got = ForkingPickler.loads(ForkingPickler.dumps(sent))
        names = ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier", "Queue"]
        print(all(got[name][0] is sent[name][0] for name in names), hasattr(sent["Event"][0], "__ropewalk__"))
    """)
    assert lines == ["True True"]
