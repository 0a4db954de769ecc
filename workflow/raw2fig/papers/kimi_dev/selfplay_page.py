"""The page that shows why a patch won."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.papers.kimi_dev.matrix import Matrix

TEMPLATE = Path(__file__).with_name("selfplay.html.j2")


def write_page(
    path: Path,
    repository: str,
    matrix: Matrix,
    patches: pd.DataFrame,
    why: Sequence[str],
    best: int,
    voted: int | None,
    diff: str,
) -> None:
    """Write the page. `patches`: a row for each patch; `why`: why a test answer is not used, empty if it applies;
    `voted`: what a majority vote would choose."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    tests = [
        {"number": number, "failed": int(failed), "passed": int(passed), "why": reason or _unused(int(failed))}
        for number, (failed, passed, reason) in enumerate(zip(matrix.failed, matrix.passed, why, strict=True))
    ]
    used = [test for test in tests if not test["why"]]
    rows = []
    for row in patches.to_dict("records"):
        cells = []
        for test in used:
            place = int(row["patch"]), int(str(test["number"]))
            fixed, kept = int(matrix.fail_pass[place]), int(matrix.pass_pass[place])
            kind = "all" if (fixed, kept) == (test["failed"], test["passed"]) else "some" if fixed else "none"
            cells.append({"fixed": fixed, "kept": kept, "kind": kind, **test})
        rows.append({**row, "cells": cells})
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        repository=repository,
        rows=rows,
        best=rows[best],
        tied=[row["patch"] for row in rows if row["score"] == rows[best]["score"]],
        voted=voted,
        used=used,
        unused=[test for test in tests if test["why"]],
        diff=diff.split("\n"),
    )
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def _unused(failed: int) -> str:
    return "" if failed else "it fails nowhere on the original"
