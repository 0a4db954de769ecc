"""A route: what each row of a batch does in each layer, and which rows therefore run in which pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.routing.control import ACTIONS, REPEAT

Rows = torch.Tensor | None
"""Row numbers (rows,), or None for all rows."""


class Route:
    """Actions of a batch, which are added layer by layer while its prompt runs and then stay."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.passes: list[list[Rows]] = []
        """For each layer that is decided, the rows of its first and of its second pass; a pass of no rows is left
        out."""
        self._columns: list[list[int]] = []

    @property
    def actions(self) -> torch.Tensor:
        """How often each row applies each layer, (rows, layers)."""
        return torch.tensor(self._columns).reshape(-1, self.rows).T.contiguous()

    def add(self, column: Sequence[int], device: torch.device) -> None:
        """The actions (rows,) of the next layer, whose rows are to be on `device`."""
        self._columns.append(list(column))
        passes: list[Rows] = []
        for times in range(1, REPEAT + 1):
            rows = [row for row, action in enumerate(column) if action >= times]
            if rows:
                passes.append(None if len(rows) == self.rows else torch.tensor(rows, device=device))
        self.passes.append(passes)


def as_actions(actions: Any, layers: int) -> torch.Tensor:
    """`actions` (rows, layers), or (layers,) for all rows alike, as a tensor of two dimensions. Raises `InputError` for
    another shape, and for what is not 0, 1 or 2."""
    found = torch.as_tensor(actions)
    if found.ndim == 1:
        found = found[None]
    if found.ndim != 2 or found.shape[1] != layers or not len(found):
        raise InputError("actions", f"have the shape {tuple(found.shape)}", f"(rows, {layers}) or ({layers},)")
    if found.is_floating_point() or not all(action in range(len(ACTIONS)) for action in found.unique().tolist()):
        raise InputError("actions", "are not all 0, 1 or 2", "how often each layer is applied")
    return found.cpu().long()


def run_rows(
    rows: torch.Tensor, run: Callable[..., torch.Tensor], hidden: torch.Tensor, args: tuple[Any, ...], kwargs: Any
) -> torch.Tensor:
    """`hidden` (rows, tokens, width) with `rows` of it replaced by what the layer `run` makes of them; every tensor
    among the layer's arguments that has a value for each row is cut to the same rows."""
    part = _of_rows((hidden, *args), rows, len(hidden))
    made = run(*part, **_of_rows(kwargs, rows, len(hidden)))
    return hidden.to(made.device).index_copy(0, rows.to(made.device), made)


def _of_rows(value: Any, rows: torch.Tensor, number: int) -> Any:
    if isinstance(value, torch.Tensor):
        # positions and their embeddings may have one row for all
        each = value.ndim > 1 and value.shape[0] == number
        return value.index_select(0, rows.to(value.device)) if each else value
    if isinstance(value, (tuple, list)):
        return type(value)(_of_rows(one, rows, number) for one in value)
    if isinstance(value, dict):
        return {key: _of_rows(one, rows, number) for key, one in value.items()}
    return value
