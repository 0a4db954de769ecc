"""Metrics of several attempts at each problem: average@k, pass@k, best@k and maj@k.

pass@k and best@k both ask whether one of k attempts is right, and are not the same number. pass@k draws k of a
problem's n attempts without replacement, best@k with replacement. A problem with 1 right attempt of 32 has pass@32 = 1
and best@32 = 0.638. verl logs the second, as the mean of 1000 resamples (`bootstrapped`), and calls it best@k; papers
that read it off the log call it pass@k.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from raw2fig.errors import InputError
from raw2fig.stats import SEED, bootstrap_mean
from raw2fig.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {"problem": "string", "sample": "integer", "prediction": "string", "correct": "boolean"}
"""Columns of a table of attempts: the problem, the number of the attempt at it, its answer, and whether it is right."""
TOOL_COLUMNS = {"calls": "integer", "failed": "integer", "turns": "integer", "tokens": "integer"}
"""Further columns: tool calls of an attempt, those that failed, turns of the model, and tokens that it wrote."""
RESAMPLES, RESAMPLING_SEED = 1000, 42
"""verl's, for the value of its log."""


class Attempts(NamedTuple):
    """The attempts at a problem, in the order of their numbers: `votes` (n,) is the number of each one's answer, equal
    for equal answers; `correct` (n,) is bool."""

    problem: str
    votes: np.ndarray
    correct: np.ndarray


def read_attempts(path: Path) -> pd.DataFrame:
    """A table of attempts, sorted by problem, in order of first appearance, and sample. A missing prediction is the
    empty one; the columns `TOOL_COLUMNS` are checked where they are there.

    Raises `InputError` for what `read_table` refuses, and for two rows of one sample.
    """
    import pandas as pd

    frame = read_table(path, COLUMNS, allow_nan=["prediction"])
    if there := {name: kind for name, kind in TOOL_COLUMNS.items() if name in frame}:
        read_table(path, there)
    twice = frame.duplicated(["problem", "sample"]).to_numpy()
    if twice.any():
        problem, sample = frame.loc[twice, ["problem", "sample"]].iloc[0]
        raise InputError(path, f"sample {sample} of problem {problem!r} comes twice", "a number for each sample")
    order = np.lexsort([frame["sample"], pd.factorize(frame["problem"])[0]])
    return frame.assign(prediction=frame["prediction"].fillna("")).iloc[order].reset_index(drop=True)


def by_problem(frame: pd.DataFrame) -> Iterator[Attempts]:
    """The attempts at each problem of a table that `read_attempts` has read."""
    import pandas as pd

    for problem, rows in frame.groupby("problem", sort=False):
        yield Attempts(str(problem), pd.factorize(rows["prediction"])[0], rows["correct"].to_numpy(dtype=bool))


def pass_at(correct: ArrayLike, samples: ArrayLike, k: int) -> np.ndarray:
    """pass@k = 1 - C(n - c, k) / C(n, k) of problems with c = `correct` of n = `samples` attempts right, which both
    broadcast: the unbiased estimate of Chen et al. 2021 (arXiv 2107.03374), equation 1. Raises `ValueError` for k > n.
    """
    n, wrong = np.asarray(samples)[..., None], (np.asarray(samples) - np.asarray(correct))[..., None]
    if k < 1 or (n < k).any():
        raise ValueError(f"pass@{k} of {n.min()} attempts: k must be from 1 to the number of attempts")
    drawn = np.arange(k)  # before each of the k draws, so many wrong ones have been taken
    return 1 - np.prod(np.maximum(wrong - drawn, 0) / (n - drawn), axis=-1)


def best_at(correct: ArrayLike, samples: ArrayLike, k: int) -> np.ndarray:
    """best@k = 1 - (1 - c/n)^k: the chance of a right one among k attempts that are drawn with replacement. It is the
    limit of verl's bootstrap, and never above pass@k."""
    return 1 - (1 - np.asarray(correct) / np.asarray(samples)) ** k


