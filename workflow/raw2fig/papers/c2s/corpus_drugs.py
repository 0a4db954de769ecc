"""The drug corpus: an untreated cell, a context and a drug → the treated cell (dual-context screen)."""

from __future__ import annotations

import numpy as np

from raw2fig.papers.c2s.corpus import Rows, build, draw_matching, draw_seed, sample, sentences_of, write_corpus
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.prompts import Wording
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step

UNNAMED = "unnamed"
"""Stands for the name of a drug, in training at times and for drugs without training cells always: what the model
then knows of the drug is its target class."""


class DrugSamples(Record):
    """Size of the drug corpus."""

    samples: int = Field(ge=1, le=1_000_000_000, description="Number of training samples.")
    name_dropout: float = Field(ge=0, le=1, description="Share of training samples without the drug's name.")


@step
def corpus_drugs(
    *,
    cells: Input,
    corpus: Output,
    size: DrugSamples,
    sentence: Sentence,
    wording: Wording,
    replicate: Seed,
) -> None:
    """Make the prompts and responses of control → treated cell for all drugs, contexts and cell types. The vehicle
    counts as a drug.

    Parameters
    ----------
    cells
        Processed cells with obs cell_type, drug, drug_class, context, split.
    corpus
        Table of samples: task, prompt, response, split, cell and the labels of the cell.
    """
    data = read_cells(cells, columns=("cell_type", "drug", "drug_class", "context", "split"))
    obs = {name: data.obs[name].to_numpy() for name in ("cell_type", "drug", "drug_class", "context")}
    names = data.obs_names.to_numpy()
    group = np.char.add(obs["context"].astype(str), obs["cell_type"].astype(str))

    def make(pool: np.ndarray, n: int, rng: np.random.Generator) -> Rows:
        rows = rng.choice(pool, n)
        controls = draw_matching(group, rows, pool[obs["drug"][pool] == "vehicle"], rng)
        texts = sentences_of(data, rows, sentence.top, draw_seed(rng))
        control_texts = sentences_of(data, controls, sentence.top, draw_seed(rng))
        made = []
        for row, text, control in zip(rows, texts, control_texts, strict=True):
            labels = {name: str(values[row]) for name, values in obs.items()}
            unnamed = labels["drug"] != "vehicle" and rng.random() < size.name_dropout
            fields = {**labels, "drug": UNNAMED if unnamed else labels["drug"], "control": control, "cell": text}
            fields |= {"n": str(len(text.split())), "organism": wording.organism}
            made.append(sample(wording.style, "drug_response", fields, {"cell": names[row], **labels}, rng))
        return made

    write_corpus(build(data, {"drug_response": size.samples}, {"drug_response": make}, 0, replicate), corpus)
