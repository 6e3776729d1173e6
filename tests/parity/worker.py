"""Runs one suite in this interpreter and writes one JSON line as each case starts and ends.

Started by `watch`, as a script, by the Python under test: it imports nothing of this package and
needs nothing but the standard library. Its one argument is the path of a JSON object:

    engine    "stock", "ropewalk", or the path of a file to execute in place of ropewalk.install()
    modules   names of test modules; "name words": with these in sys.argv; "-m name": a program, which is one case
    loopback  refuse sockets that leave the loopback
    select    which of their cases: a key of SELECT
    resources what the tests may use: nothing huge, no network (support.use_resources)
    only      case ids to run (null: all)
    skip      case ids that an earlier worker has been through
    events    path of the file the lines are appended to

The lines, by their key "e":

    engine    version of ropewalk, and whether it was in place before this script began
    plan      ids of all selected cases, before `only` and `skip`
    next      the case whose fixtures and body run from here on
    done      its outcome, seconds, detail (a traceback or a reason), and whether it left a mess
    fixture   a class or module fixture failed: detail
    end       all cases are through; what follows is the exit of the interpreter

The tests may be borrowed from another Python's library. Then ROPEWALK_PARITY_BORROWED names the
directory that holds them, and every process that imports this file (spawned children do, as their
main module) finds them as part of the package `test`; so it does what stands in the folder `made`.
"""

import os
import sys

import test

BORROWED = os.environ.get("ROPEWALK_PARITY_BORROWED")
MADE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "made")

for folder in (BORROWED, MADE):
    if folder and folder not in test.__path__:
        test.__path__.append(folder)


def put_in_place(engine):
    """Make `engine` the one that this interpreter's threads run on. Returns what there is to say of it."""
    import threading

    at_start = getattr(threading.Semaphore, "__ropewalk__", False)
    if engine == "stock":
        if at_start:
            raise SystemExit("ropewalk is in place where stock was asked for")
        return {"version": None, "at_start": False}
    if engine != "ropewalk":
        with open(engine, encoding="utf-8") as file:
            exec(compile(file.read(), engine, "exec"), {"__name__": "engine"})
        return {"version": os.path.basename(engine), "at_start": False}
    import ropewalk

    if not at_start:
        ropewalk.install()
    if not getattr(threading.Semaphore, "__ropewalk__", False):
        raise SystemExit("ropewalk.install() left threading.Semaphore as it was")
    return {"version": ropewalk.__version__, "at_start": at_start}


def is_process_test(case):
    """From the half of test_concurrent_futures that starts processes (or interpreters)."""
    name = type(case).__name__
    return "Process" in name or "Interpreter" in name or name == "FailingInitializerResourcesTest"


SELECT = {
    "all": lambda case: True,
    "processes": is_process_test,
    "threads": lambda case: not is_process_test(case),
}


def flatten(suite):
    """The cases of a suite of suites, in order."""
    import unittest

    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def parts(module):
    """The test modules of a borrowed package: its own search would start from this Python's library."""
    folder = BORROWED and os.path.join(BORROWED, module.rpartition(".")[2])
    if not folder or not os.path.isdir(folder):
        return [module]
    files = sorted(name for name in os.listdir(folder) if name.startswith("test_") and name.endswith(".py"))
    return [f"{module}.{name[:-3]}" for name in files]


def program(name):
    """A case that runs the module `name` as a program, and passes if that ends as it should."""
    import subprocess
    import unittest

    class Program(unittest.TestCase):
        def id(self):
            return f"{name}.program"

        def runTest(self):
            done = subprocess.run(
                [sys.executable, "-m", name], capture_output=True, stdin=subprocess.DEVNULL, check=False
            )
            self.assertEqual(done.returncode, 0, (done.stdout + done.stderr).decode(errors="replace"))

    return Program()


def load(modules, select):
    """The selected cases of `modules` as (id, case) pairs; a second case of one id gets a number."""
    import unittest

    seen = {}
    cases = []
    for part in (part for module in modules for part in parts(module)):
        loader = unittest.TestLoader()
        name, *words = part.split()
        if name == "-m":
            suite = unittest.TestSuite([program(*words)])
        elif words:
            sys.argv[1:] = words
            module = __import__(name, fromlist=["*"])
            suite = loader.loadTestsFromModule(module)
        else:
            suite = loader.loadTestsFromName(name)
        if loader.errors:
            raise SystemExit("".join(loader.errors))
        for case in flatten(suite):
            if not SELECT[select](case):
                continue
            name = case.id()
            seen[name] = seen.get(name, 0) + 1
            cases.append((name if seen[name] == 1 else f"{name}#{seen[name]}", case))
    return cases


