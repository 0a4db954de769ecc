"""Functions of installed pure-Python packages that have examples in their docstrings, and what they need to run.

A package is read as text and never imported. What code needs of it is found by names: the statements at the top level
of a module that bind a name it uses, what these use in turn, and so on through the package's own imports. Packages are
flat: a folder of modules.
"""

from __future__ import annotations

import ast
import doctest
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from raw2fig.errors import InputError

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Inner = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | ast.Lambda
"""Expressions with variables of their own."""


class Example(NamedTuple):
    """An example as doctest reads it: what is typed, what should be printed, the last line of the traceback if there
    should be one, doctest's option flags, and its lines in the function's source, from 0, the end excluded."""

    source: str
    want: str
    error: str | None
    flags: int
    first: int
    end: int


class Function(NamedTuple):
    """A function at the top level of a module: its text with decorators, and its examples but those to be skipped."""

    module: str
    name: str
    source: str
    examples: tuple[Example, ...]


class Part(NamedTuple):
    """What is needed of a module: the text before the place of the function, and the text after it, which is None in
    modules that have no such place."""

    module: str
    before: str
    after: str | None


class Statement(NamedTuple):
    """A statement at the top level of a module, the names it binds or changes, and the names it uses."""

    node: ast.stmt
    binds: frozenset[str]
    uses: frozenset[str]


def module_text(module: str) -> str:
    """The source of an installed module. Raises `InputError` where there is none."""
    package, _, inner = module.partition(".")
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or []:
        path = Path(folder, f"{inner or '__init__'}.py")
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise InputError("module", f"{module!r} is not installed", "a module in the folder of an installed package")


def read_functions(module: str) -> list[Function]:
    """The functions of a module that have examples, in their order, whether these pass or not. Examples that share
    a line with quotation marks, or have no line of their own, are passed over."""
    text = module_text(module)
    lines = text.split("\n")
    found = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
            examples = tuple(_examples(node, first))
            if examples:
                found.append(Function(module, node.name, "\n".join(lines[first : node.end_lineno]), examples))
    return found


def _examples(node: ast.FunctionDef, first: int) -> Iterator[Example]:
    text = ast.get_docstring(node, clean=False) or ""
    docstring = node.body[0]
    top, bottom = docstring.lineno - 1 - first, (docstring.end_lineno or 0) - 1 - first
    for example in doctest.DocTestParser().get_examples(text):
        start = top + example.lineno
        end = start + example.source.count("\n") + example.want.count("\n")
        if text.count("\n") == bottom - top and top < start and end <= bottom and not example.options.get(doctest.SKIP):
            flags = sum(flag for flag, on in example.options.items() if on)
            yield Example(example.source, example.want, example.exc_msg, flags, start, end)


@cache
def parts_for(function: Function, uses: frozenset[str]) -> tuple[Part, ...]:
    """What is needed to run a function's examples with a text in its place that uses these names: parts of modules,
    each one after those it imports from."""
    typed = ast.Module([node for example in function.examples for node in statements(example)], [])
    package = function.module.partition(".")[0]
    chosen: dict[str, set[int]] = {}
    imports: dict[str, set[str]] = {}
    found = set()
    todo = [(function.module, name) for name in uses | names_used(typed) | {function.name}]
    todo += [(module, alias.name) for module, alias in _own_imports(typed, package)]
    while todo:
        wanted = module, name = todo.pop()
        if wanted in found:
            continue
        found.add(wanted)
        places = chosen.setdefault(module, set())
        sources = imports.setdefault(module, set())
        for place, statement in enumerate(_statements(module)):
            if name not in statement.binds:
                continue
            places.add(place)
            todo += [(module, used) for used in statement.uses]
            for source, alias in _own_imports(statement.node, package):
                if not isinstance(statement.node, ast.ImportFrom) or alias.name in ("*", name) or alias.asname == name:
                    sources.add(source)
                    todo.append((source, name if alias.name == "*" else alias.name))
    needed = {module: {name for place, name in found if place == module} for module in imports}
    order = TopologicalSorter({module: sorted(imports[module]) for module in sorted(imports)}).static_order()
    return tuple(_part(module, sorted(chosen[module]), needed[module], function) for module in order)


@cache
def statements(example: Example) -> list[ast.stmt]:
    """What is typed; nothing where that is a mistake, which an example may show."""
    try:
        return ast.parse(example.source).body
    except SyntaxError:
        return []


def names_used(tree: ast.AST) -> frozenset[str]:
    """The names in code, attributes not among them."""
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def names_bound(node: ast.AST) -> Iterator[str]:
    """The names that a statement binds, or whose attributes or items it sets; not those inside functions and classes,
    and of an import of everything `*`."""
    if isinstance(node, Definition):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    elif isinstance(getattr(node, "ctx", None), ast.Store):
        yield from names_used(node)
    elif not isinstance(node, Inner):
        for child in ast.iter_child_nodes(node):
            yield from names_bound(child)


def _part(module: str, places: Iterable[int], names: set[str], function: Function) -> Part:
    texts: list[list[str]] = [[]]
    for place in places:
        node = _statements(module)[place].node
        if module == function.module and isinstance(node, ast.FunctionDef) and node.name == function.name:
            texts.append([])
        elif isinstance(node, ast.ImportFrom):
            texts[-1].append(_import_of(node, names, module))
        else:
            texts[-1].append(_text(node))
    before, *after = map("\n".join, texts)
    return Part(module, before, after[0] if after else None)


def _import_of(node: ast.ImportFrom, names: set[str], module: str) -> str:
    """An import of no more than these names: a module that is left out does not have the others."""
    package = module.partition(".")[0]
    aliases = [alias for alias in node.names if (alias.asname or alias.name) in names]
    if node.names[0].name == "*":
        ((source, _),) = _own_imports(node, package)
        aliases = [ast.alias(name) for name in sorted(names & _bound(source))]
    return ast.unparse(ast.ImportFrom(node.module, aliases, node.level))


@cache
def _text(node: ast.stmt) -> str:
    return ast.unparse(node)


@cache
def _statements(module: str) -> list[Statement]:
    return [
        Statement(node, frozenset(_changes(node, module.partition(".")[0])), names_used(node))
        for node in ast.parse(module_text(module)).body
    ]


def _bound(module: str) -> set[str]:
    return {name for statement in _statements(module) for name in statement.binds}


def _changes(node: ast.stmt, package: str) -> Iterator[str]:
    """The names that a statement binds, or whose objects it may change."""
    if isinstance(node, ast.Expr):
        yield from names_used(node)
    elif isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
        for module, _ in _own_imports(node, package):
            yield from _bound(module)
    else:
        yield from names_bound(node)


def _own_imports(tree: ast.AST, package: str) -> Iterator[tuple[str, ast.alias]]:
    """Modules of the package that code imports from, with each name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = ".".join(filter(None, [package if node.level else "", node.module]))
            if module.partition(".")[0] == package:
                yield from ((module, alias) for alias in node.names)
