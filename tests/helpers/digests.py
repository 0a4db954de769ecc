"""Which steps an edit makes again, by their digests."""

import ast

import pytest

from raw2fig import provenance

FOLLOW = (provenance.step_digest, provenance._kept, provenance._steps, provenance._needs)
"""What is kept of the parts of modules."""


def changed_by(monkeypatch: pytest.MonkeyPatch, paper: str, module: str, function: str) -> set[str]:
    """Commands of the paper whose digest changes when `function` of its `module` does."""
    name = f"raw2fig.papers.{paper}.{module}"
    path, parts_of = provenance._path(name), provenance._parts
    assert path is not None
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function]
    assert found, f"no function {function} in {module}"
    for node in found:
        node.body.append(ast.Assert(ast.Constant(True)))
    code = [node for node in tree.body if not provenance._is_text(node)]
    edited = tuple(part for node in code for part in provenance._parts_of(name, node))

    def taken() -> dict[str, str]:
        for cached in FOLLOW:
            cached.cache_clear()
        return {step: provenance.step_digest(paper, step) for step in provenance._commands(paper)}

    before = taken()
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "_parts", lambda wanted: edited if wanted == name else parts_of(wanted))
        after = taken()
    assert taken() == before
    return {step for step, digest in before.items() if after[step] != digest}
