"""The spatial corpus: niche, neighbour, same neighbourhood, same niche (C2S-Scale, spatial reasoning).

The four tasks of the paper, with or without interaction statements: those pairs of the prior whose genes are among the
words of two different cells of the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np

from raw2fig.papers.c2s.corpus import Maker, Rows, build, draw_seed, parse_samples, sentences_of, write_corpus
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.neighbourhood_sets import neighbours_of_cells, sample_neighbourhoods, sample_niches
from raw2fig.papers.c2s.prompts import Style, cell_block, draw, interaction_block
from raw2fig.papers.c2s.tissue import interaction_prior, read_tissue_effects
from raw2fig.step import Input, Output, step

TISSUE_TASKS = ("niche", "neighbour", "same_neighbourhood", "same_niche")


def statements(sentences: Sequence[str], prior: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs of `prior` with one gene in one sentence and its partner in another, in the prior's order."""
    words = [set(sentence.split()) for sentence in sentences]
    return [
        (first, second)
        for first, second in prior
        if any(first in one and second in other for one, other in permutations(words, 2))
    ]


@step
def corpus_tissue(
    *,
    cells: Input,
    effects: Input,
    corpus: Output,
    samples: list[str],
    prior: str = "none",
    radius: float = 20.0,
    count: int = 3,
    top: int = 32,
    multi_top: int = 16,
    test_samples: int = 500,
    style: Style = "terse",
    organism: str = "human",
    seed: int = 0,
) -> None:
    """Samples of the four spatial tasks, with interaction statements from one prior.

    Parameters
    ----------
    cells
        Processed cells with obs cell_type, niche, split and coordinates in obsm spatial.
    effects
        Table with the interaction priors.
    samples
        Training samples per task, as task=number.
    prior
        Interaction statements: none, cpdb, biogrid or both.
    radius
        Radius of a neighbourhood, in the unit of the coordinates (micrometres).
    count
        Cells per prompt.
    top
        Genes per sentence of a cell alone.
    multi_top
        Genes per sentence where a prompt holds several cells.
    """
    data = read_cells(cells, columns=("cell_type", "niche", "split"))
    xy = np.asarray(data.obsm["spatial"])
    kinds, niches = data.obs["cell_type"].to_numpy(), data.obs["niche"].to_numpy()
    names = data.obs_names.to_numpy()
    pairs = interaction_prior(read_tissue_effects(effects), prior, list(data.var_names))

    def texts_of(rows: np.ndarray, genes: int, rng: np.random.Generator) -> np.ndarray:
        texts = sentences_of(data, rows.ravel(), genes, draw_seed(rng))
        return np.array(texts, dtype=object).reshape(rows.shape)

    def niche(pool: np.ndarray, n: int, rng: np.random.Generator) -> Rows:
        rows = rng.choice(pool, n)
        made = []
        for row, text in zip(rows, texts_of(rows, top, rng), strict=True):
            fields = {"cell": text, "n": len(text.split()), "niche": str(niches[row]), "organism": organism}
            prompt, response = draw(style, "niche", fields, rng)
            made.append({"prompt": prompt, "response": response, "cell": names[row], "niche": niches[row]})
        return made

    def neighbour(pool: np.ndarray, n: int, rng: np.random.Generator) -> Rows:
        centres, around = neighbours_of_cells(xy[pool], radius, count, n, rng)
        targets, contexts = texts_of(pool[centres], multi_top, rng), texts_of(pool[around], multi_top, rng)
        made = []
        for row, target, context in zip(pool[centres], targets, contexts, strict=True):
            fields = {
                "cell": target,
                "cells": cell_block(context, style),
                "interactions": interaction_block(statements(context, pairs), style),
                "n": len(target.split()),
                "organism": organism,
            }
            prompt, response = draw(style, "neighbour", fields, rng)
            made.append({"prompt": prompt, "response": response, "cell": names[row], "cell_type": kinds[row]})
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
                fields = {
                    "cells": cell_block(texts, style),
                    "interactions": interaction_block(statements(texts, pairs), style),
                    "answer": "yes" if same else "no",
                    "n": multi_top,
                    "organism": organism,
                }
                prompt, response = draw(style, task, fields, rng)
                made.append({"prompt": prompt, "response": response, "cell": " ".join(names[members])})
            return made

        return make

    makers: dict[str, Maker] = {
        "niche": niche,
        "neighbour": neighbour,
        "same_neighbourhood": yes_or_no("same_neighbourhood"),
        "same_niche": yes_or_no("same_niche"),
    }
    write_corpus(build(data, parse_samples(samples, TISSUE_TASKS), makers, test_samples, seed), corpus)
