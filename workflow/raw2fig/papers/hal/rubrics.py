"""Flags of a judge and outcomes of tasks (HAL, Tables A3 and A4): what fails with a flag, and what succeeds with it.

The judge's labels are the authors' rubric files, `corebench_tooluse.csv` and so on, which are not shipped. Every table
names the outcome that it is about: that of the published numbers is not the same in all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.stats import Estimate, proportion
from raw2fig.tables import read_table, require_column

if TYPE_CHECKING:
    import pandas as pd

BENCHMARKS = ("assistantbench", "scicode", "corebench")
RUBRICS = ("instructionfollowing", "tooluse", "environmentalbarrier", "selfcorrection", "verification")
FILES = tuple(f"{benchmark}_{rubric}.csv" for benchmark in BENCHMARKS for rubric in RUBRICS)
"""Names of the authors' files that the published tables are made of."""

OUTCOMES: dict[str, tuple[str, Callable[[pd.Series], pd.Series]]] = {
    "answered": ("eval_answer", lambda values: values > 0),
    "score of 0.75 or more": ("eval_score", lambda values: values >= 0.75),
    "any sub-task passed": ("eval_has_successful_subtasks", lambda values: values.astype(bool)),
    "task solved": ("eval_is_successful", lambda values: values.astype(bool)),
}
"""Outcome → the column that tells it, and when it is a success."""


class Row(NamedTuple):
    """A row of the published tables: its file is that of the benchmark and rubric."""

    benchmark: str
    rubric: str
    outcome: str


FAILURES = (
    Row("assistantbench", "instructionfollowing", "score of 0.75 or more"),
    Row("assistantbench", "tooluse", "answered"),
    Row("assistantbench", "environmentalbarrier", "answered"),
    *(Row("scicode", rubric, "task solved") for rubric in RUBRICS[:3]),
    *(Row("corebench", rubric, "task solved") for rubric in RUBRICS[:3]),
)
"""Table A3: how often a flag comes with failure, and with success."""
BEHAVIOURS = (
    *(Row("assistantbench", rubric, "answered") for rubric in RUBRICS[3:]),
    *(Row("scicode", rubric, "any sub-task passed") for rubric in RUBRICS[3:]),
    *(Row("corebench", rubric, "task solved") for rubric in RUBRICS[3:]),
)
"""Table A4: how often success comes with a flag, and without."""


class Flags(NamedTuple):
    """Transcripts by flag and outcome."""

    flagged_success: int
    flagged_failure: int
    other_success: int
    other_failure: int

    def flag_given(self, success: bool) -> Estimate:
        """P(flag | outcome), NaN without a transcript of that outcome."""
        return _share(
            *((self.flagged_success, self.other_success) if success else (self.flagged_failure, self.other_failure))
        )

    def success_given(self, flag: bool) -> Estimate:
        """P(success | flag) or P(success | no flag), NaN without such a transcript."""
        return _share(
            *((self.flagged_success, self.flagged_failure) if flag else (self.other_success, self.other_failure))
        )

    @property
    def difference(self) -> float:
        """P(success | flag) - P(success | no flag)."""
        return self.success_given(True).value - self.success_given(False).value

    @property
    def ratio(self) -> float:
        """P(success | flag) / P(success | no flag): infinite over 0, NaN for 0 over 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.float64(self.success_given(True).value) / self.success_given(False).value)


def _share(of: int, others: int) -> Estimate:
    nan = float("nan")
    return proportion(of, of + others) if of + others else Estimate(nan, nan, nan, 0)


def count(flag: np.ndarray, success: np.ndarray) -> Flags:
    """Count transcripts, both (n,) of booleans."""
    cells = [(flag & success), (flag & ~success), (~flag & success), (~flag & ~success)]
    return Flags(*(int(cell.sum()) for cell in cells))


def read_flags(path: Path, outcome: str) -> Flags:
    """Count the transcripts of a rubric file by the judge's label and an outcome of `OUTCOMES`.

    Raises `InputError` for a label other than match and no match (or true and false), or a missing column.
    """
    column, succeeded = OUTCOMES[outcome]
    frame = read_table(path, {})
    for name in ("label", column):
        require_column(path, name, [str(name) for name in frame.columns])
    labels = frame["label"].map({"match": True, "no match": False, True: True, False: False})
    if labels.isna().any():
        raise InputError(path, f"label is {frame['label'][labels.isna()].iloc[0]!r}", "match or no match")
    return count(labels.to_numpy(dtype=bool), succeeded(frame[column]).to_numpy(dtype=bool))
