"""Which expression in a frame is a given lock, and where that frame took it.

Nothing is recorded when a lock is taken: that would cost every program.  A thread that waits stands still, so its
frames still hold the statement that took the lock and the variables it was written with.  This reads them: the
program's source, parsed, and the frame's own variables, looked at without running any code of the program.
"""

from __future__ import annotations

import ast
import linecache
from types import MemberDescriptorType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ropewalk.doctor.scene import Frame, Place

    Use = tuple[ast.AST, ast.expr]

__all__ = ["taken", "waited_for", "written"]

#: Methods that wait for what they are called on.
_WAITING = frozenset({"acquire", "get", "join", "put", "wait", "wait_for"})

_files: dict[str, _File] = {}
_MISSING = object()


def waited_for(frame: Frame, address: int) -> str | None:
    """How the statement at which this frame stands writes the object at ``address``."""
    for _, expression in _uses(frame):
        first, last = expression.lineno, expression.end_lineno or expression.lineno
        if first <= frame.line <= last and _is_at(_value(expression, frame), address):
            return ast.unparse(expression)
    return None


def taken(stack: list[Frame], address: int, again: Frame | None = None) -> tuple[Place, str] | None:
    """Where a thread that stands in ``stack`` took the lock at ``address``, and how it writes it there.

    ``again`` is the frame that tries to take it a second time now, if one does.
    """
    for frame in stack:
        found = None
        for user, expression in _uses(frame):
            if expression.lineno > frame.line - (frame is again) or not _takes(user, frame.line):
                continue
            if _is_at(_value(expression, frame), address):
                found = expression
        if found is not None:
            return frame.place._replace(line=found.lineno), ast.unparse(found)
    return None


def written(file: str, line: int) -> str | None:
    """How the statement at a line writes what it waits for, if it can be only one thing: of a thread elsewhere."""
    lines = linecache.getlines(file)
    known = _files.get(file)
    if known is None or known.lines is not lines:
        _files[file] = known = _File(lines)
    found: set[str] = set()
    for node in ast.walk(known.tree) if known.tree is not None else ():
        if isinstance(node, (ast.With, ast.AsyncWith)):
            names = [item.context_expr for item in node.items]
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _WAITING
        ):
            names = [node.func.value]
        else:
            continue
        found.update(
            ast.unparse(name) for name in names if name.lineno <= line <= (name.end_lineno or name.lineno)
        )
    return found.pop() if len(found) == 1 else None


def _takes(user: ast.AST, line: int) -> bool:
    """Whether a thread that stands at ``line`` may hold what this took: it is not past the end of the block."""
    if isinstance(user, (ast.With, ast.AsyncWith)):
        return line <= (user.end_lineno or line)
    return isinstance(user, ast.Call) and isinstance(user.func, ast.Attribute) and user.func.attr == "acquire"


def _uses(frame: Frame) -> list[Use]:
    """``with x`` and ``x.method(...)`` in the function of this frame, in the order of the source, with ``x``."""
    code = frame.code
    lines = linecache.getlines(code.co_filename, frame.names)
    known = _files.get(code.co_filename)
    if known is None or known.lines is not lines:
        _files[code.co_filename] = known = _File(lines)
    function = code.co_name, code.co_firstlineno
    uses = known.uses.get(function)
    if uses is None:
        known.uses[function] = uses = _find(known.tree, *function)
    return uses


class _File:
    """One file of the program, parsed once, and the functions of it that were looked into."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.uses: dict[tuple[str, int], list[Use]] = {}
        try:
            self.tree = ast.parse("".join(lines)) if lines else None
        except (SyntaxError, ValueError, RecursionError):
            self.tree = None


def _find(tree: ast.Module | None, name: str, line: int) -> list[Use]:
    if tree is None:
        return []
    scope = (
        tree
        if name == "<module>"
        else next(filter(lambda node: _is_function(node, name, line), ast.walk(tree)), None)
    )
    uses: list[Use] = []
    for node in ast.walk(scope) if scope is not None else ():
        if isinstance(node, (ast.With, ast.AsyncWith)):
            uses += [(node, item.context_expr) for item in node.items]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            uses.append((node, node.func.value))
    return sorted(uses, key=lambda use: (use[1].lineno, use[1].col_offset))


def _is_function(node: ast.AST, name: str, line: int) -> bool:
    """Whether this is the function whose code has this name and first line."""
    if isinstance(node, ast.Lambda):
        return name == "<lambda>" and node.lineno == line
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
        return line == min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return False


def _value(expression: ast.expr, frame: Frame) -> Any:
    """The value of a name, an attribute of one, or an item of a list or dict of one; no code of the program runs."""
    if isinstance(expression, ast.Name):
        for names in (frame.variables, frame.names):
            if names is not None and expression.id in names:
                return names[expression.id]
        return _MISSING
    if isinstance(expression, ast.Attribute):
        return _attribute(_value(expression.value, frame), expression.attr)
    if isinstance(expression, ast.Subscript):
        place = expression.slice
        index = place.value if isinstance(place, ast.Constant) else _value(place, frame)
        holder = _value(expression.value, frame)
        if type(holder) in (list, tuple) and type(index) is int and -len(holder) <= index < len(holder):
            return holder[index]
        if type(holder) is dict and type(index) in (int, str):
            return holder.get(index, _MISSING)
    return _MISSING


def _attribute(holder: Any, name: str) -> Any:
    if holder is _MISSING:
        return _MISSING
    try:
        own = object.__getattribute__(holder, "__dict__")
    except AttributeError:
        own = {}
    if type(own) is dict and name in own:
        return own[name]
    for base in type(holder).__mro__:
        value = vars(base).get(name, _MISSING)
        if type(value) is MemberDescriptorType:
            try:
                return value.__get__(holder)
            except AttributeError:
                return _MISSING
        if value is not _MISSING:
            return value
    return _MISSING


def _is_at(value: Any, address: int) -> bool:
    """Whether ``address`` lies in this object, or in the lock of this condition."""
    if value is _MISSING:
        return False
    if id(value) <= address < id(value) + max(type(value).__basicsize__, 1):
        return True
    from ropewalk.locks import Condition

    return type(value) is Condition and _is_at(value._lock, address)
