"""Which steps an edit makes again, by their digests."""

import ast
from typing import Any

import pytest

from raw2fig import provenance


def changed_by(monkeypatch: pytest.MonkeyPatch, paper: str, module: str, function: str) -> set[str]:
    """Commands of the paper whose digest changes when `function` of its `module` does."""
    steps = list(provenance._commands(paper))
    caches = (provenance.step_digest, provenance._parts, provenance._kept, provenance._steps, provenance._needs)

    def taken() -> dict[str, str]:
        for cached in caches:
            cached.cache_clear()
        return {name: provenance.step_digest(paper, name) for name in steps}

    before, parse = taken(), ast.parse
    path = provenance._path(f"raw2fig.papers.{paper}.{module}")
    assert path is not None
    source, found = path.read_text(encoding="utf-8"), []

    def edited(text: str, *arguments: Any, **given: Any) -> ast.Module:
        tree: ast.Module = parse(text, *arguments, **given)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == function and text == source:
                node.body.append(ast.Assert(ast.Constant(True)))
                found.append(node)
        return tree

    with monkeypatch.context() as patch:
        patch.setattr(provenance.ast, "parse", edited)
        after = taken()
    for cached in caches:
        cached.cache_clear()
    assert found, f"no function {function} in {module}"
    return {name for name in steps if before[name] != after[name]}
