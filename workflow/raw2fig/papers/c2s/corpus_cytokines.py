"""The cytokine corpus: both directions between labels and cells, and control → treated pairs (Methods)."""

from __future__ import annotations

import numpy as np

from raw2fig.papers.c2s.corpus import (
    Maker,
    Rows,
    build,
    draw_matching,
    draw_seed,
    parse_samples,
    sample,
    sentences_of,
    write_corpus,
)
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.prompts import Style
from raw2fig.step import Input, Output, step

CYTOKINE_TASKS = ("perturbation_generation", "perturbation_labels", "perturbation_paired")


def stimulus_text(cytokine: str) -> str:
    """`IFNB+IL6` as words, so that a combination is read as its parts."""
    return cytokine.replace("+", " + ")


@step
def corpus_cytokines(
    *,
    cells: Input,
    corpus: Output,
    samples: list[str],
    top: int = 32,
    test_samples: int = 500,
    style: Style = "terse",
    organism: str = "human",
    seed: int = 0,
) -> None:
    """Labels → cell and cell → labels, trained together, and control → treated cell (Methods, cytokine task).

    Parameters
    ----------
    cells
        Processed cells with obs cell_type, cytokine, exposure, split.
    samples
        Training samples per task, as task=number.
    top
        Genes per sentence.
    """
    data = read_cells(cells, columns=("cell_type", "cytokine", "exposure", "split"))
    obs = {name: data.obs[name].to_numpy() for name in ("cell_type", "cytokine", "exposure")}
    names = data.obs_names.to_numpy()

    def maker(task: str) -> Maker:
        def make(pool: np.ndarray, n: int, rng: np.random.Generator) -> Rows:
            rows = rng.choice(pool, n)
            texts = sentences_of(data, rows, top, draw_seed(rng))
            control_texts = [""] * n
            if task == "perturbation_paired":
                untreated = pool[obs["cytokine"][pool] == "none"]
                controls = draw_matching(obs["cell_type"], rows, untreated, rng)
                control_texts = sentences_of(data, controls, top, draw_seed(rng))
            made = []
            for row, text, control in zip(rows, texts, control_texts, strict=True):
                labels = {name: str(values[row]) for name, values in obs.items()}
                fields = {**labels, "stimulus": stimulus_text(labels["cytokine"]), "cell": text, "control": control}
                fields |= {"n": str(len(text.split())), "organism": organism}
                made.append(sample(style, task, fields, {"cell": names[row], **labels}, rng))
            return made

        return make

    makers = {task: maker(task) for task in CYTOKINE_TASKS}
    write_corpus(build(data, parse_samples(samples, CYTOKINE_TASKS), makers, test_samples, seed), corpus)
