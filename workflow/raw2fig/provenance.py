"""Which code made a file: the part of provenance that Snakemake does not see by itself.

Snakemake reruns a job when its inputs, parameters or shell line change, but a shell line that calls `raw2fig`
does not change when the Python behind it does. `step_digest(paper, step)` is a rule parameter that closes that.

It is taken over syntax trees without docstrings and help texts, so that comments, formatting and documentation do not
count: of the step's function, of what its module defines besides other steps, and of every raw2fig module that these
import, directly or not. Steps that are called by name belong to the step that calls them.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from raw2fig.cli import commands, decorator_of, groups, syntax

ROOT = Path(__file__).parents[1]
"""The folder that holds the package."""
HOUSE = frozenset({"raw2fig.cli", "raw2fig.config", "raw2fig.flags", "raw2fig.settings", "raw2fig.step"})
"""What runs steps and reads their settings: it changes no result of theirs."""
FINISH = {"figure": "raw2fig.plotting", "table": "raw2fig.tables", "claims": "raw2fig.claims"}
"""Kind of step → the module that makes its files of what it returns."""


@cache
def step_digest(group: str, step: str) -> str:
    """Digest of the code behind `raw2fig GROUP STEP`. Raises `LookupError` for a step that there is not."""
    found = _commands(group.replace("_", "-")).get(step)
    if found is None:
        raise LookupError(f"no step {step} of {group}")
    start = [(found.module, found.function), ("raw2fig.seeding", "")]
    if found.kind in FINISH:
        start.append((FINISH[found.kind], ""))
    return hashlib.sha256("".join(sorted(_closure(start))).encode()).hexdigest()[:16]


_commands = cache(lambda group: commands(groups()[group]))


def _closure(start: list[tuple[str, str]]) -> Iterator[str]:
    """The name and digest of every module that counts for the definitions `start` (module, name), each without the
    steps that nothing calls."""
    wanted: dict[str, frozenset[str]] = {}
    waiting = list(start)
    while waiting:
        module, name = waiting.pop()
        if module in HOUSE:
            continue
        old = wanted.get(module)
        new = (old or frozenset()) | ({name} & _steps(module))
        if new != old:
            wanted[module] = new
            waiting.extend(_needs(module, new))
    for module, steps in wanted.items():
        text = "".join(part.digest for part in _kept(module, steps))
        yield module + hashlib.sha256(text.encode()).hexdigest()


class Part(NamedTuple):
    """A statement at the top of a module, or one name of an import there: the step that it defines, the name that it
    binds by an import, the names it uses, what it imports of raw2fig (module, name), and its digest."""

    step: str
    bound: str
    used: frozenset[str]
    imports: tuple[tuple[str, str], ...]
    digest: str


@cache
def _parts(module: str) -> tuple[Part, ...]:
    """What a module consists of, without docstrings and without the help texts of settings."""
    path = _path(module)
    if path is None:
        raise ModuleNotFoundError(f"no module {module} in {ROOT.name}")
    tree = syntax(path.read_text(encoding="utf-8"))
    return tuple(part for node in tree.body if not _is_text(node) for part in _parts_of(module, node))


def _parts_of(module: str, node: ast.stmt) -> Iterator[Part]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        where = f"{node.module} " if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            single = type(node)(**{**vars(node), "names": [alias]})
            yield Part("", bound, frozenset(), tuple(_imports(module, single)), f"import {where}{alias.name} {bound}")
    else:
        found = _Found([], set(), [])
        _read(node, found)
        imports = [pair for inner in found.imports for pair in _imports(module, inner)]
        name = getattr(node, "name", "") if decorator_of(node) else ""
        digest = hashlib.sha256("\n".join(found.words).encode()).hexdigest()
        yield Part(name, "", frozenset(found.names), tuple(dict.fromkeys(imports)), digest)


class _Found(NamedTuple):
    """The code of a statement as words, the names in it, and the imports in it."""

    words: list[str]
    names: set[str]
    imports: list[ast.stmt]


def _read(node: ast.AST, found: _Found) -> None:
    """Collect what is in `node`, docstrings and help texts aside. One walk for all: a run begins with this."""
    kind = type(node)
    if kind is ast.Name:
        found.names.add(node.id)  # type: ignore[attr-defined]
    elif kind is ast.Import or kind is ast.ImportFrom:
        found.imports.append(node)  # type: ignore[arg-type]
    help_too = kind is not ast.Call or getattr(node.func, "id", "") != "Field"  # type: ignore[attr-defined]
    found.words.append(kind.__name__)
    for field in kind._fields:
        value = getattr(node, field, None)
        if isinstance(value, list):
            found.words.append(f"{field}[")
            if field == "body" and kind in DOCUMENTED:
                # a docstring, also one below an assignment, is an expression statement that is a bare string
                value = [item for item in value if not _is_text(item)] or [ast.Pass()]
            for item in value:
                if not isinstance(item, ast.AST):
                    found.words.append(repr(item))
                elif help_too or getattr(item, "arg", "") != "description":
                    _read(item, found)
            found.words.append("]")
        elif isinstance(value, ast.AST):
            if field != "ctx":  # where a name stands says whether it is read or set
                found.words.append(field)
                _read(value, found)
        elif value is not None:
            found.words.append(f"{field}={value!r}")
    found.words.append(".")


DOCUMENTED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
"""What has docstrings."""


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(module: str, node: ast.AST) -> Iterator[tuple[str, str]]:
    """What an import statement takes from raw2fig: (module, name), the name empty for a module. Importing `a.b.c` also
    runs `a` and `a.b`."""
    if isinstance(node, ast.Import):
        names = [(alias.name, "") for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        if node.level:
            raise SyntaxError(f"{module}: relative import; write it out as raw2fig....")
        inner = [(f"{node.module}.{alias.name}", node.module or "", alias.name) for alias in node.names]
        names = [(full, "") if _path(full) else (where, name) for full, where, name in inner]
    else:
        return
    for wanted, name in names:
        if wanted.partition(".")[0] == "raw2fig" and _path(wanted):
            yield wanted, name
            yield from ((parent, "") for parent in _parents(wanted))


@cache
def _kept(module: str, steps: frozenset[str]) -> tuple[Part, ...]:
    """The parts of a module that count when `steps` of it are wanted: no other steps, but those that a kept part calls,
    and no imports of names that nothing uses."""
    parts = [part for part in _parts(module) if not part.step or part.step in steps]
    used = frozenset().union(*(part.used for part in parts))
    called = used & (_steps(module) - steps)
    return _kept(module, steps | called) if called else tuple(p for p in parts if not p.bound or p.bound in used)


@cache
def _steps(module: str) -> frozenset[str]:
    """Names of the steps that a module defines."""
    return frozenset(part.step for part in _parts(module) if part.step)


@cache
def _needs(module: str, steps: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """What the kept parts of a module import of raw2fig, as (module, name), and the packages that it lies in."""
    inner = [pair for part in _kept(module, steps) for pair in part.imports]
    return tuple(dict.fromkeys([*inner, *((parent, "") for parent in _parents(module))]))


def _parents(module: str) -> list[str]:
    """`raw2fig` and `raw2fig.papers` for `raw2fig.papers.c2s`."""
    parts = module.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


@cache
def _path(module: str) -> Path | None:
    """File of a raw2fig module or package, None if there is none."""
    stem = ROOT.joinpath(*module.split("."))
    return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)
