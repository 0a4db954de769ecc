"""Predicted cells: the one file format in which a model, a baseline and the oracle hand over their cells.

A Parquet table of one replicate, with a row for each cell: method, cell_type, cytokine, exposure, tier, sample (number
of the cell within its method and condition), rule (how a baseline got there, empty for others), and expression, a list
of float32 with the log10 expression of every panel gene in the panel's order.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.settings import Field, Record
from raw2fig.tables import read_table, read_tables, write_table

if TYPE_CHECKING:
    from pandas import DataFrame

CONDITION = ["cell_type", "cytokine", "exposure"]
"""What a condition is, in the columns of every table."""
LABELS = {
    "method": "string",
    "cell_type": "string",
    "cytokine": "string",
    "exposure": "string",
    "tier": "string",
    "sample": "integer",
    "rule": "string",
}
"""Label columns and their kinds."""
DEFAULTS = {"rule": ""}
"""Values of labels that may be left out."""


ANNOTATIONS = dict.fromkeys(("method", "cell", "cell_type", "predicted"), "string")


def read_annotations(paths: Sequence[Path]) -> "DataFrame":
    """Predicted cell types; the column `value` says whether a type is right, whatever its case."""
    frame = read_tables(paths, ANNOTATIONS)
    return frame.assign(value=(frame["predicted"].str.lower() == frame["cell_type"].str.lower()).astype(float))


class Evaluated(Record):
    """How many cells and conditions predictions are judged on."""

    n: int = Field(ge=2, description="Number of cells of each condition and method.")
    seen: int = Field(
        ge=0, description="Number of conditions seen in training that are judged, besides all held-out ones."
    )


class Predictions(NamedTuple):
    """`labels`: a frame with the columns of `LABELS`; `expression`: float32 (n, genes), row by row the same cells."""

    labels: "DataFrame"
    expression: np.ndarray


def write_predictions(labels: "DataFrame", expression: np.ndarray, path: Path) -> None:
    """Write predicted cells: `labels` with the columns of `LABELS` (those of `DEFAULTS` may be left out), `expression`
    (n, genes).

    Raises `InputError` for a missing column, another number of rows, or expression that is not finite.
    """
    missing = [name for name in LABELS if name not in labels and name not in DEFAULTS]
    if missing:
        raise InputError(path, f"no label {missing[0]!r}", ", ".join(LABELS))
    expression = np.asarray(expression, dtype=np.float32)
    if expression.ndim != 2 or len(expression) != len(labels):
        raise InputError(path, f"expression of shape {expression.shape}", f"{len(labels)} cells x genes")
    if not np.isfinite(expression).all():
        raise InputError(path, "expression that is not finite", "finite numbers")
    columns = labels.assign(**{k: v for k, v in DEFAULTS.items() if k not in labels})[list(LABELS)]
    columns = columns.reset_index(drop=True)
    write_table(columns.assign(expression=list(expression)), path)


def read_predictions(path: Path) -> Predictions:
    """Read predicted cells. Raises `InputError` for a missing column or cells with different numbers of genes."""
    frame = read_table(path, {**LABELS, "expression": "list"})
    rows = frame["expression"].to_numpy()
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise InputError(path, f"cells with {min(lengths)} and {max(lengths)} genes", "one panel for all cells")
    expression = np.stack(rows).astype(np.float32)
    if not np.isfinite(expression).all():
        raise InputError(path, "expression that is not finite", "finite numbers")
    return Predictions(frame[list(LABELS)], expression)
