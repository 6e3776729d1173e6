"""The table of programs that must show the same under python and under the runner."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import NamedTuple


class Program(NamedTuple):
    """Files to write, the words after `python`, and what comes on standard input."""

    name: str
    files: dict[str, str]
    words: list[str]
    stdin: str = ""


# What a program can see of how it was started.
FACTS = """\
import sys, warnings, __main__
print(sys.argv, repr(sys.path[0]), len(sys.path))
print(sys.flags, sys.warnoptions, sys._xoptions)
for name, value in list(vars(__main__).items()):
    kind = type(value).__name__ if name in ("__loader__", "__spec__") else value
    print(name, kind, getattr(value, "name", ""))
print(__main__ is sys.modules["__main__"], __name__, vars(__main__) is globals())
assert not __debug__ or print("assertions are on") is None
print("docstrings:", (lambda: None).__doc__, warnings.filters[:2])
"""
FAILS = "def inner():\n    raise ValueError('on purpose')\n\n\ndef outer():\n    inner()\n\n\nouter()\n"
CHAINED = "try:\n    {}['a']\nexcept KeyError as error:\n    raise RuntimeError('second') from error\n"
BROKEN = "print('never')\nif True\n    pass\n"
EXIT_ORDER = """\
import atexit, sys, threading
class Last:
    def __del__(self):
        print("collected", flush=True)
kept = Last()
atexit.register(lambda: print("atexit 1", sys.modules["__main__"].kept is kept, sorted(vars(sys.modules["__main__"]))))
atexit.register(lambda: print("atexit 2", threading.current_thread().name))
def late():
    threading.main_thread().join()
    print("thread after main:", sys.modules["__main__"].__name__, type(kept).__name__)
threading.Thread(target=late).start()
print("main ends")
"""
PICKLES = """\
import pickle
class Point:
    def __init__(self, x): self.x = x
    def __eq__(self, other): return self.x == other.x
print(pickle.dumps(Point(1)), pickle.loads(pickle.dumps(Point(1))) == Point(1), Point, Point.__module__)
"""
DAEMON = """\
import threading, time
running = threading.Event()
def spin():
    running.set()
    while True:
        sum(range(100))
def park():
    threading.Event().wait()
for target in (spin, park):
    threading.Thread(target=target, daemon=True).start()
running.wait()
print("main ends with", threading.active_count())
"""
HOOKED = """\
import sys
def hook(kind, error, trace):
    frames = []
    while trace is not None:
        frames.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    print("hook", kind, error, frames)
sys.excepthook = hook
def f():
    raise OSError("x")
