"""Which code made a file: the part of provenance that Snakemake does not see by itself.

Snakemake reruns a job when its inputs, parameters or shell line change, but a shell line that calls `raw2fig`
does not change when the Python behind it does. `source_digest(module)` is a rule parameter that closes that.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The folder that holds the package."""


def source_digest(*modules: str) -> str:
    """Digest of `modules` and of every raw2fig module they import, directly or not.

    Taken over syntax trees without docstrings, so that comments, formatting and documentation do not count.
    Raises `ModuleNotFoundError` for a module that is not in the package.
    """
    names = sorted(set().union(*(_closure(module) for module in modules)))
    return hashlib.sha256("".join(name + _digest(name) for name in names).encode()).hexdigest()[:16]


def _closure(module: str) -> set[str]:
    """`module` and all raw2fig modules reachable from it by imports, at whatever depth in the code."""
    reached: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(_imports(name))
    return reached


def _path(module: str) -> Path | None:
    """File of a raw2fig module or package, None if there is none."""
    stem = ROOT.joinpath(*module.split("."))
    return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)


@cache
def _tree(module: str) -> ast.Module:
    path = _path(module)
    if path is None:
        raise ModuleNotFoundError(f"no module {module} in {ROOT.name}")
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _imports(module: str) -> frozenset[str]:
    """raw2fig modules that `module` imports, in functions too. Importing `a.b.c` also runs `a` and `a.b`."""
    found = {module}
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            raise SyntaxError(f"{module}: relative import; write it out as raw2fig....")
    parents = {name.rsplit(".", depth)[0] for name in found for depth in range(name.count(".") + 1)}
    return frozenset(name for name in found | parents if name.partition(".")[0] == "raw2fig" and _path(name))


@cache
def _digest(module: str) -> str:
    """Digest of one module's syntax tree without docstrings."""
    tree = _tree(module)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            # a docstring, also one below an assignment, is an expression statement that is a bare string
            node.body = [
                item
                for item in node.body
                if not (
                    isinstance(item, ast.Expr)
                    and isinstance(item.value, ast.Constant)
                    and isinstance(item.value.value, str)
                )
            ] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
