"""The other way to run a program: inside this interpreter, below the runner's own frames.

For when `become` is not possible: ropewalk lies on PYTHONPATH without its start-up file, or the runner itself runs
under a profiler, a coverage tool or a debugger that must stay. What differs: child interpreters inherit nothing
without the start-up file; code that walks the stack sees the runner below the program, tracebacks do not; the words
about a null byte or an unknown encoding in a script are those of `compile()`.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

from ropewalk.cli import start
from ropewalk.cli.options import CommandLine, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType, TracebackType
    from typing import Any

_replaced: list[ModuleType] = []  # the `__main__` that was: its globals must outlive the program


def run(line: CommandLine) -> int:
    """Run the program of `line`; its exceptions, SystemExit too, pass through with its own frames only.

    Raises UsageError if `line` has options: they must be known before the interpreter starts.
    """
    if line.options:
        raise UsageError(f"{line.options[0]} is for a fresh interpreter: give it to python itself")
    refusal = start.install()
    if refusal:
        sys.stderr.write(refusal)
        return 2
    os.environ[start.SWITCH] = "1"
    from ropewalk.cli import quit_signal

    quit_signal.listen()
    main = _fresh_main()
    try:
        return _dispatch(line, main)
    except SystemExit:
        raise
    except BaseException:
        _report_from(sys._getframe())
        raise


def _dispatch(line: CommandLine, main: ModuleType) -> int:
    if line.kind == "-c":
        _set_arguments(["-c", *line.arguments], "")
        return _execute(compile(line.target + "\n", "<string>", "exec", dont_inherit=True), main)
    if line.kind == "-m":
        _set_arguments(["-m", *line.arguments], os.getcwd())
        return _run_module(line.target, alter_argv=True)
    if line.kind == "prompt" or line.target == "-":
        _set_arguments([line.target, *line.arguments], "")
        return _standard_input(main)
    _set_arguments([line.target, *line.arguments], None)
    if _holds_modules(line.target):
        sys.path.insert(0, os.path.join(os.getcwd(), line.target))
        return _run_module("__main__", alter_argv=False)
    if not sys.flags.isolated and not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, os.path.dirname(os.path.realpath(line.target)))
    return _script(line.target, main)


def _script(path: str, main: ModuleType) -> int:
    from importlib import machinery

    whole = os.path.join(os.getcwd(), path)  # as python shows it, nothing resolved
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        name = sys.orig_argv[0]
        sys.stderr.write(f"{name}: can't open file {whole!r}: [Errno {error.errno}] {error.strerror}\n")
        return 2
    kind = machinery.SourcelessFileLoader if path.endswith(".pyc") else machinery.SourceFileLoader
    loader = kind("__main__", whole)
    main.__loader__ = loader
    main.__file__ = whole
    vars(main)["__cached__"] = None
    if isinstance(loader, machinery.SourcelessFileLoader):
        code: Any = loader.get_code("__main__")
    else:
        code = compile(loader.get_data(whole), whole, "exec", dont_inherit=True)
    return _execute(code, main)


def _standard_input(main: ModuleType) -> int:
    if sys.stdin is not None and sys.stdin.isatty():
        import code

        code.interact(local=vars(main), exitmsg="")
        return 0
    main.__file__ = "<stdin>"
    vars(main)["__cached__"] = None
    return _execute(compile(sys.stdin.buffer.read(), "<stdin>", "exec", dont_inherit=True), main)


def _execute(code: CodeType, main: ModuleType) -> int:
    try:
        exec(code, vars(main))
    finally:
        # As under python: a script's own path is gone when the interpreter ends.
        for name in ("__file__", "__cached__"):
            vars(main).pop(name, None)
    return 0


def _run_module(name: str, alter_argv: bool) -> int:
    """Like python's own start of a module, by the function that it calls itself."""
    import runpy

    runner: Any = runpy
    runner._run_module_as_main(name, alter_argv)
    return 0


def _fresh_main() -> ModuleType:
    import builtins
    from importlib import machinery

    main = ModuleType("__main__")
    loader: Any = machinery.BuiltinImporter
    main.__loader__ = loader
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    vars(main)["__builtins__"] = builtins
    _replaced.append(sys.modules["__main__"])
    sys.modules["__main__"] = main
    return main


def _set_arguments(argv: list[str], first: str | None) -> None:
    """Set `sys.argv`, and `sys.path[0]` to `first`, or away, where the interpreter put what started the runner."""
    sys.argv[:] = argv
    if sys.flags.isolated or getattr(sys.flags, "safe_path", False):
        return
    del sys.path[0]
    if first is not None:
        sys.path.insert(0, first)


def _holds_modules(path: str) -> bool:
    import pkgutil

    return pkgutil.get_importer(path) is not None


def _report_from(ours: FrameType) -> None:
    """Let the interpreter report the exception under way without the frames up to `ours`."""
    hook = sys.excepthook

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.excepthook = hook
        own = trace
        while own is not None and own.tb_frame is not ours:
            own = own.tb_next
        while own is not None and own.tb_frame.f_code.co_filename == __file__:
            own = own.tb_next
        sys.last_traceback = own
        hook(kind, error.with_traceback(own), own)

    sys.excepthook = report
