"""SEARCH/REPLACE blocks that make one text out of another: how examples for training are made from known edits."""

from __future__ import annotations

from difflib import SequenceMatcher

from raw2fig.papers.kimi_dev.patches import Block

CONTEXT = 3
"""Lines around a pure insertion or deletion that its SEARCH has, as a hunk of a diff does."""


def blocks_between(path: str, before: str, after: str) -> list[Block]:
    """A block for each change that difflib finds, to be applied in this order. SEARCH is what is replaced; of a pure
    insertion or deletion it is the change with its context. It grows until it stands in the file once.

    Raises `ValueError` for a text without anything but empty lines, of which no part can be named.
    """
    old, new = before.split("\n"), after.split("\n")
    if not before.strip() and before != after:
        raise ValueError(f"{path} has only empty lines")
    blocks = []
    for tag, old_start, old_end, start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        # what stands before this change is already new
        current, end = new[:start] + old[old_start:], start + old_end - old_start
        first, last = start, end
        if tag != "replace":
            first, last = max(0, start - CONTEXT), min(len(current), end + CONTEXT)
        while not _names_one_place(current, first, last):
            if last - first == len(current):  # all that is left is empty lines
                return [Block(path, tuple(old), tuple(new))]
            first, last = max(0, first - 1), min(len(current), last + 1)
        replace = current[first:start] + new[start:new_end] + current[end:last]
        blocks.append(Block(path, tuple(current[first:last]), tuple(replace)))
    return blocks


def _names_one_place(lines: list[str], first: int, last: int) -> bool:
    """Whether these lines are not all empty and stand there once."""
    wanted = lines[first:last]
    if not any(line.strip() for line in wanted):
        return False
    size = last - first
    return sum(lines[place : place + size] == wanted for place in range(len(lines) - size + 1)) == 1
