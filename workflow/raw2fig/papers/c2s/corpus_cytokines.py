"""The cytokine corpus: both directions between labels and cells, and control → treated pairs (Methods)."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import numpy as np
from pydantic import AfterValidator

from raw2fig.papers.c2s.corpus import (
    Count,
    Maker,
    Rows,
    build,
    draw_matching,
    draw_seed,
    sample,
    sentences_of,
    some_samples,
    write_corpus,
)
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.prompts import Wording
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step

CytokineTask = Literal["perturbation_generation", "perturbation_labels", "perturbation_paired"]


class CytokineSamples(Record):
    """Size of the cytokine corpus."""

    samples: Annotated[dict[CytokineTask, Count], AfterValidator(some_samples)] = Field(
        description="Number of training samples of each task."
    )
    test_samples: int = Field(ge=0, description="Number of held-out samples, over all tasks.")


def stimulus_text(cytokine: str) -> str:
    """`IFNB+IL6` as words, so that a combination is read as its parts."""
    return cytokine.replace("+", " + ")


@step
def corpus_cytokines(
    *,
    cells: Input,
    corpus: Output,
    size: CytokineSamples,
    sentence: Sentence,
    wording: Wording,
    replicate: Seed,
) -> None:
    """Make the prompts and responses of the cytokine tasks: labels → cell, cell → labels, control → treated cell.

    Parameters
    ----------
    cells
        Processed cells with obs cell_type, cytokine, exposure, split.
    corpus
        Table of samples: task, prompt, response, split, cell and the labels of the cell.
    """
    data = read_cells(cells, columns=("cell_type", "cytokine", "exposure", "split"))
    obs = {name: data.obs[name].to_numpy() for name in ("cell_type", "cytokine", "exposure")}
    names = data.obs_names.to_numpy()

    def maker(task: str) -> Maker:
        def make(pool: np.ndarray, n: int, rng: np.random.Generator) -> Rows:
            rows = rng.choice(pool, n)
            texts = sentences_of(data, rows, sentence.top, draw_seed(rng))
            control_texts = [""] * n
            if task == "perturbation_paired":
                untreated = pool[obs["cytokine"][pool] == "none"]
                controls = draw_matching(obs["cell_type"], rows, untreated, rng)
                control_texts = sentences_of(data, controls, sentence.top, draw_seed(rng))
            made = []
            for row, text, control in zip(rows, texts, control_texts, strict=True):
                labels = {name: str(values[row]) for name, values in obs.items()}
                fields = {
                    **labels,
                    "stimulus": stimulus_text(labels["cytokine"]),
                    "cell": text,
                    "control": control,
                }
                fields |= {"n": str(len(text.split())), "organism": wording.organism}
                made.append(sample(wording.style, task, fields, {"cell": names[row], **labels}, rng))
            return made

        return make

    makers = {task: maker(task) for task in get_args(CytokineTask)}
    write_corpus(build(data, size.samples, makers, size.test_samples, replicate), corpus)
