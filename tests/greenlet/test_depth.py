"""Recursion in a greenlet ends in a RecursionError, as anywhere, also through functions in C."""

import pytest

from tests.greenlet.program import python

KINDS = {
    "plain": "def go(n): return go(n + 1)",
    "sorted": "def go(n): return sorted([n], key=go)",
    "sub": "import re\ndef go(n): return re.sub('a', go, 'a')",
    "getattr": "class A:\n    def __getattr__(self, name): return getattr(self, name + 'x')\ndef go(n): return A().x",
    "call": "class A:\n    def __call__(self, n): return self(n)\ngo = A()",
    "map": "def go(n): return list(map(go, [n]))",
    "repr": "class A:\n    def __repr__(self): return repr(self)\ndef go(n): return repr(A())",
    "eval": "def go(n): return eval('go(n)', globals(), {'n': n})",
    "partial": "import functools\ndef go(n): return functools.partial(go, n)()",
}


@pytest.mark.parametrize("kind", KINDS)
def test_endless_recursion_is_an_error_and_no_crash(kind):
    program = f"""
{KINDS[kind]}
from ropewalk.greenlet import greenlet
def body():
    try:
        go(1)
    except RecursionError:
        return "stopped"
print(greenlet(body).switch())
print(greenlet(body).switch())
"""
    assert python(program) == ["stopped", "stopped"]


def test_greenlets_that_begin_one_another_end_in_an_error():
    lines = python("""
        from ropewalk.greenlet import greenlet
        def go():
            return greenlet(go).switch()
        try:
            go()
        except RecursionError:
            print("stopped")
    """)
    assert lines == ["stopped"]


def test_each_greenlet_has_its_own_depth():
    lines = python("""
        from ropewalk.greenlet import getcurrent, greenlet
        def down(n):
            if n:
                return down(n - 1)
            getcurrent().parent.switch()
        children = [greenlet(down) for _ in range(20)]
        for child in children:
            child.switch(800)
        for child in children:
            child.switch()
        print(all(child.dead for child in children))
    """)
    assert lines == ["True"]
