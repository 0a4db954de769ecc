"""The spatial corpus: niche, neighbour, same neighbourhood, same niche (C2S-Scale, spatial reasoning).

The four tasks of the paper, with or without interaction statements: those pairs of the prior whose genes are among the
words of two different cells of the prompt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator

from raw2fig.errors import InputError
from raw2fig.papers.c2s.corpus import Count, Maker, Rows, build, draw_seed, sentences_of, some_samples, write_corpus
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.neighbourhood_sets import neighbours_of_cells, sample_neighbourhoods, sample_niches
from raw2fig.papers.c2s.prompts import Wording, cell_block, draw, interaction_block
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.papers.c2s.tissue import Neighbourhood, Prior, interaction_prior, read_tissue_effects
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step

TissueTask = Literal["niche", "neighbour", "same_neighbourhood", "same_niche"]


class TissueSamples(Record):
    """Size of the spatial corpus."""

    samples: Annotated[dict[TissueTask, Count], AfterValidator(some_samples)] = Field(
        description="Number of training samples of each task."
    )
    test_samples: int = Field(ge=1, description="Number of held-out samples, over all tasks.")
    count: int = Field(ge=2, le=1000, description="Number of cells in a prompt.")
    multi_top: int = Field(ge=1, description="Number of genes in each cell's sentence, in prompts with several cells.")


def statements(sentences: Sequence[str], prior: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs of `prior` with one gene in one sentence and its partner in another, in the prior's order."""
    holders: dict[str, set[int]] = defaultdict(set)
    for number, sentence in enumerate(sentences):
        for word in sentence.split():
            holders[word].add(number)
    return [
        (first, second)
        for first, second in prior
        if first in holders and second in holders and len(holders[first] | holders[second]) > 1
    ]


@step
def corpus_tissue(
    *,
    cells: Input,
    effects: Input,
    priors: list[Prior],
    corpora: list[Output],
    size: TissueSamples,
    neighbourhood: Neighbourhood,
    sentence: Sentence,
    wording: Wording,
    replicate: Seed,
) -> None:
    """Make the prompts and responses of the four spatial tasks, with the interaction statements of each prior.

    Parameters
    ----------
    cells
        Processed cells with obs cell_type, niche, split and coordinates in obsm spatial.
    effects
        Table with the interaction priors.
    priors
        Interaction statements in the prompts: none, cpdb, biogrid or both.
    corpora
        Corpus tables, one for each prior; they differ only in the statements.
    """
    radius, count, multi_top, style = neighbourhood.radius, size.count, size.multi_top, wording.style
    if len(priors) != len(corpora):
        raise InputError("priors", f"{len(priors)} priors for {len(corpora)} corpora", "one for each")
    data = read_cells(cells, columns=("cell_type", "niche", "split"))
    xy = np.asarray(data.obsm["spatial"])
    kinds, niches = data.obs["cell_type"].to_numpy(), data.obs["niche"].to_numpy()
    names = data.obs_names.to_numpy()
    table = read_tissue_effects(effects)
    pairs = {prior: interaction_prior(table, prior, list(data.var_names)) for prior in priors}

    def texts_of(rows: np.ndarray, genes: int, rng: np.random.Generator) -> np.ndarray:
        texts = sentences_of(data, rows.ravel(), genes, draw_seed(rng))
        return np.array(texts, dtype=object).reshape(rows.shape)

    def drawn(task: str, fields: Mapping[str, object], texts: Sequence[str], rng: np.random.Generator) -> dict:
        """Response, and the prompt with each prior's statements on `texts`, all in one wording."""
        same, prompts = draw_seed(rng), {}
        for prior in priors:
            block = interaction_block(statements(texts, pairs[prior]), style)
            every = {**fields, "interactions": block, "organism": wording.organism}
            prompts[prior], response = draw(style, task, every, np.random.default_rng(same))
        return {"prompt": prompts, "response": response}

    def niche(pool: np.ndarray, n: int, rng: np.random.Generator) -> Rows:
        rows = rng.choice(pool, n)
        return [
            drawn("niche", {"cell": text, "n": len(text.split()), "niche": str(niches[row])}, (), rng)
            | {"cell": names[row], "niche": niches[row]}
            for row, text in zip(rows, texts_of(rows, sentence.top, rng), strict=True)
        ]

    def neighbour(pool: np.ndarray, n: int, rng: np.random.Generator) -> Rows:
        centres, around = neighbours_of_cells(xy[pool], radius, count, n, rng)
        targets, contexts = texts_of(pool[centres], multi_top, rng), texts_of(pool[around], multi_top, rng)
        made = []
        for row, target, context in zip(pool[centres], targets, contexts, strict=True):
            fields = {"cell": target, "cells": cell_block(context, style), "n": len(target.split())}
            labels = {"cell": names[row], "cell_type": kinds[row]}
            made.append(drawn("neighbour", fields, context, rng) | labels)
        return made

    def yes_or_no(task: str) -> Maker:
        def make(pool: np.ndarray, n: int, rng: np.random.Generator) -> Rows:
            if task == "same_neighbourhood":
                sets = sample_neighbourhoods(xy[pool], kinds[pool], radius, count, n, rng)
            else:
                sets = sample_niches(niches[pool], count, n, rng)
            rows = pool[sets.cells]
            made = []
            for members, texts, same in zip(rows, texts_of(rows, multi_top, rng), sets.same, strict=True):
                fields = {"cells": cell_block(texts, style), "answer": "yes" if same else "no", "n": multi_top}
                made.append(drawn(task, fields, texts, rng) | {"cell": " ".join(names[members])})
            return made

        return make

    makers: dict[str, Maker] = {
        "niche": niche,
        "neighbour": neighbour,
        "same_neighbourhood": yes_or_no("same_neighbourhood"),
        "same_niche": yes_or_no("same_niche"),
    }
    rows = build(data, size.samples, makers, size.test_samples, replicate)
    for prior, corpus in zip(priors, corpora, strict=True):
        write_corpus([{**row, "prompt": row["prompt"][prior]} for row in rows], corpus)
