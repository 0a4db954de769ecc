"""Problems at laptop scale: sums in two formats, of which a rule verifier knows one."""

from __future__ import annotations

import numpy as np

from raw2fig.papers.hero.formats import ENDS, WORDS, demonstration, prompt_of
from raw2fig.step import Output, step
from raw2fig.tables import write_table
from raw2fig.tasks.arithmetic import draw_problems
from raw2fig.tasks.problems import sizes_of


@step
def problems(
    *,
    problems: Output,
    tokenizer: Output,
    digits: int = 2,
    warm_start: int = 4600,
    train: int = 1000,
    validation: int = 200,
    held_out: int = 400,
    seed: int = 0,
) -> None:
    """Draw sums, none of them in two splits, write each in both formats, and make the tokenizer of their characters.

    Parameters
    ----------
    problems
        A row per prompt: prompt, answer, form, candidate, split. The candidate is a right solution in the manner of the
        format; a pool of real problems has a model's.
    tokenizer
        Tokenizer folder.
    digits
        Of the two numbers.
    warm_start
        Sums with demonstrations, for the cold start of the policy and the training of the reward model.
    train
        Sums for RL.
    validation
        Sums on which hyper-parameters are chosen.
    held_out
        Sums on which runs are evaluated.
    """
    import pandas as pd

    from raw2fig.lm.tokenizer import save_word_tokenizer

    sizes = sizes_of(warm_start, train, validation, held_out)
    drawn = draw_problems(sum(sizes.values()), digits, seed)
    splits = np.repeat(list(sizes), list(sizes.values()))
    rows = [
        {
            "prompt": prompt_of(problem.prompt().removesuffix(" ="), form),
            "answer": problem.answer(),
            "form": form,
            "candidate": demonstration(problem.answer(), form),
            "split": split,
        }
        for problem, split in zip(drawn, splits, strict=True)
        for form in ENDS
    ]
    write_table(pd.DataFrame(rows), problems)
    save_word_tokenizer(WORDS, tokenizer)