def check_greenlet(engine):
    """Ends this worker if the tests have imported another greenlet than was asked for."""
    greenlet = sys.modules.get("greenlet")
    if greenlet is not None and engine in ("stock", "ropewalk"):
        found = "ropewalk" if greenlet.__spec__.origin == "ropewalk" else "stock"
        if found != engine:
            raise SystemExit(f"greenlet is {found}'s where {engine}'s was asked for")


def let_children_borrow():
    """Have the code that tests hand to `python -I -c` find the borrowed tests too."""
    from test.support import script_helper

    for name in ("assert_python_ok", "assert_python_failure"):
        original = getattr(script_helper, name)

        def with_path(*args, original=original, **kwargs):
            args = list(args)
            if "-c" in args:
                code = args.index("-c") + 1
                args[code] = f"import test; test.__path__.append({BORROWED!r})\n" + args[code]
            return original(*args, **kwargs)

        setattr(script_helper, name, with_path)


def writer(path):
    """A function that appends one JSON line. No descriptor stays open: some suites count them."""
    import json

    pid, getpid = os.getpid(), os.getpid
    open_, write, close = os.open, os.write, os.close
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC

    def emit(kind, **fields):
        if getpid() != pid:
            return  # a child that a test forked and that came back up here
        fd = open_(path, flags, 0o600)
        try:
            write(fd, json.dumps({"e": kind, **fields}).encode() + b"\n")
        finally:
            close(fd)

    return emit


def result_class(emit, support, ids):
    """A TestResult that emits the outcome of each case. `ids` maps id(case) to its name."""
    import time
    import unittest

    class Result(unittest.TestResult):
        def startTest(self, test):
            super().startTest(test)
            self._outcome, self._detail = "pass", ""
            self._began = time.monotonic()
            support.environment_altered = False

        def _set(self, outcome, detail):
            # The first failure names the outcome; those after it (tearDown, other subtests) add to the story.
            if self._outcome in ("pass", "skip", "xfail"):
                self._outcome = outcome
            self._detail = (self._detail + "\n" + detail).strip()

        def addError(self, test, err):
            if id(test) not in ids:
                emit("fixture", id=str(test), detail=self._exc_info_to_string(err, test))
            else:
                self._set("error", self._exc_info_to_string(err, test))

        def addFailure(self, test, err):
            self._set("fail", self._exc_info_to_string(err, test))

        def addSubTest(self, test, subtest, err):
            if err is not None:
                outcome = "fail" if issubclass(err[0], test.failureException) else "error"
                self._set(outcome, f"{subtest}\n{self._exc_info_to_string(err, test)}")

        def addSkip(self, test, reason):
            if id(test) in ids:
                if self._outcome == "pass":
                    self._outcome, self._detail = "skip", reason
            elif not hasattr(test, "test_case"):  # a skipped subtest does not skip its case
                emit("fixture", id=str(test), detail=f"skipped: {reason}")

        def addExpectedFailure(self, test, err):
            self._outcome = "xfail"

        def addUnexpectedSuccess(self, test):
            self._set("fail", "passes, and is marked as an expected failure")

        def stopTest(self, test):
            super().stopTest(test)
            emit(
                "done",
                id=ids[id(test)],
                outcome=self._outcome,
                seconds=round(time.monotonic() - self._began, 3),
                detail=self._detail[-6000:],
                altered=bool(getattr(support, "environment_altered", False)),
            )

    return Result


def main(job):
    engine = put_in_place(job["engine"])

    import faulthandler
    import resource
    import unittest

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    sys.stdout.reconfigure(errors="backslashreplace")

    from test import support

    support.use_resources = job["resources"]  # as for CPython's own runner with -u
    support.verbose = 0
    emit = writer(job["events"])
    emit("engine", **engine)
    if BORROWED:
        let_children_borrow()
    if job["loopback"]:
        import runpy

        runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), "loopback.py"))
    cases = load(job["modules"], job["select"])
    check_greenlet(job["engine"])
    emit("plan", cases=[name for name, _ in cases])
    skip = set(job["skip"])
    only = None if job["only"] is None else set(job["only"])
    cases = [(name, case) for name, case in cases if name not in skip and (only is None or name in only)]
    ids = {id(case): name for name, case in cases}
    Result = result_class(emit, support, ids)

    class Announced(unittest.TestSuite):
        """Tells each case's name before its class's and module's fixtures run."""

        def __iter__(self):
            for case in super().__iter__():
                emit("next", id=ids[id(case)])
                yield case

    Announced(case for _, case in cases).run(Result())
    emit("end")


if __name__ == "__main__":
    import json

    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    del sys.argv[1:]
    sys.path.pop(0)  # this directory: its names are nobody's business
    main(job)
