"""Long contexts: small generators and the scorer with RULER's tasks, for any tokenizer and any length.

A task is a builder: it makes a prompt of a given size (sentences, words or documents) and the references that a right
reply holds. `draw` finds the largest size that fits a length in tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.battery.ruler.counting import common_words, frequent_words
from raw2fig.papers.brain_rot.battery.ruler.needles import Needles, needles
from raw2fig.papers.brain_rot.battery.ruler.questions import Documents, one_hop, questions, two_hops
from raw2fig.papers.brain_rot.battery.ruler.score import Item, oracle
from raw2fig.papers.brain_rot.battery.ruler.tracking import variable_tracking

Build = Callable[[int, np.random.Generator], Item]
Count = Callable[[str], int]
"""Number of tokens of a text."""
NEEDLES: Mapping[str, Needles] = {
    "niah_single_1": Needles("noise", "words", "numbers"),
    "niah_single_2": Needles("prose", "words", "numbers"),
    "niah_single_3": Needles("prose", "words", "uuids"),
    "niah_multikey_1": Needles("prose", "words", "numbers", keys=4),
    "niah_multikey_2": Needles("needles", "words", "numbers"),
    "niah_multikey_3": Needles("needles", "uuids", "uuids"),
    "niah_multivalue": Needles("prose", "words", "numbers", values=4),
    "niah_multiquery": Needles("prose", "words", "numbers", keys=4, queries=4),
}
TASKS = (*NEEDLES, "vt", "cwe", "fwe", "qa_squad", "qa_hotpot")
"""RULER's thirteen tasks. The overall score is their unweighted mean."""
SMALLEST, LARGEST = 1, 1 << 20


def builders(length: int, documents: Mapping[str, Documents]) -> dict[str, Build]:
    """A builder for each task, for prompts of `length` tokens: the lists of words are other ones for long prompts.
    `documents` are those of somebody's own for `qa_squad` and `qa_hotpot`."""
    of = {"qa_squad": one_hop, "qa_hotpot": two_hops, **documents}
    return {
        **{name: partial(needles, what) for name, what in NEEDLES.items()},
        "vt": variable_tracking,
        "cwe": partial(common_words, length),
        "fwe": partial(frequent_words, length),
        **{name: partial(questions, drawn) for name, drawn in of.items()},
    }


def draw(build: Build, length: int, number: int, seed: int, count: Count) -> list[Item]:
    """`number` items, of which prompt and reply take `length` tokens at most. A reply may always be as long as the
    right one. Raises `InputError` for a length that does not hold the smallest prompt."""
    return [_fitting(build, length, (seed, place), count) for place in range(number)]


def _fitting(build: Build, length: int, seed: Sequence[int], count: Count) -> Item:
    """The item of the largest size that fits, by bisection: prompts grow with their size."""

    def of(size: int) -> Item:
        item = build(size, np.random.default_rng(seed))
        return item._replace(max_new_tokens=max(item.max_new_tokens, count(oracle(item))))

    def needed(item: Item) -> int:
        return count(item.prompt) + item.max_new_tokens

    found = of(SMALLEST)
    if needed(found) > length:
        problem = f"{length} tokens do not hold the smallest prompt"
        raise InputError("length", problem, f"at least {needed(found)}")
    low, high = SMALLEST, 2 * SMALLEST
    while high <= LARGEST and needed(item := of(high)) <= length:
        if item == found:  # there are no more documents
            return item
        found, low, high = item, high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if needed(item := of(middle)) <= length:
            found, low = item, middle
        else:
            high = middle
    return found
