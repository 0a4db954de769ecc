"""Held-out scores of the pretrained models (C2S-Scale, Fig. 4): loss, annotation, sample label, gene overlap."""

from __future__ import annotations

from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.generate import normalise_answer, sentence_tokens
from raw2fig.papers.c2s.metrics import gene_overlap
from raw2fig.papers.c2s.train import CORPUS
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, write_table

LABEL_TASKS = ("annotation", "tissue_annotation")
ANSWER_TOKENS = 16


@step
def evaluate_scaling(
    *,
    models: list[Input],
    sizes: list[str],
    corpus: Input,
    cells: Input,
    scores: Output,
    top: int = 32,
    seed: int = 0,
) -> None:
    """Score models of several sizes on the held-out samples of the corpus.

    Parameters
    ----------
    models
        Model folders.
    sizes
        Their names, in the same order.
    corpus
        The multi-task corpus; its test split is used.
    cells
        Processed cells, whose genes are the vocabulary.
    scores
        Table with size, parameters, seed, metric (loss, accuracy, overlap), task, cell, count and value: one row per
        held-out sample and metric.
    """
    import pandas as pd

    from raw2fig.lm.examples import encode
    from raw2fig.lm.finetune import sample_losses
    from raw2fig.lm.generate import completer
    from raw2fig.lm.models import load

    frame = read_table(corpus, CORPUS)
    frame = frame[frame["split"] == "test"].reset_index(drop=True)
    genes = list(read_cells(cells).var_names)
    rows = []
    for source, size in zip(models, sizes, strict=True):
        model, words = load(str(source))
        common = {"size": size, "parameters": model.num_parameters(), "seed": seed}
        losses = sample_losses(model, words, encode(words, frame["prompt"], frame["response"], 8192))
        rows += _rows(common, "loss", frame, losses)
        labelled = frame[frame["task"].isin(LABEL_TASKS)]
        answers = completer(model, words)(labelled["prompt"].tolist(), ANSWER_TOKENS, seed, 0.0)
        correct = [
            float(normalise_answer(one) == normalise_answer(other))
            for one, other in zip(answers, labelled["response"], strict=True)
        ]
        rows += _rows(common, "accuracy", labelled, correct)
        generation = frame[frame["task"] == "generation"]
        length = sentence_tokens(words, genes, top)
        drawn = completer(model, words, genes)(generation["prompt"].tolist(), length, seed, 1.0)
        overlaps = [
            gene_overlap(one, other, top)
            for one, other in zip(_genes(drawn, genes), _genes(generation["response"].tolist(), genes), strict=True)
        ]
        rows += _rows(common, "overlap", generation, overlaps)
    write_table(pd.DataFrame(rows), scores)


def _genes(texts: list[str], genes: list[str]) -> list[list[int]]:
    """Genes of sentences, by the cleaning rule."""
    from raw2fig.papers.c2s.sentences import clean

    index = {gene: position for position, gene in enumerate(genes)}
    return [clean(text, index).genes for text in texts]


def _rows(common, metric, frame, values):  # type: ignore[no-untyped-def]
    counts = frame["count"].fillna(1) if "count" in frame else [1] * len(frame)
    return [
        {**common, "metric": metric, "task": task, "cell": cell, "count": int(count), "value": float(value)}
        for task, cell, count, value in zip(frame["task"], frame["cell"], counts, values, strict=True)
    ]
