"""Tables of problems in splits, and the pass rates of a policy on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.errors import InputError
from raw2fig.tables import read_table
from raw2fig.tasks import arithmetic, code, mathematics, programs

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

COLUMNS = {"prompt": "string", "answer": "string", "split": "string"}
VERIFIER = "verifier"
"""The column that names what checks an answer."""
VERIFIED = COLUMNS | {VERIFIER: "string"}
SPLITS = ("warm_start", "train", "validation", "held_out")
"""Supervised; reinforced; for choosing hyper-parameters; for what is reported."""

Verifier = Callable[[Sequence[str], Sequence[str]], list[bool]]
"""Whether completions are right: their answers, and the completions."""


def each(is_right: Callable[[str, str], bool]) -> Verifier:
    """The verifier that takes one pair after the other."""
    return lambda answers, completions: list(map(is_right, answers, completions))


VERIFIERS: dict[str, Verifier] = {
    "sums": each(arithmetic.is_right),
    "programs": each(programs.is_right),
    "math": each(mathematics.is_right),
    "code": code.all_right,
}

WORDS = sorted({*arithmetic.WORDS, *programs.WORDS})
"""The vocabulary of problems that are made here."""

Judge = Callable[[Sequence[int], Sequence[str]], list[bool]]
"""Whether completions are right: the numbers of their problems, and the completions."""


def read_problems(paths: Sequence[Path], split: str, columns: Mapping[str, str] = VERIFIED) -> pd.DataFrame:
    """The problems of a split, of one table after the other. Raises `InputError` when a table has none, or a prompt
    comes twice."""
    import pandas as pd

    frames = [read_table(path, columns) for path in paths]
    whole = pd.concat(frames, ignore_index=True)
    double = whole.loc[whole["prompt"].duplicated(), "prompt"]
    if len(double):
        where = ", ".join(map(str, paths))
        raise InputError(where, f"the prompt {double.iloc[0]!r} comes twice", "every prompt in one split, once")
    for path, frame in zip(paths, frames, strict=True):
        if split not in set(frame["split"]):
            raise InputError(path, f"no problem of split {split!r}", f"one of {', '.join(frame['split'].unique())}")
    return whole[whole["split"] == split].reset_index(drop=True)


def judge_of(problems: pd.DataFrame) -> Judge:
    """The judge of a table, by the verifier of each problem. Raises `InputError` for an unknown verifier."""
    names, answers = problems[VERIFIER].tolist(), problems["answer"].tolist()
    unknown = sorted(set(names) - VERIFIERS.keys())
    if unknown:
        raise InputError(VERIFIER, f"is {', '.join(map(repr, unknown))}", f"one of {', '.join(VERIFIERS)}")

    def judge(rows: Sequence[int], completions: Sequence[str]) -> list[bool]:
        right = [False] * len(rows)
        for name in {names[row] for row in rows}:
            places = [place for place, row in enumerate(rows) if names[row] == name]
            asked, given = [answers[rows[place]] for place in places], [completions[place] for place in places]
            for place, verdict in zip(places, VERIFIERS[name](asked, given), strict=True):
                right[place] = verdict
        return right

    return judge


def pass_rates(
    policy: PreTrainedModel,
    words: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    judge: Judge,
    samples: int,
    max_new_tokens: int,
    seed: int,
) -> np.ndarray:
    """Share of right completions of each prompt, (prompts,), at temperature 1. The random numbers depend on `seed`
    alone, so that policies are compared on the same ones."""
    from raw2fig.lm.sample import sample_texts

    return shares(sample_texts(policy, words, prompts, samples, max_new_tokens, seed), judge, samples)


def shares(texts: Sequence[str], judge: Judge, samples: int) -> np.ndarray:
    """Share of right ones among the completions `texts` of each problem, `samples` adjacent ones; (problems,)."""
    rows = [place // samples for place in range(len(texts))]
    return np.reshape(judge(rows, texts), (-1, samples)).mean(1)
