"""Baselines of the reference tasks without a model: sample labels and generated cells (C2S-Scale, Fig. 3 and 4)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.metrics import gene_overlap
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.settings import Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, rows_where, write_table

if TYPE_CHECKING:
    import pandas as pd

CHANCE = "chance"


@step
def reference_baselines(*, corpus: Input, scores: Output, sentence: Sentence, replicate: Seed) -> None:
    """Score guesses that need no model on the held-out samples of the reference corpus.

    Sample label: the most common label of the training samples (majority), and the expectation of a random one
    (chance). Generated cell: the genes most often in training cells (frequent_genes), a training cell of the type
    (training_cell; of any type where there is none), and the expected overlap of a random set of genes (chance).

    Parameters
    ----------
    corpus
        The multi-task corpus.
    scores
        Table with replicate, method, metric, task, cell and value: a row for each method and held-out sample.
    """
    import pandas as pd

    columns = ("task", "response", "split", "cell", "cell_type")
    frame = read_table(corpus, dict.fromkeys(columns, "string"))
    for task in ("tissue_annotation", "generation"):
        if set(frame["split"][frame["task"] == task]) != {"train", "test"}:
            raise InputError(corpus, f"no {task} of both splits", "training and held-out samples of the task")
    rng = np.random.default_rng(replicate)
    rows = _label_rows(frame) + _generation_rows(frame, sentence.top, rng)
    write_table(pd.DataFrame(rows).assign(replicate=replicate), scores)


def _label_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    train, test = (_part(frame, "tissue_annotation", split) for split in ("train", "test"))
    common = Counter(train["response"]).most_common(1)[0][0]
    chance = 1 / frame["response"][frame["task"] == "tissue_annotation"].nunique()
    rows = []
    for cell, label in zip(test["cell"], test["response"], strict=True):
        sample = {"metric": "accuracy", "task": "tissue_annotation", "cell": cell}
        rows.append({"method": "majority", **sample, "value": float(label == common)})
        rows.append({"method": CHANCE, **sample, "value": chance})
    return rows


def _generation_rows(frame: pd.DataFrame, top: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    train, test = (_part(frame, "generation", split) for split in ("train", "test"))
    known = [_genes(text) for text in train["response"]]
    times = Counter(gene for genes in known for gene in genes)
    frequent = [gene for gene, _ in times.most_common(top)]
    of_type = {kind: part.index for kind, part in train.groupby("cell_type")}
    rows = []
    for cell, kind, response in zip(test["cell"], test["cell_type"], test["response"], strict=True):
        real = _genes(response)
        guesses = {"frequent_genes": frequent, "training_cell": known[rng.choice(of_type.get(kind, train.index))]}
        values = {method: gene_overlap(genes, real, top) for method, genes in guesses.items()}
        values[CHANCE] = len(real[:top]) / len(times)  # k genes drawn from all hit each real one with k of n
        sample = {"metric": "overlap", "task": "generation", "cell": cell}
        rows += [{"method": method, **sample, "value": value} for method, value in values.items()]
    return rows


def _part(frame: pd.DataFrame, task: str, split: str) -> pd.DataFrame:
    return rows_where(frame, task=task, split=split).reset_index(drop=True)


def _genes(sentence: str) -> list[str]:
    return sentence.removesuffix(".").split()
