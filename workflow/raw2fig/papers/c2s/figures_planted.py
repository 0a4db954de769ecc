"""Figure of C2S-Scale on planted effects: from which size on neighbourhoods are recognised."""

from __future__ import annotations

from raw2fig.errors import InputError
from raw2fig.papers.c2s.measures import ANSWERS, mean
from raw2fig.papers.c2s.neighbourhood_baseline import TASK
from raw2fig.plotting import NEUTRAL, Drawing, canvas, legend_above, line_with_band
from raw2fig.step import Input, figure
from raw2fig.tables import read_tables, rows_where

METHODS = {"none": "C2S", "classifier": "classifier of gene counts"}
"""Model in the tables of answers → its name."""


@figure
def fig_planted(*, effects: list[float], answers: list[Input], baselines: list[Input]) -> Drawing:
    """Accuracy on neighbourhoods by the size of what is planted in the tissue, in units of what the claims are about.

    Parameters
    ----------
    effects
        Factor of the planted shifts, one for each table of answers.
    answers
        Answers of the models that were trained without interaction statements, a table for each replicate and factor.
    baselines
        Answers of the classifier, in the same order.
    """
    import pandas as pd

    if not len(effects) == len(answers) == len(baselines):
        problem = f"{len(effects)} factors for {len(answers)} and {len(baselines)} tables"
        raise InputError("effects", problem, "one for each table of answers")
    parts = [
        rows_where(read_tables([path], ANSWERS), task=TASK).assign(effect=effect)
        for paths in (answers, baselines)
        for effect, path in zip(effects, paths, strict=True)
    ]
    frame = pd.concat(parts, ignore_index=True)
    fig, ax = canvas(6.2, 4.0)
    rows = []
    for index, (model, name) in enumerate(METHODS.items()):
        found = {effect: mean(part) for effect, part in rows_where(frame, model=model).groupby("effect", sort=True)}
        line_with_band(ax, [float(effect) for effect in found], list(found.values()), name, index)
        rows += [{"method": name, "effect": effect} | value._asdict() for effect, value in found.items()]
    ax.axhline(0.5, color=NEUTRAL, linestyle="--", label="chance")
    ax.set(xlabel="planted shifts, relative to those of the claims", ylabel="accuracy: same neighbourhood", ylim=(0, 1))
    legend_above(fig, [ax])
    table = pd.DataFrame(rows)
    intervals = "95 % intervals over replicates"
    return Drawing(fig, table, f"{table['n'].max()} questions", frame["replicate"].nunique(), intervals)
