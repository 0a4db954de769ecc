"""Reading the curve of anyone's run: which column is what, and what is put right or refused."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.scalerl.least_squares import Curve
from raw2fig.tables import check_magnitudes, distinct_columns, read_header, read_table, row_name, usual_column

if TYPE_CHECKING:
    import pandas as pd

COMPUTE: tuple[str, ...] = (
    "compute",
    "c",
    "gpu_hours",
    "gpu_h",
    "flops",
    "tokens",
    "num_tokens",
    "total_flos",
    "updates",
    "steps",
)
COMPUTE += ("step", "_step", "global_step", "train/global_step", "iteration", "iterations", "iter")
"""Names of the compute, in any case, that need no flag."""
HELD_OUT, MEAN = r"(?:(?:eval|val|valid|validation|test|held_?out)[_/. -])", r"(?:mean|avg|average)"
RATE = r"(?:pass_rate|pass@1|success_rate|accuracy|acc|score|rewards?|r|r_mean16)"
SCORE = re.compile(f"{HELD_OUT}*(?:{MEAN}[_/. -])?{RATE}(?:[_/. -]{MEAN})?")
"""Names of the pass rate, in lower case, that need no flag; of several, those that begin with `HELD_OUT` are meant."""
MOST_POINTS = 200
"""Points of a fit: longer logs are averaged, each validation keeping its weight."""
SPAN = 1e30
"""Largest compute over the least: powers of it up to the tenth are numbers still."""


def read_curve(path: Path, compute: str = "", score: str = "", r0: float | None = None) -> Curve:
    """The curve in a table with a row per validation.

    `compute` and `score` name the columns; without a name the column is looked for among the usual ones. R_0 is `r0`,
    or else the score at compute 0, and that row is no point of the fit.

    Rows without a score are left out, rows out of order sorted, scores in percent divided by 100 (and with them an `r0`
    above 1) and rows of the same compute averaged, each with a warning. Raises `InputError` for a score without
    compute, text, a column that is not there, is there twice or could be several, no score at all, one beyond 100 %,
    negative compute, a separator other than the comma, and a curve without R_0.
    """
    names = _header(path)
    of_compute = compute or usual_column(path, names, COMPUTE, "compute", "--compute-column")
    of_score = score or usual_column(path, names, _scores(names), "score", "--score-column")
    distinct_columns(path, {"--compute-column": of_compute, "--score-column": of_score})
    frame = _validations(path, of_compute, of_score)
    _check_range(path, frame, of_compute, of_score)
    if frame[of_score].max() > 1:
        logging.warning("%s: %s is taken for percent and divided by 100", path, of_score)
        frame[of_score] = frame[of_score] / 100
        r0 = r0 / 100 if r0 is not None and r0 > 1 else r0
    if not frame[of_compute].is_monotonic_increasing:
        row = int(np.flatnonzero(np.diff(frame[of_compute]) < 0)[0]) + 1
        logging.warning("%s: %s falls in %s; the rows are sorted by it", path, of_compute, row_name(row))
    doubled = int(frame[of_compute].duplicated().sum())
    if doubled:
        logging.warning("%s: %d rows repeat a value of %s; their scores are averaged", path, doubled, of_compute)
    means = frame.groupby(of_compute)[of_score].mean()
    at_zero = means[means.index == 0]
    if r0 is None and at_zero.empty:
        raise InputError(path, "nothing says what the score was before training", "a row with compute 0, or --r0")
    start = float(at_zero.iloc[0]) if r0 is None else r0
    if not 0 <= start < 1:
        raise InputError("r0", f"is {start:g}", "a pass rate, at least 0 and below 1")
    points = means[means.index > 0]
    return Curve(points.index.to_numpy(dtype=np.float64), points.to_numpy(dtype=np.float64), start)


def split(curve: Curve, start: float | None, end: float | None) -> tuple[Curve, Curve, Curve]:
    """The points with C < `start`, those with `start` <= C <= `end`, and those beyond."""
    early = curve.compute < (0 if start is None else start)
    late = ~early & (curve.compute > (np.inf if end is None else end))
    before, within, beyond = (
        Curve(curve.compute[chosen], curve.score[chosen], curve.r0) for chosen in (early, ~early & ~late, late)
    )
    return before, within, beyond


def binned(curve: Curve, most: int = MOST_POINTS) -> Curve:
    """A curve of more than `most` points as the means in as many equal steps of ln C, with a warning; where there is no
    point there is no mean, so there may be fewer."""
    if len(curve.compute) <= most:
        return curve
    x = np.log(curve.compute)
    place = np.minimum(((x - x[0]) / (x[-1] - x[0]) * most).astype(int), most - 1)
    count = np.bincount(place, minlength=most)
    there = count > 0
    means = [np.bincount(place, values, most)[there] / count[there] for values in (x, curve.score)]
    logging.warning("%d points are averaged in %d steps of ln compute", len(x), int(there.sum()))
    return Curve(np.exp(means[0]), means[1], curve.r0, count[there])


def _header(path: Path) -> list[str]:
    """Names of the columns. Raises `InputError` where the first line of a CSV file has no comma but another separator,
    or begins a comment."""
    if path.suffix != ".csv" or not path.is_file():
        return read_header(path)
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        first = next((line for line in file if line.strip()), "")
    if first.lstrip().startswith("#"):
        raise InputError(path, "begins with a comment (#)", "the names of the columns in the first line")
    for separator, named in ((";", "semicolons"), ("\t", "tabs")):
        if separator in first and "," not in first:
            raise InputError(path, f"has {named} between its columns", "commas")
    return read_header(path)


def _scores(names: list[str]) -> list[str]:
    """The columns, in lower case, that could be the pass rate: those on held-out prompts where there are any."""
    found = [name for name in (name.strip().lower() for name in names) if SCORE.fullmatch(name)]
    return [name for name in found if re.match(HELD_OUT, name)] or found


def _validations(path: Path, compute: str, score: str) -> pd.DataFrame:
    """The rows of the table that have a score."""
    frame = read_table(path, {compute: "number", score: "number"}, allow_nan=(compute, score))[[compute, score]]
    there = frame[score].notna()
    if not there.any():
        raise InputError(path, f"column {score!r} is empty", "a pass rate in some rows")
    lost = (there & frame[compute].isna()).to_numpy()
    if lost.any():
        problem = f"column {compute!r} has nothing in {row_name(lost.argmax())}, where there is a score"
        raise InputError(path, problem, "the compute of each validation")
    if not there.all():
        logging.warning("%s: %d of %d rows have no %s and are left out", path, (~there).sum(), len(frame), score)
    return frame[there].reset_index(drop=True)


def _check_range(path: Path, frame: pd.DataFrame, compute: str, score: str) -> None:
    check_magnitudes(path, frame, [compute, score])
    if frame[compute].min() < 0:
        raise InputError(path, f"column {compute!r} has {frame[compute].min():g}", "compute of 0 or more")
    positive = frame[compute][frame[compute] > 0]
    if positive.max() > SPAN * positive.min():
        problem = f"column {compute!r} goes from {positive.min():g} to {positive.max():g}"
        raise InputError(path, problem, f"at most {SPAN:g} times the least, beside 0")
    low, high = frame[score].min(), frame[score].max()
    if low < 0 or high > 100 or 1 < high <= 1.5:
        raise InputError(path, f"column {score!r} goes from {low:g} to {high:g}", "pass rates of 0 to 1, or percent")
