"""Unified diffs of several files, written as git writes them and applied as `git apply` does, but without a search for
another place: a hunk stands where it says, or it fails."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import unified_diff
from typing import TYPE_CHECKING

from raw2fig.papers.kimi_dev.patches import Applied, Files, Outcome, syntax_mistake

if TYPE_CHECKING:
    from unidiff import Hunk, PatchedFile

NO_NEWLINE = "\\ No newline at end of file\n"
NOWHERE = "/dev/null"
NAMES = re.compile(r"^(--- [^\n]*?)\t?\n(\+\+\+ [^\n]*?)\t?\n(?=@@ )", re.MULTILINE)
"""Names of files before their first hunk. Git writes a tab after a name with a space, which unidiff does not know."""


def unified(before: Files, after: Files) -> str:
    """The diff from some files to others, in the order of paths; empty where they are equal."""
    return "".join(_unified(path, before.get(path), after.get(path)) for path in sorted({*before, *after}))


def _unified(path: str, before: str | None, after: str | None) -> str:
    if before == after:
        return ""
    lines = [f"diff --git a/{path} b/{path}\n"]
    if before is None:
        lines.append("new file mode 100644\n")
    if after is None:
        lines.append("deleted file mode 100644\n")
    names = NOWHERE if before is None else f"a/{path}", NOWHERE if after is None else f"b/{path}"
    for line in unified_diff(_lines(before or ""), _lines(after or ""), *names):
        lines.append(line if line.endswith("\n") else f"{line}\n{NO_NEWLINE}")
    return "".join(lines)


def _lines(text: str) -> list[str]:
    """Lines with their newlines; `str.splitlines` would split at more than these."""
    *whole, rest = text.split("\n")
    return [f"{line}\n" for line in whole] + [rest] * bool(rest)


def apply_diff(files: Files, text: str) -> Applied:
    """The files after a diff, which may add and delete files. Hunks are numbered over all files."""
    from unidiff import PatchSet
    from unidiff.errors import UnidiffParseError

    try:
        patched = list(PatchSet(NAMES.sub(r"\1\n\2\n", text)))
    except UnidiffParseError as error:
        return Applied(None, (Outcome(0, "", "no_block", f"the diff cannot be read ({error})"),))
    if not patched:
        return Applied(None, (Outcome(0, "", "no_block", "the text has no blocks and is no diff"),))
    after = dict(files)
    outcomes: list[Outcome] = []
    for one in patched:
        outcomes += _applied(files, after, one, len(outcomes) + 1)
    failed = any(one.reason for one in outcomes)
    if not failed and after == dict(files):
        outcomes.append(Outcome(0, "", "noop", "the diff changes nothing"))
        failed = True
    return Applied(None if failed else after, tuple(outcomes))


def _applied(files: Files, after: dict[str, str], patched: PatchedFile, number: int) -> Iterator[Outcome]:
    """Apply the hunks of one file to `after`. Their numbers begin with `number`."""
    path = patched.path
    problem = _misplaced(patched, path in files)
    if problem:
        yield Outcome(number, path, "bad_path", problem)
        return
    before = _lines(files.get(path, ""))
    made: list[str] = []
    done = 0
    for place, hunk in enumerate(patched, number):
        old, new = _sides(hunk)
        # a hunk that takes nothing names the line before it
        start = hunk.source_start - 1 if hunk.source_length else hunk.source_start
        if start < done or before[start : start + len(old)] != old:
            yield Outcome(place, path, "not_found", f"line {hunk.source_start} and those below are other ones")
            continue
        made += [*before[done:start], *new]
        done = start + len(old)
        yield Outcome(place, path, None)
    text = "".join([*made, *before[done:]])
    if patched.target_file == NOWHERE:
        after.pop(path, None)
        return
    after[path] = text
    mistake = syntax_mistake(text) if path.endswith(".py") and text != files.get(path) else ""
    if mistake:
        yield Outcome(0, path, "syntax_error", mistake)


def _misplaced(patched: PatchedFile, is_there: bool) -> str:
    """Why a diff of a file cannot be one of these files, empty if it can."""
    if patched.is_rename:
        return "a file is renamed"
    if is_there == (patched.source_file == NOWHERE):
        return "the file is there already" if is_there else "there is no such file"
    return ""


def _sides(hunk: Hunk) -> tuple[list[str], list[str]]:
    """The lines of a hunk before and after, with their newlines."""
    old: list[str] = []
    new: list[str] = []
    sides: Sequence[list[str]] = ()
    for line in hunk:
        if line.line_type == "\\":
            for side in sides:
                side[-1] = side[-1].removesuffix("\n")
            continue
        sides = {"-": (old,), "+": (new,)}.get(line.line_type, (old, new))
        for side in sides:
            side.append(line.value)
    return old, new
