"""Build the standard library as a build tool would: a module is done when all that it imports is done.

    python rebuild_graph.py [--root FOLDER] [--edits N] [--workers N]

First everything is built once, then `edits` modules are edited, one after another, and after each edit
everything that imports the edited module, directly or not, is built again. To build a module is to hash its
source with the results of what it imports; each is a task of its own, submitted by the last of its imports to
be done.
"""

import argparse
import hashlib
import random
import re
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Condition

IMPORT = re.compile(rb"^[ \t]*(?:import[ \t]+([\w.]+)|from[ \t]+([\w.]+)[ \t]+import\b)", re.MULTILINE)


class Module:
    """A source file, what it imports, and the result of its last build."""

    def __init__(self, name, source):
        self.name = name
        self.source = hashlib.sha256(source).digest()
        self.imports = []
        self.importers = []
        self.result = b""


def load(root):
    """All modules below `root`, in an order in which imports come first."""
    modules, sources = {}, {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if "site-packages" not in parts:
            name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
            sources[name] = path.read_bytes()
            modules[name] = Module(name, sources[name])
    order, seen = [], set()
    wanted = {name: imported(sources[name], modules) for name in modules}

    def visit(first):
        # Without recursion: chains of imports are long. An import that closes a circle is left out.
        stack = [(first, iter(wanted[first]))]
        seen.add(first)
        while stack:
            name, rest = stack[-1]
            for other in rest:
                if modules[other].result:
                    modules[name].imports.append(modules[other])
                    modules[other].importers.append(modules[name])
                elif other not in seen:
                    seen.add(other)
                    stack.append((other, iter(wanted[other])))
                    modules[name].imports.append(modules[other])
                    modules[other].importers.append(modules[name])
                    break
            else:
                modules[name].result = b"ordered"
                order.append(modules[name])
                stack.pop()

    for name in modules:
        if name not in seen:
            visit(name)
    return order


def imported(source, modules):
    """The modules that a source imports, each once."""
    names = {(plain or start).decode() for plain, start in IMPORT.findall(source)}
    return sorted(name for name in names if name in modules)


class Build:
    """One run over a set of modules."""

    def __init__(self, pool, modules):
        self.pool = pool
        self.waiting = {module: sum(other in modules for other in module.imports) for module in modules}
        self.left = len(modules)
        self.changed = Condition()

    def run(self):
        """Returns when every module is done."""
        ready = [module for module, imports in self.waiting.items() if imports == 0]
        for module in ready:
            self.submit(module)
        with self.changed:
            while self.left:
                self.changed.wait()

    def submit(self, module):
        """Hands a module to the pool; what comes after it follows when it is done."""
        self.pool.submit(compile_module, module).add_done_callback(lambda future: self.done(module, future))

    def done(self, module, future):
        """Notes a result, and submits what had waited for it alone."""
        module.result = future.result()
        ready = []
        with self.changed:
            for importer in module.importers:
                if importer in self.waiting:
                    self.waiting[importer] -= 1
                    if self.waiting[importer] == 0:
                        ready.append(importer)
            self.left -= 1
            if self.left == 0:
                self.changed.notify_all()
        for importer in ready:
            self.submit(importer)


def compile_module(module):
    """The result of a module: its source, and the results of its imports."""
    digest = hashlib.sha256(module.source)
    for other in module.imports:
        digest.update(other.result)
    return digest.digest()


def importers_of(module):
    """The module, and all that imports it directly or not."""
    found, left = {module}, [module]
    while left:
        for importer in left.pop().importers:
            if importer not in found:
                found.add(importer)
                left.append(importer)
    return found


def main():
    """Builds, edits and builds again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(sysconfig.get_path("stdlib")))
    parser.add_argument("--edits", type=int, default=300)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    modules = load(options.root)
    chance, built = random.Random(1), len(modules)
    with ThreadPoolExecutor(options.workers) as pool:
        Build(pool, set(modules)).run()
        for edit in range(options.edits):
            edited = chance.choice(modules)
            edited.source = hashlib.sha256(edited.source + b"%d" % edit).digest()
            affected = importers_of(edited)
            built += len(affected)
            Build(pool, affected).run()
    digest = hashlib.sha256(b"".join(module.result for module in modules)).hexdigest()
    links = sum(len(module.imports) for module in modules)
    print(f"{len(modules)} modules, {links} imports, {options.edits} edits, {built} builds")
    print(f"digest {digest}")


if __name__ == "__main__":
    main()
