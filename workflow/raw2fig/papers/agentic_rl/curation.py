"""Model-aware curation (section 3.3 of the paper): problems as hard for a weak model as a strong model's are for it.

A problem that a model always or never solves gives RL no signal: the rewards of its group are equal. The rest is easy,
medium or hard by its pass rate. A weak model's problems are mostly hard, so they are thinned out until their shares of
easy, medium and hard ones are those of the strong model's problems.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from raw2fig.attempts import pass_rates as rates_of
from raw2fig.attempts import read_attempts
from raw2fig.errors import InputError
from raw2fig.settings import Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, row_name, write_json, write_table

if TYPE_CHECKING:
    import pandas as pd

EASY, HARD = 0.75, 0.25
"""Pass rates from which on a problem is easy, and up to which it is hard."""
NEVER, ALWAYS = "never", "always"
BUCKETS = ("easy", "medium", "hard")
COLUMNS = {"problem": "string", "pass_rate": "number"}


def difficulty(rates: ArrayLike) -> np.ndarray:
    """Words for pass rates in [0, 1]: never, hard, medium, easy or always."""
    p = np.asarray(rates, dtype=float)
    return np.select([p == 0, p == 1, p <= HARD, p >= EASY], [NEVER, ALWAYS, "hard", "easy"], "medium")


def histogram(rates: ArrayLike) -> dict[str, int]:
    """Number of easy, medium and hard problems."""
    words = difficulty(rates)
    return {bucket: int((words == bucket).sum()) for bucket in BUCKETS}


def quotas(there: Mapping[str, int], target: Mapping[str, int]) -> dict[str, int]:
    """How many problems of each bucket to take of those that are `there`, so that there are as many as possible with
    the shares of `target`, to less than one problem in each bucket. Buckets of which none is there are left out, and
    the others keep their proportions.

    Raises `InputError` for a target without problems, and where there are none of its buckets.
    """
    if not any(target.values()):
        raise InputError("target", "has no problem that is sometimes solved", "pass rates between 0 and 1")
    target = {bucket: count if there[bucket] else 0 for bucket, count in target.items()}
    whole = sum(target.values())
    if not whole:
        raise InputError("rates", "have no problem as difficult as any of the target", "pass rates between 0 and 1")
    size = min(there[bucket] * whole // count for bucket, count in target.items() if count)
    exact = {bucket: size * count for bucket, count in target.items()}  # in parts of one whole-th of a problem
    found = {bucket: parts // whole for bucket, parts in exact.items()}
    by_rest = sorted(target, key=lambda bucket: -(exact[bucket] % whole))
    for bucket in by_rest[: size - sum(found.values())]:
        found[bucket] += 1
    return found


def chosen_rows(rates: ArrayLike, target: Mapping[str, int], rng: np.random.Generator) -> np.ndarray:
    """Places of the problems that are kept, rising: a random draw within each bucket."""
    words, wanted = difficulty(rates), quotas(histogram(rates), target)
    drawn = [rng.choice(np.flatnonzero(words == bucket), size, replace=False) for bucket, size in wanted.items()]
    return np.sort(np.concatenate(drawn))


@step
def curate(
    *, rates: Input, target: Input, chosen: Output, report: Output = Path("curation.json"), seed: Seed = 0
) -> None:
    """Keep those of a weak model's problems that give it the mix of difficulties that a strong model trains on.

    Parameters
    ----------
    rates
        Table of the weak model: problem, pass_rate (of its rollouts, 8 in the paper).
    target
        The same of the strong model, on the same or other problems.
    chosen
        The rows of the weak model that are kept, with the column difficulty.
    report
        How many problems each model never solves, always solves, and finds easy, medium or hard, and how many of each
        are kept.
    """
    weak, strong = read_rates(rates), read_rates(target)
    wanted = histogram(strong["pass_rate"])
    rows = chosen_rows(weak["pass_rate"], wanted, np.random.default_rng(seed))
    if missing := [bucket for bucket, count in histogram(weak["pass_rate"]).items() if wanted[bucket] and not count]:
        logging.warning("%s has no %s problem: only the others are kept", rates, " and no ".join(missing))
    kept = weak.iloc[rows]
    write_table(kept.assign(difficulty=difficulty(kept["pass_rate"])), chosen)
    counted = {"weak": weak, "strong": strong, "chosen": kept}
    write_json({name: counts(frame["pass_rate"]) for name, frame in counted.items()}, report)


@step
def pass_rates(*, samples: Input, rates: Output) -> None:
    """Share of each problem's rollouts that are right.

    Parameters
    ----------
    samples
        Table of rollouts: problem, sample, prediction, correct.
    rates
        A row per problem: problem, samples, pass_rate.
    """
    write_table(rates_of(read_attempts(samples)), rates)


def read_rates(path: Path) -> pd.DataFrame:
    """A table of pass rates. Raises `InputError` for one outside [0, 1] and for a problem that comes twice."""
    frame = read_table(path, COLUMNS)
    outside = ~frame["pass_rate"].between(0, 1).to_numpy()
    if outside.any():
        place = int(outside.argmax())
        raise InputError(path, f"pass_rate {frame['pass_rate'].iloc[place]:g} in {row_name(place)}", "0 to 1")
    twice = frame["problem"].duplicated().to_numpy()
    if twice.any():
        raise InputError(path, f"problem {frame['problem'].iloc[twice.argmax()]!r} comes twice", "a row per problem")
    return frame


def counts(rates: ArrayLike) -> dict[str, int]:
    """Number of problems of each difficulty, and of all."""
    words = difficulty(rates)
    return {word: int((words == word).sum()) for word in (NEVER, ALWAYS)} | histogram(rates) | {"all": len(words)}
