"""A classifier that reads the same neighbourhood prompts as the model: it stands in for the paper's Nicheformer."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.corpus import CORPUS
from raw2fig.settings import Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, rows_where, write_table

TASK = "same_neighbourhood"
CLASSIFIER = "classifier"
"""The name of the baseline in the place of a model's."""
GENE = re.compile(r"[A-Z][A-Z0-9.-]*[A-Z0-9]")
"""Genes stand in upper case in a prompt."""


@step
def neighbourhood_baseline(*, corpus: Input, answers: Output, replicate: Seed) -> None:
    """Answer held-out prompts on neighbourhoods by logistic regression on counts of genes and on their deviations.

    Cells of one neighbourhood are alike in what neighbours do to them, so that a gene stands in all or in none of their
    sentences: its count has a larger variance than in sets from several neighbourhoods, and the same mean.

    Parameters
    ----------
    corpus
        Spatial corpus without interaction statements.
    answers
        Table with replicate, model, task, response, predicted and value, as `raw2fig c2s answer` writes it.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    frame = rows_where(read_table(corpus, CORPUS), task=TASK)
    train, test = (rows_where(frame, split=split).reset_index(drop=True) for split in ("train", "test"))
    if train["response"].nunique() < 2 or test.empty:
        raise InputError(corpus, f"{len(train)} training and {len(test)} held-out samples of {TASK}", "both answers")
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    features = gene_counts(train["prompt"].tolist(), test["prompt"].tolist())
    predicted = classifier.fit(features[0], train["response"]).predict(features[1])
    labels = test[["task", "response", "split"]].assign(model=CLASSIFIER, predicted=predicted)
    write_table(labels.assign(value=predicted == labels["response"], replicate=replicate), answers)


def gene_counts(train: Sequence[str], other: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """How often each word in upper case of the training prompts stands in each prompt of either set, and the squares of
    these numbers less their means in training: (prompts, 2 x words)."""
    index = {word: at for at, word in enumerate(sorted({word for text in train for word in GENE.findall(text)}))}

    def counted(texts: Sequence[str]) -> np.ndarray:
        counts = np.zeros((len(texts), len(index)))
        for row, text in enumerate(texts):
            for word in GENE.findall(text):
                if word in index:
                    counts[row, index[word]] += 1
        return counts

    known, new = counted(train), counted(other)
    mean = known.mean(axis=0)
    return np.hstack([known, (known - mean) ** 2]), np.hstack([new, (new - mean) ** 2])
