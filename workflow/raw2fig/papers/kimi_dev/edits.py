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
    for tag, old_start, old_end, start, new_end in _opcodes(old, new):
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


def _opcodes(old: list[str], new: list[str]) -> list[tuple[str, int, int, int, int]]:
    """What difflib says of the lines between the first and the last that differ, which is much less to compare."""
    top = 0
    while top < min(len(old), len(new)) and old[top] == new[top]:
        top += 1
    bottom = 0
    while bottom < min(len(old), len(new)) - top and old[-1 - bottom] == new[-1 - bottom]:
        bottom += 1
    inner = old[top : len(old) - bottom], new[top : len(new) - bottom]
    return [
        (tag, *(place + top for place in places))  # type: ignore[misc]
        for tag, *places in SequenceMatcher(None, *inner, autojunk=False).get_opcodes()
    ]


def _names_one_place(lines: list[str], first: int, last: int) -> bool:
    """Whether these lines are not all empty and stand there once."""
    wanted = lines[first:last]
    if not any(line.strip() for line in wanted):
        return False
    size = last - first
    return not any(
        lines[place] == wanted[0] and lines[place : place + size] == wanted
        for place in range(len(lines) - size + 1)
        if place != first
    )
