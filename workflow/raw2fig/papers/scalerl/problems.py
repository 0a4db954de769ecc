"""Problems for runs at laptop scale: sums, in disjoint splits, and how a policy does on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.errors import InputError
from raw2fig.step import Output, step
from raw2fig.tables import read_table, write_table
from raw2fig.tasks.arithmetic import WORDS, draw_problems, is_right

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

COLUMNS = {"prompt": "string", "answer": "string", "split": "string"}
SPLITS = ("warm_start", "train", "validation", "held_out")
"""Supervised; reinforced; for choosing hyper-parameters; for what is reported."""


@step
def problems(
    *,
    problems: Output,
    tokenizer: Output,
    digits: int = 2,
    warm_start: int = 4600,
    train: int = 1000,
    validation: int = 200,
    held_out: int = 200,
    seed: int = 0,
) -> None:
    """Draw sums, none of them in two splits, and make the tokenizer of their characters.

    Parameters
    ----------
    problems
        A row per problem: prompt, answer, split.
    tokenizer
        Tokenizer folder.
    digits
        Of the two numbers.
    warm_start
        Problems with demonstrations, for supervised training.
    train
        Problems for RL.
    validation
        Problems on which hyper-parameters are chosen.
    held_out
        Problems on which runs are evaluated.
    """
    import pandas as pd

    from raw2fig.lm.tokenizer import save_word_tokenizer

    sizes = dict(zip(SPLITS, (warm_start, train, validation, held_out), strict=True))
    for name, size in sizes.items():
        if size < 1:
            raise InputError(name, f"is {size}", "at least 1 problem")
    drawn = draw_problems(sum(sizes.values()), digits, seed)
    rows = {
        "prompt": [problem.prompt() for problem in drawn],
        "answer": [problem.answer() for problem in drawn],
        "split": np.repeat(list(sizes), list(sizes.values())),
    }
    write_table(pd.DataFrame(rows), problems)
    save_word_tokenizer(WORDS, tokenizer)


def read_problems(path: Path, split: str) -> pd.DataFrame:
    """The problems of a split. Raises `InputError` when there are none, or a prompt is in two splits."""
    frame = read_table(path, COLUMNS)
    double = frame.loc[frame["prompt"].duplicated(), "prompt"]
    if len(double):
        raise InputError(path, f"the prompt {double.iloc[0]!r} comes twice", "every prompt in one split, once")
    part = frame[frame["split"] == split].reset_index(drop=True)
    if part.empty:
        raise InputError(path, f"no problem of split {split!r}", f"splits {', '.join(SPLITS)}")
    return part


def pass_rates(
    policy: PreTrainedModel,
    words: PreTrainedTokenizerBase,
    problems: pd.DataFrame,
    samples: int,
    max_new_tokens: int,
    seed: int,
) -> np.ndarray:
    """Share of right completions of each problem, (problems,), at temperature 1. The random numbers depend on `seed`
    alone: policies are compared on the same ones."""
    from raw2fig.lm.sample import sample

    ids = [row for row in words(problems["prompt"].tolist())["input_ids"] for _ in range(samples)]
    uniforms = np.random.default_rng(seed).random((len(ids), max_new_tokens))
    drawn = sample(policy, words, ids, max_new_tokens, uniforms, batch=1024)
    texts = words.batch_decode(drawn.ids, skip_special_tokens=True)
    answers = [answer for answer in problems["answer"] for _ in range(samples)]
    right = [is_right(answer, text) for answer, text in zip(answers, texts, strict=True)]
    return np.reshape(right, (len(problems), samples)).mean(1)
