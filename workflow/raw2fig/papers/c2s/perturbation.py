"""Perturbation prediction: what a model is asked for a condition, and the cells that it generates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.generate import draw_seeds, load_completer
from raw2fig.lm.models import load_tokenizer
from raw2fig.papers.c2s.conditions import COLUMNS, Condition, conditions, members
from raw2fig.papers.c2s.corpus import sentences_of
from raw2fig.papers.c2s.corpus_cytokines import stimulus_text
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.generate import Generation, sentence_tokens, to_expression
from raw2fig.papers.c2s.predictions import Evaluated, write_predictions
from raw2fig.papers.c2s.prompts import Wording, draw
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json

if TYPE_CHECKING:
    from anndata import AnnData


class Family(Record):
    """What a model is asked."""

    family: Literal["perturbation_generation", "perturbation_paired"] = Field(
        description="perturbation_generation: a cell from its labels; perturbation_paired: a treated cell from an "
        "untreated one."
    )


def prompts_for(
    cells: AnnData,
    condition: Condition,
    n: int,
    sentence: Sentence,
    asked: Family,
    wording: Wording,
    rng: np.random.Generator,
    split: str = "test",
) -> list[str]:
    """`n` generation prompts of a condition; in the paired family each holds another control cell of `split`."""
    controls = [""] * n
    if asked.family == "perturbation_paired":
        pool = members(cells, condition, split, control=True)
        if not len(pool):
            raise InputError(
                "cells", f"no untreated {split} cell of type {condition.cell_type}", "controls for each type"
            )
        controls = sentences_of(cells, rng.choice(pool, n), sentence.top, int(rng.integers(2**31)))
    fields = {**condition._asdict(), "stimulus": stimulus_text(condition.cytokine), "cell": "", "n": sentence.top}
    fields["organism"] = wording.organism
    return [draw(wording.style, asked.family, {**fields, "control": text}, rng)[0] for text in controls]


@step
def generate_perturbed(
    *,
    models: list[Input],
    methods: list[str],
    cells: Input,
    fit: Input,
    predictions: Output,
    evaluation: Evaluated,
    asked: Family,
    sentence: Sentence,
    wording: Wording,
    generation: Generation,
    replicate: Seed,
) -> None:
    """Generate cells for every held-out condition and some seen ones; all models get the same prompts and seeds.

    Parameters
    ----------
    models
        Model folders.
    methods
        Names of these models in tables and figures, in the same order.
    cells
        Processed cytokine cells.
    fit
        The rank fit, which turns sentences back into expression.
    predictions
        Table of predicted cells (`raw2fig.papers.c2s.predictions` says its form).
    """
    import pandas as pd

    if len(models) != len(methods):
        raise InputError("methods", f"{len(methods)} names for {len(models)} models", "one for each")
    data, line = read_cells(cells, columns=COLUMNS), read_json(fit)
    genes, n = list(data.var_names), evaluation.n
    prompts, labels = [], []
    for number, condition in enumerate(conditions(data, evaluation.seen, 2 * n, replicate)):
        rng = np.random.default_rng([replicate, number])
        prompts += prompts_for(data, condition, n, sentence, asked, wording, rng)
        labels.append(pd.DataFrame({**condition._asdict(), "sample": np.arange(n)}))
    seeds = draw_seeds(len(prompts), replicate)
    frames, blocks = [], []
    for model, method in zip(models, methods, strict=True):
        length = sentence_tokens(load_tokenizer(str(model)), genes, sentence.top)
        texts = load_completer(str(model), generation.engine, genes)(prompts, length, seeds)
        blocks.append(to_expression(texts, genes, line["slope"], line["intercept"])[0])
        frames.append(pd.concat(labels, ignore_index=True).assign(method=method))
    write_predictions(pd.concat(frames, ignore_index=True), np.concatenate(blocks), predictions)
