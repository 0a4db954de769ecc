"""The conditions of the cytokine benchmark that predictions are judged on, and their real cells."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raw2fig.errors import InputError

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


def conditions(cells: AnnData, seen: int, least: int, seed: int) -> list[Condition]:
    """Every held-out condition with at least `least` test cells, and `seen` of the training ones (drawn by `seed`),
    sorted; the log names those with fewer. Raises `InputError` when none has as many."""
    test = cells.obs[(cells.obs["split"] == "test") & (cells.obs["cytokine"] != CONTROL)]
    there = Counter(Condition(*row) for row in test[list(Condition._fields)].itertuples(index=False))
    found = sorted(condition for condition, count in there.items() if count >= least)
    few = sorted(" ".join(condition[:3]) for condition in there.keys() - set(found))
    if few:
        logging.info("left out, with fewer than %d test cells: %s", least, ", ".join(few))
    if not found:
        raise InputError("cells", f"no condition with {least} test cells", "twice as many as are evaluated of each")
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