def majority(votes: np.ndarray) -> np.ndarray:
    """Place of the first vote for the winner in each row of votes (rows, k): the most frequent answer, of several the
    one that was seen first; (rows,). An empty answer is a vote as any other."""
    rows, size = len(votes), int(votes.max()) + 1
    counts = np.bincount((votes + size * np.arange(rows)[:, None]).ravel(), minlength=rows * size)
    return np.take_along_axis(counts.reshape(rows, size), votes, 1).argmax(1)


def majority_right(attempts: Attempts, places: np.ndarray) -> float:
    """Share of the rows of `places` (rows, k), which are places of attempts, whose majority answer is right."""
    chosen = np.take_along_axis(places, majority(attempts.votes[places])[:, None], 1)
    return float(attempts.correct[chosen].mean())


def blocks(samples: int, k: int) -> np.ndarray:
    """Places of the attempts in blocks of k, one after another: (samples // k, k); what is left over is not used."""
    return np.arange(samples // k * k).reshape(-1, k)


def resampled(samples: int, k: int) -> np.ndarray:
    """Places of the attempts that verl draws with replacement, (resamples, k): the same for each problem, by its own
    random numbers, so that values equal those of its log."""
    return np.random.RandomState(RESAMPLING_SEED).choice(samples, (RESAMPLES, k))


def attempt_metrics(frame: pd.DataFrame, ks: Sequence[int]) -> pd.DataFrame:
    """Every metric of every problem: columns problem, metric, k, value.

    average: share of right attempts (its k is the number of attempts). pass: `pass_at`. best: `best_at`. maj: whether
    the most frequent answer is right, as the mean over blocks of k attempts. best_bootstrap and maj_bootstrap: the same
    of verl's resamples.

    Raises `InputError` for a problem with fewer attempts than the largest k.
    """
    import pandas as pd

    rows: list[tuple[str, str, int, float]] = []
    for one in by_problem(frame):
        n, right = len(one.correct), int(one.correct.sum())
        if n < max(ks):
            raise InputError(
                "attempts", f"problem {one.problem!r} has {n} samples", f"{max(ks)} or more, the largest k"
            )
        rows.append((one.problem, "average", n, right / n))
        for k in ks:
            drawn = resampled(n, k)
            values = {
                "pass": float(pass_at(right, n, k)),
                "best": float(best_at(right, n, k)),
                "maj": majority_right(one, blocks(n, k)),
                "best_bootstrap": float(one.correct[drawn].any(1).mean()),
                "maj_bootstrap": majority_right(one, drawn),
            }
            rows += [(one.problem, metric, k, value) for metric, value in values.items()]
    return pd.DataFrame(rows, columns=["problem", "metric", "k", "value"])


def over_problems(values: pd.DataFrame) -> pd.DataFrame:
    """Mean over problems of each metric of `attempt_metrics`, with the bootstrap interval over problems: columns
    metric, k, value, low, high, n. Averages of problems with different numbers of attempts are one row, whose k is the
    smallest of these numbers."""
    import pandas as pd

    averages = values["metric"] == "average"
    ks = values["k"].mask(averages, values.loc[averages, "k"].min())
    rows = [
        {"metric": metric, "k": k, **bootstrap_mean(part["value"], SEED)._asdict()}
        for (metric, k), part in values.assign(k=ks).groupby(["metric", "k"], sort=False)
    ]
    return pd.DataFrame(rows)


def tool_use(frame: pd.DataFrame) -> dict[str, float]:
    """Tool statistics of attempts with the columns `TOOL_COLUMNS`: tool success, the share of calls that did not fail;
    calls of an attempt; tokens of a turn. Success is NaN where nothing was called."""
    calls, failed, turns, tokens = (float(frame[name].sum()) for name in TOOL_COLUMNS)
    return {
        "tool_success": 1 - failed / calls if calls else float("nan"),
        "calls_per_response": calls / len(frame),
        "tokens_per_turn": tokens / turns if turns else float("nan"),
    }


def pass_rates(frame: pd.DataFrame) -> pd.DataFrame:
    """Share of right attempts of each problem: columns problem, samples, pass_rate."""
    found = frame.groupby("problem", sort=False)["correct"].agg(samples="size", pass_rate="mean")
    return found.reset_index()
