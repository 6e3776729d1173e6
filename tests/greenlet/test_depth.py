"""Recursion in a greenlet ends in a RecursionError, as anywhere, also through functions in C."""

import sys

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
    "pickle": "import pickle\nclass A:\n    def __reduce__(self): return A, (), A()\n"
    "def go(n): return pickle.dumps(A())",
    "json": "import json\nclass A: pass\nclass E(json.JSONEncoder):\n    def default(self, o): return [A()]\n"
    "def go(n): return E().encode(A())",
    "nested": "def go(n):\n    it = []\n    for _ in range(100_000): it = [it]\n    return repr(it)",
    "filter": "def go(n): return sorted(filter(go, [n]), key=go)",
    "max": "def go(n): return max([n, n], key=go)",
    "index": "class A:\n    def __eq__(self, other): return [self, A()].index(A())\ndef go(n): return A() == 1",
    "import": "import sys\nclass F:\n    def find_spec(self, name, path, target=None): "
    "return None if name.strip('x') else __import__(name + 'x')\n"
    "sys.meta_path.insert(0, F())\ndef go(n): import x",
    "format": "class A:\n    def __format__(self, spec): return f'{self}'\ndef go(n): return f'{A()}'",
    "partial": "import functools\ndef go(n): return functools.partial(go, n)()",
}


@pytest.mark.parametrize("size", [256 << 10, 1 << 20, 8 << 20])
@pytest.mark.parametrize("kind", KINDS)
def test_endless_recursion_is_an_error_and_no_crash(kind, size):
    # When there is little stack left 3.14's parser speaks of memory.
    error = (
        "(RecursionError, MemoryError)"
        if (kind, sys.version_info >= (3, 14)) == ("eval", True)
        else "RecursionError"
    )
    program = f"""
{KINDS[kind]}
from ropewalk.greenlet import greenlet, stack_size
stack_size({size})
def body():
    try:
        go(1)
    except {error}:
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


def test_the_stack_size_can_be_asked_for_and_set():
    assert python("""
        from ropewalk.greenlet import getcurrent, greenlet, stack_size
        print(stack_size(), stack_size(256 << 10), stack_size(300_000), stack_size(), stack_size(0), stack_size())
        for wrong in (-1, 1, (256 << 10) - 1, (1 << 30) + 1, 1 << 80):
            try:
                stack_size(wrong)
            except ValueError as error:
                print(error)
        try:
            stack_size("1")
        except TypeError:
            print("TypeError", stack_size())
    """) == [
        "8388608 8388608 262144 303104 303104 8388608",
        *(
            "a greenlet's stack has 262144 to 1073741824 bytes (256 KiB to 1 GiB), or 0 for the default of 8388608, "
            f"not {wrong}"
            for wrong in (-1, 1, 262143, 1073741825, 1 << 80)
        ),
        "TypeError 8388608",
    ]


def test_greenlets_take_the_size_that_holds_when_they_begin():
    # Address space tells: nothing else of a stack can be seen before it is used.
    assert python("""
        from ropewalk.greenlet import getcurrent, greenlet, stack_size
        def used():
            with open("/proc/self/status") as status:
                return next(int(line.split()[1]) >> 10 for line in status if line.startswith("VmSize"))
        def suspended(count):
            before = used()
            children = [greenlet(lambda: getcurrent().parent.switch()) for _ in range(count)]
            for child in children:
                child.switch()
            kept.append(children)
            return (used() - before) / count
        kept = []
        print(8 <= suspended(100) < 9)
        stack_size(1 << 20)
        print(1 <= suspended(100) < 1.5)
        stack_size(16 << 20)
        print(16 <= suspended(100) < 17)
        print(all(child.switch() == () for children in kept for child in children))
    """) == ["True", "True", "True", "True"]


@pytest.mark.parametrize(
    ("said", "expected", "complaint"),
    [
        ("262144", 256 << 10, ""),
        ("256K", 256 << 10, ""),
        ("1m", 1 << 20, ""),
        ("", 8 << 20, ""),
        ("0", 8 << 20, ""),
        ("1K", 8 << 20, "ROPEWALK_GREENLET_STACK is ignored: a greenlet's stack has 262144 to"),
        (
            "large",
            8 << 20,
            "ROPEWALK_GREENLET_STACK is ignored: it is bytes, or KiB with a K behind, or MiB with an M",
        ),
    ],
)
def test_the_environment_can_set_it(said, expected, complaint, monkeypatch):
    monkeypatch.setenv("ROPEWALK_GREENLET_STACK", said)
    assert python("""
        import warnings
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            from ropewalk.greenlet import stack_size
        print(stack_size(), *(warning.message for warning in caught))
    """)[0].startswith(f"{expected} {complaint}".rstrip())


def test_small_stacks_are_deep_enough_for_a_program():
    # gevent, a lazy import in a handler, JSON, a regular expression with a callback: what handlers do.
    assert python("""
        import ropewalk
        ropewalk.install()
        from ropewalk.greenlet import stack_size
        stack_size(256 << 10)
        import gevent
        def handler():
            import json, re, http.client, logging, decimal, email.message
            nested = []
            for _ in range(20):
                nested = [nested]
            json.loads(json.dumps(nested))
            gevent.sleep(0)
            return re.sub("a", lambda match: str(sorted([3, 1, 2], key=lambda n: -n)), "a")
        print([gevent.spawn(handler).get() for _ in range(3)][-1])
    """) == ["[3, 2, 1]"]
