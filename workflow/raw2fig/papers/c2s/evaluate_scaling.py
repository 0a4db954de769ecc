"""Held-out scores of the pretrained models (C2S-Scale, Fig. 4): loss, annotation, sample label, gene overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raw2fig.lm.generate import Engine, draw_seeds, load_completer
from raw2fig.papers.c2s.corpus import CORPUS
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.generate import Generation, answer_tokens, normalise_answer, sentence_tokens
from raw2fig.papers.c2s.metrics import gene_overlap
from raw2fig.papers.c2s.sentences import Sentence, clean
from raw2fig.papers.c2s.train import Encoding
from raw2fig.settings import Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, write_table

if TYPE_CHECKING:
    import pandas as pd

LABEL_TASKS = ("annotation", "tissue_annotation")


@step
def evaluate_scaling(
    *,
    models: list[Input],
    sizes: list[str],
    corpus: Input,
    cells: Input,
    scores: Output,
    sentence: Sentence,
    generation: Generation,
    encoding: Encoding,
    replicate: Seed,
) -> None:
    """Score models of several sizes on the held-out samples of a corpus.

    Parameters
    ----------
    models
        Model folders.
    sizes
        Names of these models, in the same order.
    corpus
        The multi-task corpus; its test split is used.
    cells
        Processed cells, whose genes are the vocabulary.
    scores
        Table with replicate, size, parameters, metric (loss: nats per word of the response; accuracy, overlap), task,
        cell, count and value: one row per held-out sample and metric.
    """
    import pandas as pd

    frame = read_table(corpus, CORPUS)
    frame = frame[frame["split"] == "test"].reset_index(drop=True)
    genes = list(read_cells(cells).var_names)
    rows = []
    for source, size in zip(models, sizes, strict=True):
        found = _score(str(source), generation.engine, frame, genes, sentence.top, encoding.max_length, replicate)
        rows += [{"size": size, "replicate": replicate, **row} for row in found]
    write_table(pd.DataFrame(rows), scores)


def _score(
    source: str, engine: Engine, frame: pd.DataFrame, genes: list[str], top: int, max_length: int, seed: int
) -> list[dict[str, Any]]:
    """Rows of one model; nothing of it stays on the GPU."""
    import torch

    from raw2fig.lm.examples import encode
    from raw2fig.lm.finetune import sample_losses
    from raw2fig.lm.models import load

    model, words = load(source)
    parameters = model.num_parameters()
    examples = encode(words, frame["prompt"], frame["response"], max_length)
    tokens = [len(example.ids) - example.prompt_length for example in examples]
    # per word, not per token: models with different tokenizers compare
    losses = sample_losses(model, words, examples) * tokens / frame["response"].str.split().str.len()
    rows = _rows("loss", frame, losses)
    del model
    torch.cuda.empty_cache()
    complete = load_completer(source, engine, genes)
    labelled = frame[frame["task"].isin(LABEL_TASKS)]
    answers = complete(labelled["prompt"].tolist(), answer_tokens(words, labelled["response"].tolist()), None)
    correct = [
        float(normalise_answer(one) == normalise_answer(other))
        for one, other in zip(answers, labelled["response"], strict=True)
    ]
    rows += _rows("accuracy", labelled, correct)
    generation = frame[frame["task"] == "generation"]
    seeds = draw_seeds(len(generation), seed)
    drawn = complete(generation["prompt"].tolist(), sentence_tokens(words, genes, top), seeds)
    overlaps = [
        gene_overlap(one, other, top)
        for one, other in zip(_genes(drawn, genes), _genes(generation["response"].tolist(), genes), strict=True)
    ]
    rows += _rows("overlap", generation, overlaps)
    return [{**row, "parameters": parameters} for row in rows]


def _genes(texts: list[str], genes: list[str]) -> list[list[int]]:
    """Genes of sentences, by the cleaning rule."""
    index = {gene: position for position, gene in enumerate(genes)}
    return [clean(text, index).genes for text in texts]


def _rows(metric, frame, values):  # type: ignore[no-untyped-def]
    counts = frame["count"].fillna(1) if "count" in frame else [1] * len(frame)
    return [
        {"metric": metric, "task": task, "cell": cell, "count": int(count), "value": float(value)}
        for task, cell, count, value in zip(frame["task"], frame["cell"], counts, values, strict=True)
    ]
