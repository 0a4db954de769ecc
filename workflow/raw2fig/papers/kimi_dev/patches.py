"""Answers of the two roles, and what they do to files (section 3.2 of the reference sheet).

An edit is a number of SEARCH/REPLACE blocks inside fences:

    ```python
    ### path/to/file.py
    <<<<<<< SEARCH
    existing lines
    =======
    new lines
    >>>>>>> REPLACE
    ```

This is the strict reading: SEARCH stands in its file exactly once and as whole lines, whitespace counts, and a Python
file is Python afterwards. Every block that does not do so is named with its reason, and then nothing changes at all.
`raw2fig.papers.kimi_dev.official` reads answers as the released code does.

A file is a text, and its lines are what stands between its newlines. So the text after a last newline is an empty line,
and whether a file ends with a newline is something that an edit can change.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

Reason = Literal["no_block", "bad_path", "not_found", "ambiguous", "empty_search", "noop", "syntax_error"]
Files = Mapping[str, str]
"""Path below the repository → text."""
START, MIDDLE, END = "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"
MARKERS = (START, MIDDLE, END)
OPEN, FENCE = "```python", "```"
PATH = "### "
THINKING = (("◁think▷", "◁/think▷"), ("<think>", "</think>"))
"""What begins and ends thinking: Kimi's words, and those of most other models."""
MOST_PATHS = 5
"""Paths of a localisation answer."""


class Block(NamedTuple):
    """One edit: the path, the lines to find and the lines instead. `flaw` says what is wrong with the block's form."""

    path: str
    search: tuple[str, ...]
    replace: tuple[str, ...]
    flaw: str = ""


class Outcome(NamedTuple):
    """What came of a block: its number from 1 (0 is the answer as a whole), its path, the reason why it failed (None if
    it did not), and the same in words."""

    block: int
    path: str
    reason: Reason | None
    detail: str = ""


class Applied(NamedTuple):
    """All files after an answer, None if anything failed, and what came of each block."""

    after: dict[str, str] | None
    outcomes: tuple[Outcome, ...]

    @property
    def failures(self) -> list[Outcome]:
        """The outcomes that have a reason."""
        return [one for one in self.outcomes if one.reason]


def without_thinking(text: str) -> str:
    """What follows the thinking. Thinking that does not end is followed by nothing."""
    for begin, end in THINKING:
        if end in text:
            return text.partition(end)[2]
        if text.lstrip().startswith(begin):
            return ""
    return text


def parse(text: str) -> list[Block]:
    """All blocks of an answer after its thinking, also those that have a flaw."""
    blocks: list[Block] = []
    fenced, path, previous = False, "", ""
    parts: list[list[str]] = []  # of the block that is being read: no list, SEARCH, or SEARCH and REPLACE

    def end_block(flaw: str = "") -> None:
        search, replace = [*parts, [], []][:2]
        blocks.append(Block(path, tuple(search), tuple(replace), flaw))
        parts.clear()

    for line in without_thinking(text).split("\n"):
        if line == START:
            if parts:
                end_block("another block begins inside")
            path = previous[len(PATH) :] if previous.startswith(PATH) else ""
            if fenced:
                parts.append([])
            else:
                end_block(f"it is not inside {OPEN}")
        elif line == MIDDLE and parts:
            if len(parts) == 2:
                end_block(f"{MIDDLE} comes twice")
            else:
                parts.append([])
        elif line == END and fenced:
            end_block("" if len(parts) == 2 else f"{START} or {MIDDLE} is missing")
        elif parts:
            parts[-1].append(line)
        elif fenced:
            fenced = line != FENCE
        else:
            fenced = line == OPEN
        previous = line
    if parts:
        end_block("it does not end")
    return blocks


def apply(files: Files, text: str) -> Applied:
    """The files after an answer. Blocks are applied one after the other, each to what those before it left."""
    return apply_blocks(files, parse(text))


