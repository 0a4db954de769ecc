"""Perturbation prediction: the conditions, their real cells, and the cells a model generates for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.generate import Complete, Engine, load_completer
from raw2fig.papers.c2s.corpus import sentences_of
from raw2fig.papers.c2s.corpus_cytokines import stimulus_text
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.generate import sentence_tokens, to_expression
from raw2fig.papers.c2s.predictions import write_predictions
from raw2fig.papers.c2s.prompts import Style, draw
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json

if TYPE_CHECKING:
    from anndata import AnnData

COLUMNS = ("cell_type", "cytokine", "exposure", "tier", "split")
CONTROL = "none"


class Condition(NamedTuple):
    """A cell type under a stimulus, and the tier of the held-out design that it belongs to."""

    cell_type: str
    cytokine: str
    exposure: str
    tier: str


def conditions(cells: AnnData, seen: int, seed: int = 0) -> list[Condition]:
    """Every held-out condition with test cells, and `seen` of the training ones (drawn by `seed`), sorted."""
    test = cells.obs[(cells.obs["split"] == "test") & (cells.obs["cytokine"] != CONTROL)]
    found = sorted({Condition(*row) for row in test[list(Condition._fields)].itertuples(index=False)})
    trained = [condition for condition in found if condition.tier == "seen"]
    kept = np.random.default_rng(seed).permutation(len(trained))[:seen]
    chosen = {trained[index] for index in kept}
    return [condition for condition in found if condition.tier != "seen" or condition in chosen]


def members(cells: AnnData, condition: Condition, split: str, control: bool = False) -> np.ndarray:
    """Indices of a condition's cells in `split`, in file order; with `control`, of the untreated cells of its type."""
    obs = cells.obs
    mask = (obs["split"] == split) & (obs["cell_type"] == condition.cell_type)
    if control:
        return np.flatnonzero(mask & (obs["cytokine"] == CONTROL))
    return np.flatnonzero(mask & (obs["cytokine"] == condition.cytokine) & (obs["exposure"] == condition.exposure))


def prompts_for(
    cells: AnnData,
    condition: Condition,
    n: int,
    top: int,
    family: str,
    style: Style,
    organism: str,
    rng: np.random.Generator,
) -> list[str]:
    """`n` generation prompts of a condition; in the paired family each holds another control cell of the test split."""
    controls = [""] * n
    if family == "perturbation_paired":
        pool = members(cells, condition, "test", control=True)
        if not len(pool):
            raise InputError("cells", f"no untreated test cell of type {condition.cell_type}", "controls for each type")
        controls = sentences_of(cells, rng.choice(pool, n), top, int(rng.integers(2**31)))
    fields = {**condition._asdict(), "stimulus": stimulus_text(condition.cytokine), "cell": "", "n": top}
    return [draw(style, family, {**fields, "control": text, "organism": organism}, rng)[0] for text in controls]


def generate_condition(
    complete: Complete, prompts: list[str], cells: AnnData, max_new_tokens: int, fit: dict[str, float], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Expression (n, genes) of cells generated for `prompts`, and their unknown and duplicate words (n, 2)."""
    texts = complete(prompts, max_new_tokens, seed, 1.0)
    return to_expression(texts, list(cells.var_names), fit["slope"], fit["intercept"])


@step
def generate_perturbed(
    *,
    model: Input,
    cells: Input,
    fit: Input,
    predictions: Output,
    method: str,
    n: int = 64,
    seen: int = 10,
    top: int = 32,
    family: str = "perturbation_generation",
    style: Style = "terse",
    organism: str = "human",
    engine: Engine = "sampler",
    seed: int = 0,
) -> None:
    """Generate cells for every held-out condition and some seen ones.

    Parameters
    ----------
    model
        Model folder.
    cells
        Processed cytokine cells.
    fit
        The rank fit, which turns sentences back into expression.
    method
        Name of the model in tables and figures.
    n
        Cells per condition.
    seen
        Number of training conditions to evaluate.
    family
        perturbation_generation (from labels) or perturbation_paired (from a control cell).
    """
    import pandas as pd

    data, line = read_cells(cells, columns=COLUMNS), read_json(fit)
    complete = load_completer(str(model), engine, list(data.var_names))
    length = _sentence_tokens(str(model), list(data.var_names), top)
    labels, expressions = [], []
    for number, condition in enumerate(conditions(data, seen)):
        rng = np.random.default_rng([seed, number])
        prompts = prompts_for(data, condition, n, top, family, style, organism, rng)
        expression, _ = generate_condition(complete, prompts, data, length, line, seed * 10_007 + number)
        expressions.append(expression)
        labels.append(pd.DataFrame({"method": method, **condition._asdict(), "sample": np.arange(n)}))
    write_predictions(pd.concat(labels, ignore_index=True), np.concatenate(expressions), predictions)


def _sentence_tokens(model: str, genes: list[str], top: int) -> int:
    from transformers import AutoTokenizer

    return sentence_tokens(AutoTokenizer.from_pretrained(model), genes, top)
