"""Words to be counted: the most common of a list (cwe), and the most frequent of a coded text (fwe)."""

from __future__ import annotations

import numpy as np

from raw2fig.papers.brain_rot.battery.ruler.score import Item
from raw2fig.papers.brain_rot.battery.ruler.words import WORDS, distinct_words

COMMON = 10
SHORT, FULL = (6, 1), (30, 3)
"""How often each common and each other word stands in a short list and in a long one."""
LONG = 4096
"""Tokens from which on a list is long."""
LONGEST_COMMON, LONGEST_FREQUENT = 120, 50
"""Tokens of a reply at most."""
EXPONENT = 2.0
DOTS = "..."
LEAST = 100
"""Words of a text at least: enough for the first five ranks to have different counts."""
MARKED = 5
LETTERS = 6
"""Letters of a coded word."""


def common_words(length: int, size: int, rng: np.random.Generator) -> Item:
    """A numbered list of ten common words and `size` others, for a prompt of `length` tokens. The references are the
    common ones, none of which is a part of another."""
    common, other = FULL if length >= LONG else SHORT
    words = distinct_words(COMMON, rng)
    others = [WORDS[place] for place in rng.permutation(len(WORDS)) if WORDS[place] not in words][:size]
    listed = [*words * common, *others * other]
    rng.shuffle(listed)
    numbered = " ".join(f"{number}. {word}" for number, word in enumerate(listed, 1))
    prompt = (
        f"Below is a numbered list of words. Some stand in it more often than others.\n{numbered}\n"
        f"Which {COMMON} words are the most common in the list above? Answer with these words alone."
    )
    return Item(prompt, tuple(words), True, LONGEST_COMMON)


def frequencies(size: int, vocabulary: int) -> list[int]:
    """How often words of rank 1, 2, ... stand in a text of `size` words: int(size k^-2 / zeta(2)), without zeros."""
    from scipy.special import zeta

    counts = [int(size * rank**-EXPONENT / zeta(EXPONENT)) for rank in range(1, vocabulary + 1)]
    return [count for count in counts if count]


def frequent_words(length: int, size: int, rng: np.random.Generator) -> Item:
    """A text of `size` coded words, and a hundred more, whose frequencies fall as those of a zeta distribution, for a
    prompt of `length` tokens. Dots stand for the most frequent one. The references are the three that follow."""
    counts = frequencies(LEAST + size, max(MARKED, length // 50))
    names = [DOTS, *_codes(len(counts) - 1, rng)]
    text = [name for name, count in zip(names, counts, strict=True) for _ in range(count)]
    rng.shuffle(text)
    prompt = (
        f"Below is a coded text. The dots mean nothing.\n{' '.join(text)}\n"
        "Which three coded words are the most frequent in the text above? Answer with these words alone."
    )
    return Item(prompt, tuple(names[1:4]), True, LONGEST_FREQUENT)


def _codes(number: int, rng: np.random.Generator) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < number:
        found["".join(rng.choice([*"abcdefghijklmnopqrstuvwxyz"], LETTERS))] = None
    return list(found)
