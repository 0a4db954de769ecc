"""The world of the miniature: questions with one right word, which a small model can answer without writing steps.

Multiple choice, in place of ARC, asks at which of four places a digit is that fits: `<start> find3 7 3 9 0 =` has the
answer B. Arithmetic, in place of DART, applies one to six operations modulo five from left to right: the level is the
number of operations. At each word the answer so far is known, and a model learns it there (dense supervision).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

START, EQUALS = "<start>", "="
LETTERS = ("A", "B", "C", "D")
MODULUS = 5
OPERATIONS = ("+1", "-1", "+2", "-2", "*2", "+3", "-3", "*3", "*4", "+4", "-4")
APPLY: dict[str, Callable[[int, int], int]] = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}
CHOICES = ("find", "max", "min", "even")
LEVELS = tuple(f"level{level}" for level in range(1, 7))
TASKS = (*CHOICES, *LEVELS)
KNOWN = ("find", "max", *LEVELS[:5])
"""Tasks that routes are searched for; the others are in the base's training alone (out of domain)."""
CHANCE = {task: 1 / len(LETTERS) if task in CHOICES else 1 / MODULUS for task in TASKS}


class Item(NamedTuple):
    """A question: its words, and the answer so far at each of them, "" where there is none yet. The last one is the
    right answer."""

    words: tuple[str, ...]
    so_far: tuple[str, ...]

    @property
    def prompt(self) -> str:
        """The words as a text."""
        return " ".join(self.words)

    @property
    def answer(self) -> str:
        """The right answer."""
        return self.so_far[-1]


def vocabulary() -> list[str]:
    """Every word of the world."""
    digits = [str(digit) for digit in range(10)]
    return [START, EQUALS, *digits, *LETTERS, *(f"find{digit}" for digit in digits), *CHOICES[1:], *OPERATIONS]


def draw_item(task: str, rng: np.random.Generator) -> Item:
    """A question of a task."""
    return _choice(task, rng) if task in CHOICES else _arithmetic(int(task.removeprefix("level")), rng)


def _choice(task: str, rng: np.random.Generator) -> Item:
    digits: list[int] = rng.permutation(10)[: len(LETTERS)].tolist()
    while task == "even" and all(digit % 2 for digit in digits):
        digits = rng.permutation(10)[: len(LETTERS)].tolist()
    wanted = digits[rng.integers(len(LETTERS))]
    so_far = []
    for number in range(1, len(digits) + 1):
        seen = digits[:number]
        if task in ("max", "min"):
            fitting = [seen.index(max(seen) if task == "max" else min(seen))]
        else:
            fitting = [
                place for place, digit in enumerate(seen) if (digit == wanted if task == "find" else not digit % 2)
            ]
        so_far.append(LETTERS[fitting[0]] if fitting else "")
    asked = f"find{wanted}" if task == "find" else task
    return Item((START, asked, *map(str, digits), EQUALS), ("", "", *so_far, so_far[-1]))


def _arithmetic(level: int, rng: np.random.Generator) -> Item:
    value = int(rng.integers(MODULUS))
    words, so_far = [START, str(value)], ["", str(value)]
    for operation in (OPERATIONS[place] for place in rng.integers(len(OPERATIONS), size=level)):
        value = APPLY[operation[0]](value, int(operation[1:])) % MODULUS
        words.append(operation)
        so_far.append(str(value))
    return Item((*words, EQUALS), (*so_far, str(value)))


def distinct_items(task: str, number: int, rng: np.random.Generator, without: Sequence[Item] = ()) -> list[Item]:
    """Different questions of a task, none of them in `without`; fewer than `number` where there are no more."""
    known, found, tries = {one.words for one in without}, dict[tuple[str, ...], Item](), 0
    while len(found) < number and tries < 50 * number:
        item = draw_item(task, rng)
        tries += 1
        if item.words not in known:
            found.setdefault(item.words, item)
    return list(found.values())


def encoded(tokenizer: PreTrainedTokenizerBase, items: Sequence[Item]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids and labels (items, longest) at the same places, the labels -100 where there is no answer so far."""
    ids = tokenizer.get_vocab()
    longest = max(len(item.words) for item in items)
    words, labels = np.full((len(items), longest), tokenizer.pad_token_id), np.full((len(items), longest), -100)
    for row, item in enumerate(items):
        words[row, : len(item.words)] = [ids[word] for word in item.words]
        labels[row, : len(item.words)] = [ids[word] if word else -100 for word in item.so_far]
    return words, labels
