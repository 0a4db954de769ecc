"""The length of a post in tokens, which every threshold of length is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

WORD_OR_MARK = r"[\pL\pN\pM_]+|[^\pL\pN\pM_\s]"
"""A word, or a mark that belongs to none, in the grammar of RE2."""
ADDED = 4
"""Tokens that a tokenizer may put before and after a text on top of its special ones, such as a mark of its
beginning."""


SLACK, SPARE = 0.1, 8
"""The share of an estimated length, and the tokens besides, by which the true length may differ. In tokenizers that
split at white space, as those of all common models do, the tokens of a text are those of its words."""
KEPT = 1_000_000
"""Words whose numbers of tokens are kept in memory."""


class Ruler(NamedTuple):
    """How lengths are measured. `most` is the largest length that a text of so many bytes can have, and `estimate` is
    near the length and cheap, None where measuring is cheap: a text that cannot be in an arm need not be measured."""

    name: str
    measure: Callable[[pa.Array], np.ndarray]
    most: Callable[[np.ndarray], np.ndarray]
    estimate: Callable[[pa.Array], np.ndarray] | None


def words_and_marks() -> Ruler:
    """Words and punctuation marks, each one token, without special tokens: a length that needs no tokenizer. It is
    shorter than that of a language model's tokenizer, which splits rare words and addresses."""
    import pyarrow.compute as pc

    def measure(texts: pa.Array) -> np.ndarray:
        return _integers(pc.count_substring_regex(texts, WORD_OR_MARK))

    return Ruler("words and punctuation marks, without special tokens", measure, lambda size: size, None)


def tokenizer_ruler(source: str, revision: str | None) -> Ruler:
    """Tokens of a Hugging Face tokenizer, special ones included as the paper has it: Llama's beginning of a text counts
    as one. Raises `InputError` for what is no tokenizer."""

    import pyarrow as pa
    import pyarrow.compute as pc

    from raw2fig.lm.models import load_tokenizer

    tokenizer = load_tokenizer(source, revision)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    special = len(tokenizer("")["input_ids"])
    if backend is not None:  # it may come with a limit of its own
        backend.no_truncation()
        backend.no_padding()

    def measure(texts: pa.Array) -> np.ndarray:
        words = texts.to_pylist()
        if not words:
            return np.zeros(0, dtype=np.int64)
        if backend is not None:
            return np.array([len(one) for one in backend.encode_batch_fast(words)], dtype=np.int64)
        return np.array([len(ids) for ids in tokenizer(words, truncation=False)["input_ids"]], dtype=np.int64)

    known: dict[str, int] = {}

    def estimate(texts: pa.Array) -> np.ndarray:
        words = pc.split_pattern(texts, " ")
        coded = words.flatten().dictionary_encode()
        different = coded.dictionary.to_pylist()
        if len(known) > KEPT:
            known.clear()
        new = [word for word in different if word not in known]
        known.update(
            zip(new, (measure(pa.array([f" {word}" for word in new], pa.string())) - special).tolist(), strict=True)
        )
        of_word = np.array([known[word] for word in different], dtype=np.int64)[coded.indices.to_numpy()]
        return special + np.add.reduceat(of_word, words.offsets.to_numpy()[:-1]) if len(texts) else of_word

    name = f"tokens of {source}, with special tokens"
    return Ruler(name, measure, lambda size: size + special + ADDED, estimate)


def sizes(texts: pa.Array) -> np.ndarray:
    """Bytes of each text in UTF-8."""
    import pyarrow.compute as pc

    return _integers(pc.binary_length(texts))


def _integers(values: pa.Array) -> np.ndarray:
    numbers: np.ndarray = values.to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers
