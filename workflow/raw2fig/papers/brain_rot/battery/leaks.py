"""Whether what a model is measured with stands in what it was trained on, compared by hashes.

Words are compared in lower case and without punctuation, so that spacing and case hide nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

ANCHOR = 8
"""Words at the beginning of a prompt that are looked for first."""


def digest(words: Sequence[str]) -> bytes:
    """Hash of words in a row."""
    return hashlib.blake2b(" ".join(words).encode(), digest_size=12).digest()


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def leaks(prompts: Sequence[str], texts: Iterable[str]) -> list[int]:
    """The prompts, by number, that stand whole in one of the training texts."""
    split = [words_of(prompt) for prompt in prompts]
    # hash of the first words -> those prompts: their numbers, lengths and hashes
    wanted: dict[int, dict[bytes, list[tuple[int, int, bytes]]]] = {}
    for number, words in enumerate(split):
        anchor = min(ANCHOR, len(words))
        if anchor:
            entry = (number, len(words), digest(words))
            wanted.setdefault(anchor, {}).setdefault(digest(words[:anchor]), []).append(entry)
    found: set[int] = set()
    for text in texts:
        words = words_of(text)
        for anchor, by_hash in wanted.items():
            for start in range(len(words) - anchor + 1):
                for number, length, whole in by_hash.get(digest(words[start : start + anchor]), ()):
                    if digest(words[start : start + length]) == whole:
                        found.add(number)
    return sorted(found)
