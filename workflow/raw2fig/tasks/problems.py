"""Tables of problems in splits, and how a policy does on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.errors import InputError
from raw2fig.tables import read_table
from raw2fig.tasks import arithmetic, mathematics

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

COLUMNS = {"prompt": "string", "answer": "string", "split": "string"}
SPLITS = ("warm_start", "train", "validation", "held_out")
"""Supervised; reinforced; for choosing hyper-parameters; for what is reported."""
VERIFIER = "verifier"
"""The column that names the verifier of a table's answers; sums need none."""
VERIFIERS = {"sums": arithmetic.is_right, "math": mathematics.is_right}


def read_problems(path: Path, split: str, columns: Mapping[str, str] = COLUMNS) -> pd.DataFrame:
    """The problems of a split. Raises `InputError` when there are none, or a prompt is in two splits."""
    frame = read_table(path, columns)
    double = frame.loc[frame["prompt"].duplicated(), "prompt"]
    if len(double):
        raise InputError(path, f"the prompt {double.iloc[0]!r} comes twice", "every prompt in one split, once")
    part = frame[frame["split"] == split].reset_index(drop=True)
    if part.empty:
        raise InputError(path, f"no problem of split {split!r}", f"one of {', '.join(frame['split'].unique())}")
    return part


def verifier_of(problems: pd.DataFrame) -> Callable[[str, str], bool]:
    """`is_right(answer, completion)` of a table. Raises `InputError` for an unknown verifier, and for several."""
    names = set(problems[VERIFIER]) if VERIFIER in problems else {"sums"}
    if len(names) != 1 or not names <= VERIFIERS.keys():
        found = ", ".join(sorted(map(repr, names)))
        raise InputError(VERIFIER, f"is {found}", f"one of {', '.join(VERIFIERS)} in the whole table")
    return VERIFIERS[names.pop()]


def pass_rates(
    policy: PreTrainedModel,
    words: PreTrainedTokenizerBase,
    problems: pd.DataFrame,
    is_right: Callable[[str, str], bool],
    samples: int,
    max_new_tokens: int,
    seed: int,
) -> np.ndarray:
    """Share of right completions of each problem, (problems,), at temperature 1; `is_right(answer, completion)`. The
    random numbers depend on `seed` alone: policies are compared on the same ones."""
    from raw2fig.lm.sample import sample_texts

    texts = sample_texts(policy, words, problems["prompt"].tolist(), samples, max_new_tokens, seed)
    return shares(texts, problems, is_right, samples)


def shares(
    texts: Sequence[str], problems: pd.DataFrame, is_right: Callable[[str, str], bool], samples: int
) -> np.ndarray:
    """Share of right ones among the completions `texts` of each problem, `samples` adjacent ones; (problems,)."""
    answers = [answer for answer in problems["answer"] for _ in range(samples)]
    right = [is_right(answer, text) for answer, text in zip(answers, texts, strict=True)]
    return np.reshape(right, (len(problems), samples)).mean(1)
