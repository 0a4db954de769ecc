"""The three training sets: problems whose candidate solution a rule verifier accepts, does not accept, and both."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.hero.answers import Checking, rule_labels
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, write_json, write_table

if TYPE_CHECKING:
    import pandas as pd

REGIMES = ("easy", "mixed", "hard")
INSTRUCTION = "Let's think step by step and output the final answer within \\boxed{}."
"""Follows a real problem and a space, as a reproduction in verl has it; no part of the problem."""
POOL = {"prompt": "string", "answer": "string", "candidate": "string"}


class Sets(Record):
    """The three training sets."""

    size: int = Field(ge=2, description="Problems of each set; the mixed one has halves of both kinds.")
    words: int = Field(ge=1, description="Consecutive words that a problem must not share with an evaluated one.")


@step
def stratify(
    *,
    pool: Input,
    held_out: list[Input],
    easy: Output,
    mixed: Output,
    hard: Output,
    report: Output,
    sets: Sets,
    checking: Checking,
    replicate: Seed,
) -> None:
    """Sort a pool of problems by whether a verifier accepts their candidate solutions, into sets of equal size.

    Parameters
    ----------
    pool
        Table of problems: prompt, answer, candidate. If it has splits, the split train is used.
    held_out
        Tables of the problems that policies are evaluated on, with a column prompt. If a table has splits, all but
        train and warm_start are used. A problem of the pool is left out if it shares `words` consecutive words with one
        of them, or all of its words if it has fewer.
    easy
        Problems whose candidate the verifier accepts.
    mixed
        Problems of both kinds, half of each.
    hard
        Problems whose candidate the verifier does not accept.
    report
        Numbers of problems in the pool, of accepted ones, and of those left out for each table of `held_out`.
    """
    size = sets.size
    frame = read_table(pool, POOL)
    if "split" in frame:
        frame = frame[frame["split"] == "train"]
    frame = frame.reset_index(drop=True)
    shared = {path.stem: overlaps(bare(frame["prompt"]), bare(evaluated(path)), sets.words) for path in held_out}
    known = np.any(list(shared.values()), axis=0)
    frame = frame[~known].reset_index(drop=True)
    accepted = (
        rule_labels(checking.verifier, checking.reading, frame["answer"].tolist(), frame["candidate"].tolist()) == 1
    )
    frame["accepted"] = accepted
    rng = np.random.default_rng(replicate)
    drawn = {name: rng.permutation(np.flatnonzero(accepted == (name == "easy"))) for name in ("easy", "hard")}
    for name, rows in drawn.items():
        if len(rows) < size:
            raise InputError(pool, f"has {len(rows)} problems for the {name} set", f"at least {size}")
    halves = np.concatenate([drawn["easy"][: size - size // 2], drawn["hard"][: size // 2]])
    chosen = {"easy": drawn["easy"][:size], "mixed": rng.permutation(halves), "hard": drawn["hard"][:size]}
    for name, output in (("easy", easy), ("mixed", mixed), ("hard", hard)):
        write_table(frame.iloc[chosen[name]].reset_index(drop=True), output)
    write_json(
        {
            "pool": len(known),
            "shared_with_evaluation": {name: int(found.sum()) for name, found in shared.items()},
            "accepted": int(accepted.sum()),
            "not_accepted": int((~accepted).sum()),
            "verifier": checking.verifier,
        },
        report,
    )


def evaluated(path: Path) -> pd.Series[str]:
    """Prompts of a table that are not for training."""
    frame = read_table(path, {"prompt": "string"})
    return frame.loc[~frame["split"].isin(("warm_start", "train")), "prompt"] if "split" in frame else frame["prompt"]


def bare(prompts: pd.Series[str]) -> pd.Series[str]:
    """Problems without the instruction, which all prompts share."""
    return prompts.str.removesuffix(INSTRUCTION)


def overlaps(prompts: Iterable[str], others: Iterable[str], words: int) -> np.ndarray:
    """Which of `prompts` share `words` consecutive words with one of `others`, bool (prompts,). Words are letters and
    digits, in any case; what is between them does not count. A prompt of fewer words shares all of them or none."""
    known = {gram for text in others for gram in _grams(text, words)}
    return np.array([bool(_grams(text, words) & known) for text in prompts])


def _grams(text: str, words: int) -> set[tuple[str, ...]]:
    parts = re.findall(r"\w+", text.lower())
    return {tuple(parts[start : start + words]) for start in range(max(1, len(parts) - words + 1))}
