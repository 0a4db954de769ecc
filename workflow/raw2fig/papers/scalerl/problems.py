"""Problems for runs at laptop scale: sums, in disjoint splits."""

from __future__ import annotations

import numpy as np

from raw2fig.errors import InputError
from raw2fig.step import Output, step
from raw2fig.tables import write_table
from raw2fig.tasks.arithmetic import WORDS, draw_problems
from raw2fig.tasks.problems import SPLITS


@step
def problems(
    *,
    problems: Output,
    tokenizer: Output,
    digits: int = 2,
    warm_start: int = 4600,
    train: int = 240,
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
