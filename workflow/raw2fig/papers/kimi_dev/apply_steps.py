"""`raw2fig kimi-dev apply`: one answer on a repository, with the reason of every failure."""

from __future__ import annotations

import logging
from pathlib import Path

from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev import official as released
from raw2fig.papers.kimi_dev.diffs import unified
from raw2fig.papers.kimi_dev.patches import Outcome
from raw2fig.papers.kimi_dev.repository import apply_any, read_files
from raw2fig.step import Input, Output, step
from raw2fig.tables import regular_file


@step
def apply(*, patch: Input, repo: Input, diff: Output | None = None, official: bool = False) -> None:
    """Apply an answer to a repository, strictly: all of its blocks, or none. The repository itself stays as it is.

    Every block that fails is named with its reason: no_block, bad_path, not_found, ambiguous, empty_search, noop or
    syntax_error. An example: raw2fig kimi-dev apply --patch answer.md --repo . --diff fix.diff

    Parameters
    ----------
    patch
        A text with SEARCH/REPLACE blocks, as a model writes it, or a unified diff.
    repo
        Folder of the repository.
    diff
        The change as a unified diff, for `git apply`. Without it nothing is written.
    official
        Read blocks as the released code of the paper does, which repairs, replaces and forgives what it should not.
    """
    regular_file(patch)
    files, text = read_files(repo), patch.read_text(encoding="utf-8", errors="surrogateescape")
    made = _officially(patch, files, text) if official else _strictly(patch, files, text)
    if diff:
        diff.write_text(made, encoding="utf-8", errors="surrogateescape", newline="")


def _strictly(patch: Path, files: dict[str, str], text: str) -> str:
    applied = apply_any(files, text)
    for outcome in applied.outcomes:
        logging.info("%s", told(outcome))
    if applied.after is None:
        problem = "; ".join(map(told, applied.failures))
        raise InputError(patch, f"does not apply: {problem}", "blocks that all apply")
    return unified(files, applied.after)


def _officially(patch: Path, files: dict[str, str], text: str) -> str:
    found = released.apply(files, released.answer_of(text))
    if not found.is_applied:
        raise InputError(patch, "changes nothing for the released code, which does not say why", "an answer that does")
    for outcome in apply_any(files, text).failures:
        logging.warning("the strict reading refuses this answer: %s", told(outcome))
    return found.diff


def told(outcome: Outcome) -> str:
    """An outcome in one line."""
    place = f"block {outcome.block}" if outcome.block else "the whole"
    path = f" ({outcome.path})" if outcome.path else ""
    return f"{place}{path}: {outcome.reason}, {outcome.detail}" if outcome.reason else f"{place}{path}: applied"