f()
"""
NO_INHERITED_FUTURE = "def f(x: 1 + 1): pass\nprint(f.__annotations__)\n"
FUTURE = "from __future__ import annotations\ndef f(x: 1 + 1): pass\nprint(f.__annotations__)\n"
ENCODED = "# -*- coding: latin-1 -*-\nprint(ascii('\xc3\xa9'))\n"


def script(name: str, text: str, *arguments: str) -> Program:
    return Program(name, {"program.py": text}, ["program.py", *arguments])


PROGRAMS = [
    script("script", FACTS, "one", "two words", "", "--flag", "-m", "ünï"),
    Program("script by a longer path", {"a/b/program.py": FACTS}, ["./a/../a/b/program.py"]),
    Program("script named like an option", {"-x.py": FACTS}, ["--", "-x.py", "a"]),
    Program("module", {"module.py": FACTS}, ["-m", "module", "-v", "a b"]),
    Program("package", {"pkg/__init__.py": "", "pkg/__main__.py": FACTS}, ["-m", "pkg", "x"]),
    Program("module in a package", {"pkg/__init__.py": "x = 1", "pkg/mod.py": FACTS}, ["-mpkg.mod", "x"]),
    Program("package without __main__", {"pkg/__init__.py": ""}, ["-m", "pkg"]),
    Program("missing module", {}, ["-m", "no_such_module"]),
    Program("module that fails", {"module.py": FAILS}, ["-m", "module"]),
    Program("module with a syntax error", {"module.py": BROKEN}, ["-m", "module"]),
    Program("folder", {"app/__main__.py": FACTS, "app/other.py": ""}, ["app", "x y"]),
    Program("folder that fails", {"app/__main__.py": FAILS}, ["app"]),
    Program("folder without __main__", {"app/other.py": ""}, ["app"]),
    Program("zip", {"app.zip": FACTS}, ["app.zip", "x"]),
    Program("zip that fails", {"app.zip": FAILS}, ["app.zip"]),
    Program("code", {}, ["-c", FACTS, "-c", "a b"]),
    Program("attached code", {}, ["-cprint(1)"]),
    Program("standard input by name", {}, ["-", "x"], FACTS),
    Program("standard input unnamed", {}, [], FACTS),
    Program("standard input that fails", {}, ["-"], CHAINED),
    Program("standard input with a syntax error", {}, [], BROKEN),
    Program("empty standard input", {}, [], ""),
    script("exit without a value", "raise SystemExit"),
    script("exit 0", "import sys; sys.exit(0)"),
    script("exit 7", "import sys; sys.exit(7)"),
    script("exit None", "import sys; sys.exit(None)"),
    script("exit with words", "import sys; sys.exit('no more rope')"),
    script("exit with a tuple", "raise SystemExit(1, 2)"),
    script("exit above a byte", "import sys; sys.exit(256 + 3)"),
    script("exit below zero", "import sys; sys.exit(-1)"),
    script("exit at once", "import os; print('x', flush=True); os._exit(9)"),
    script("uncaught exception", FAILS),
    script("chained exceptions", CHAINED),
    Program("code that exits", {}, ["-c", "import sys; sys.exit('bye')"]),
    script("syntax error", BROKEN),
    script("hook for exceptions", HOOKED),
    script("keyboard interrupt", "print('x', flush=True); raise KeyboardInterrupt"),
    script("interrupt signal", "import signal; signal.raise_signal(signal.SIGINT); print('never')"),
    script("killed", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"),
    Program("missing file", {}, ["missing.py", "x"]),
    Program("missing file in a folder", {}, ["no/such/missing.py"]),
    script("order at exit", EXIT_ORDER),
    script("pickles of its own classes", PICKLES),
    Program("module's pickles of its own classes", {"module.py": PICKLES}, ["-m", "module"]),
    script("daemon threads at exit", DAEMON),
    script("no inherited future", NO_INHERITED_FUTURE),
    Program("no inherited future in code", {}, ["-c", NO_INHERITED_FUTURE]),
    Program("no inherited future on standard input", {}, ["-"], NO_INHERITED_FUTURE),
    script("future of its own", FUTURE),
    script("declared encoding", ENCODED),
    Program(
        "module of its own named queue",
        {"program.py": "import queue; print(queue.Queue, dir(queue))", "queue.py": "class Queue: pass\n"},
        ["program.py"],
    ),
    script("standard input is the program's own", "print(input() + input())", "x"),
]
PROGRAMS[-1] = PROGRAMS[-1]._replace(stdin="one\ntwo\n")

# These need an interpreter of their own: options, and the words of the parser of files.
OF_A_FRESH_INTERPRETER = [
    script("null byte", "print(1)\0"),
    script("wrong encoding", "# -*- coding: nonsense -*-\n"),
    Program("-O", {"program.py": FACTS}, ["-O", "program.py", "-O"]),
    Program("-OO", {"program.py": FACTS}, ["-OO", "program.py"]),
    Program("-u", {"program.py": FACTS + "print(sys.stdout.write_through)"}, ["-u", "program.py"]),
    Program("-W ignore", {"program.py": FACTS}, ["-W", "ignore", "program.py"]),
    Program("-Werror", {}, ["-Werror", "-c", "import warnings; warnings.warn('x')"]),
    Program("-X dev", {"program.py": FACTS}, ["-X", "dev", "program.py"]),
    Program("-Xname=value", {"program.py": FACTS}, ["-Xutf8=1", "-Xfaulthandler", "program.py"]),
    Program("-uOWignore", {"program.py": FACTS}, ["-uOWignore", "program.py"]),
    Program("-bBdqx", {"program.py": "this line is skipped\n" + FACTS}, ["-bBq", "-x", "program.py"]),
    Program("-Om", {"module.py": FACTS}, ["-Om", "module", "x"]),
    Program("-Oc", {}, ["-Oc", FACTS, "x"]),
    Program("-i", {}, ["-iq"], "x = 41\nprint(x + 1)\n1/0\n"),
    Program("-i after a script", {"program.py": "x = 41\n"}, ["-iq", "program.py"], "x + 1\n"),
    Program("-W without a value", {"program.py": FACTS}, ["-Wnonsense::x", "program.py"]),
    Program("check of bytecode", {"program.py": FACTS}, ["--check-hash-based-pycs", "always", "program.py"]),
]


def lay_out(program: Program, folder: Path) -> None:
    """Write the files of `program`; a name that ends in `.zip` is an archive with that text as `__main__.py`."""
    for name, text in program.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".zip":
            archive = io.BytesIO()
            with zipfile.ZipFile(archive, "w") as file:
                file.writestr("__main__.py", text)
            path.write_bytes(archive.getvalue())
        else:
            path.write_text(text, encoding="utf-8")
