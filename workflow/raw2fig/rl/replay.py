"""Positive example reinforcement (Kimi-Dev, section 3.5): late in a run, right completions of the last updates join the
batch of the current one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

    Rows = dict[str, torch.Tensor]


@dataclass
class Replay:
    """Right completions of the last `window` updates. From update `start` on, `number` of them, if there are as many,
    are drawn for each update, and count like its own completions, with the advantages that they had."""

    start: int
    window: int
    number: int
    seed: int
    held: list[tuple[int, Rows]] = field(default_factory=list)  # update, and the row of each tensor of its batch

    def extended(self, update: int, batch: Rows, right: np.ndarray, pad: int) -> Rows:
        """The batch of an update with rows of earlier ones at its end; `right` (completions,) says which of its own are
        held for later ones."""
        import torch

        self.held = [(when, row) for when, row in self.held if update - when <= self.window]
        chosen: list[Rows] = []
        if update >= self.start and self.held:
            order = np.random.default_rng([self.seed, update]).permutation(len(self.held))
            chosen = [self.held[place][1] for place in order[: self.number]]
        for place in np.flatnonzero(right):
            row = {name: tensor[place].clone() for name, tensor in batch.items()}
            # later the policy is no longer the one that drew it
            self.held.append((update, {**row, "fresh": torch.zeros_like(row["fresh"])}))
        if not chosen:
            return batch
        return {
            name: torch.stack(_even([*tensor, *(row[name] for row in chosen)], pad, name))
            for name, tensor in batch.items()
        }

    def state(self) -> list[dict[str, Any]]:
        """What `restore` takes, as tensors and plain data."""
        return [{"update": update, "row": row} for update, row in self.held]

    def restore(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Go on from a `state`."""
        self.held = [(one["update"], dict(one["row"])) for one in state]


def _even(rows: list[torch.Tensor], pad: int, name: str) -> list[torch.Tensor]:
    """Rows of one length: prompts are filled on the left, completions on the right."""
    import torch

    if not rows[0].dim():
        return rows
    width = max(len(row) for row in rows)
    value = pad if name.endswith("_ids") else 0
    sides = (lambda n: (n, 0)) if name.startswith("prompt") else (lambda n: (0, n))
    return [torch.nn.functional.pad(row, sides(width - len(row)), value=value) for row in rows]