def apply_blocks(files: Files, blocks: Sequence[Block]) -> Applied:
    """The files after these blocks."""
    if not blocks:
        return Applied(None, (Outcome(0, "", "no_block", "the answer has no block"),))
    after = dict(files)
    last: dict[str, int] = {}
    outcomes: list[Outcome] = []
    for number, block in enumerate(blocks, 1):
        reason, detail = _refused(after, block)
        if reason is None:
            text, needle = after[block.path], "\n".join(block.search)
            found = _places(text, needle)
            if len(found) == 1:
                after[block.path] = _replaced(text, found[0], needle, block.replace)
                last[block.path] = number
            elif found:
                reason, detail = "ambiguous", f"SEARCH stands there {len(found)} times"
            else:
                reason, detail = "not_found", "the file has no such lines"
        outcomes.append(Outcome(number, block.path, reason, detail))
    if not any(one.reason for one in outcomes):
        outcomes = _checked(files, after, last, outcomes)
    return Applied(None if any(one.reason for one in outcomes) else after, tuple(outcomes))


def _refused(files: Files, block: Block) -> tuple[Reason | None, str]:
    """Why a block cannot be applied to whatever text, if so."""
    if block.flaw:
        return "no_block", block.flaw
    if not block.path:
        return "bad_path", f"there is no line `{PATH}path` directly above"
    if block.path not in files:
        return "bad_path", "there is no such file"
    if not any(line.strip() for line in block.search):
        return "empty_search", "SEARCH has no line, or only empty ones"
    if block.search == block.replace:
        return "noop", "REPLACE is the same as SEARCH"
    return None, ""


def _checked(files: Files, after: Files, last: Mapping[str, int], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Outcomes after a look at the whole: something has changed, and Python files are Python. A failure is that of the
    last block of a file."""
    found = list(outcomes)
    if all(after[path] == files[path] for path in last):
        return [*found, Outcome(0, "", "noop", "all blocks together change nothing")]
    for path, number in last.items():
        mistake = syntax_mistake(after[path]) if path.endswith(".py") else ""
        if mistake:
            found[number - 1] = Outcome(number, path, "syntax_error", mistake)
    return found


def _places(text: str, needle: str) -> list[int]:
    """Where a text has these whole lines."""
    found = []
    start = text.find(needle)
    while start >= 0:
        end = start + len(needle)
        if (start == 0 or text[start - 1] == "\n") and (end == len(text) or text[end] == "\n"):
            found.append(start)
        start = text.find(needle, start + 1)
    return found


def _replaced(text: str, start: int, needle: str, lines: Sequence[str]) -> str:
    """The text with these lines in place of those at `start`. With the last lines goes the newline before them."""
    end = start + len(needle)
    if lines:
        return text[:start] + "\n".join(lines) + text[end:]
    return text[:start] + text[end + 1 :] if end < len(text) else text[: max(0, start - 1)]


def syntax_mistake(source: str) -> str:
    """What keeps a text from being Python, empty if it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def render(blocks: Iterable[Block]) -> str:
    """The answer with these blocks, as `parse` reads it. Raises `ValueError` for a line that is a marker."""
    lines: list[str] = []
    for block in blocks:
        if marks := {*MARKERS} & {*block.search, *block.replace}:
            raise ValueError(f"a line of {block.path} is the marker {min(marks)}")
        lines += [OPEN, PATH + block.path, START, *block.search, MIDDLE, *block.replace, END, FENCE]
    return "\n".join([*lines, ""])


def localised(text: str, files: Collection[str]) -> list[str]:
    """The files that a localisation answer names, the most important first: the lines of its last fenced block that are
    paths of `files`, each once and at most `MOST_PATHS`."""
    blocks: list[list[str]] = []
    inside = False
    for line in without_thinking(text).split("\n"):
        if line.startswith(FENCE):
            inside = not inside
            if inside:
                blocks.append([])
        elif inside:
            blocks[-1].append(line.strip())
    named = dict.fromkeys(blocks[-1]) if blocks else {}
    return [path for path in named if path in files][:MOST_PATHS]
