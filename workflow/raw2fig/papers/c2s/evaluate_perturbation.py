"""Scores of predicted cells per condition (C2S-Scale, Fig. 8E): scFID, MMD, Wasserstein, programme tau and r.

Every metric is computed within a condition (type x stimulus x exposure) and averaged over conditions, never pooled.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.conditions import COLUMNS, Condition, conditions, members
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.embedder import load_embedder, project, through_sentences
from raw2fig.papers.c2s.metrics import kendall, mmd, pearson, scfid, spread_ratio, wasserstein2
from raw2fig.papers.c2s.predictions import CONDITION, Evaluated, read_predictions
from raw2fig.papers.c2s.programmes import Scored, programme_columns
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.settings import Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from raw2fig.papers.c2s.embedder import Embedder


def score(
    real: np.ndarray, unprocessed: np.ndarray, generated: np.ndarray, control: np.ndarray, programme: np.ndarray,
    embedder: Embedder,
) -> dict[str, float]:  # fmt: skip
    """Metrics of one condition. All matrices are (cells, genes); `real`, `generated` and `control` went through
    sentences, `unprocessed` are the same real cells before."""
    embedded, predicted = project(embedder, real), project(embedder, generated)
    means = [matrix[:, programme].mean(0) for matrix in (real, generated, control)]
    return {
        "scfid": scfid(embedded, predicted),
        "scfid_programme": scfid(real[:, programme], generated[:, programme]),
        "scfid_unprocessed": scfid(project(embedder, unprocessed), predicted),
        "mmd": mmd(embedded, predicted),
        "wasserstein": wasserstein2(embedded, predicted),
        "kendall": float(kendall(means[0][None], means[1][None])[0]),
        "pearson_delta": float(pearson((means[0] - means[2])[None], (means[1] - means[2])[None])[0]),
        "spread": spread_ratio(real[:, programme], generated[:, programme]),
    }


@step
def evaluate_perturbation(
    *,
    predictions: list[Input],
    cells: Input,
    fit: Input,
    panel: Input,
    embedder: Input,
    scores: Output,
    oracle: Input | None = None,
    scored: Annotated[Scored, At("perturbation.scored")],
    evaluation: Evaluated,
    sentence: Sentence,
    replicate: Seed,
) -> None:
    """Score every method on every condition, beside the floor (other real cells) and the oracle.

    Parameters
    ----------
    predictions
        Tables of predicted cells.
    cells
        Processed cytokine cells. The first half of a condition's test cells is the target, the second half the floor.
    fit
        The rank fit.
    panel
        The gene panel with its programmes.
    embedder
        The embedder, in whose space scFID, MMD and Wasserstein are computed.
    scores
        Table with replicate, method, condition, metric, value, n.
    oracle
        Fresh cells of the simulator, processed.
    """
    import pandas as pd

    data, space = read_cells(cells, columns=COLUMNS), load_embedder(embedder)
    chosen, n = programme_columns(panel, scored.programme, list(data.var_names)), evaluation.n
    fresh = read_cells(oracle, columns=COLUMNS) if oracle else None
    if fresh is not None:
        fresh.obs["split"] = "test"  # fresh cells of the simulator are in no split
    tables = [read_predictions(path) for path in predictions]

    def expression(source: AnnData, rows: np.ndarray) -> np.ndarray:
        return through_sentences(source.X[rows], fit, sentence.top, replicate)

    rows = []
    # half of the cells are the target, the other half the floor
    for condition in conditions(data, evaluation.seen, 2 * n, replicate):
        real = members(data, condition, "test")
        control = expression(data, members(data, condition, "test", control=True))
        candidates = {"floor": expression(data, real[n : 2 * n])}
        if fresh is not None:
            candidates["oracle"] = expression(fresh, members(fresh, condition, "test")[:n])
        for table, path in zip(tables, predictions, strict=True):
            candidates |= _of_condition(table.labels, table.expression, condition, n, path)
        target, unprocessed = expression(data, real[:n]), data.X[real[:n]].toarray()
        for method, generated in candidates.items():
            values = score(target, unprocessed, generated, control, chosen, space)
            rows += [
                {"replicate": replicate, "method": method, **condition._asdict()}
                | {"metric": metric, "value": value, "n": n}
                for metric, value in values.items()
            ]
    write_table(pd.DataFrame(rows), scores)


def _of_condition(
    labels: pd.DataFrame, expression: np.ndarray, condition: Condition, n: int, path: Path
) -> dict[str, np.ndarray]:
    """Method → its first `n` cells of a condition."""
    same = np.ones(len(labels), dtype=bool)
    for column in CONDITION:
        same &= (labels[column] == getattr(condition, column)).to_numpy()
    found = {}
    for method, part in labels[same].groupby("method", sort=False):
        if len(part) < n:
            raise InputError(
                path, f"{len(part)} cells of {method} for {' '.join(condition)}", f"{n} cells, as for the other methods"
            )
        found[str(method)] = expression[part.index[:n]]
    if not found:
        raise InputError(path, f"no cells for {' '.join(condition)}", "cells for each evaluated condition")
    return found
