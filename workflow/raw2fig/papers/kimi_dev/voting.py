"""Majority voting over patches (section 5 of the reference sheet): what stays of a patch without comments, docstrings
and formatting is what is counted."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from raw2fig.papers.kimi_dev.patches import Files, syntax_mistake

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def normalised(before: Files, after: Files) -> tuple[tuple[str, str], ...]:
    """What a patch makes of the files that it changes: path and text without comments, docstrings and formatting. Files
    in which nothing else has changed are left out; a deleted file is an empty text."""
    found = []
    for path in sorted({*before, *after}):
        if before.get(path) != after.get(path):
            old, new = (without_comments(files.get(path, ""), path) for files in (before, after))
            if old != new:
                found.append((path, new))
    return tuple(found)


@lru_cache(maxsize=10_000)
def without_comments(source: str, path: str) -> str:
    """A Python file as `ast.unparse` writes it, without docstrings; any other text as it is."""
    if not path.endswith(".py") or syntax_mistake(source):
        return source
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, Documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])
    return ast.unparse(tree)


def majority(before: Files, afters: Sequence[Files | None]) -> int | None:
    """The first patch of the largest group of equal ones; of groups of one size the first one seen. `afters`: the files
    after each patch, None if it does not apply. None if no patch changes anything that counts."""
    keys = [normalised(before, after) if after is not None else () for after in afters]
    counts = Counter(key for key in keys if key)
    return keys.index(counts.most_common(1)[0][0]) if counts else None
