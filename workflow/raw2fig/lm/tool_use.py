"""Tools that a policy calls while it writes: where a call ends, the tokens of the result come next, whatever the policy
would have drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from raw2fig.lm.sample import Drawing


@dataclass(frozen=True)
class ToolUse:
    """A call is what stands between the tokens `opens` and `closes`; `results` gives the tokens that follow each of
    some calls, as token ids in and out. A completion has its first `most` calls answered."""

    opens: int
    closes: int
    results: Callable[[Sequence[Sequence[int]]], Sequence[Sequence[int]]]
    most: int


def inject(tools: ToolUse, drawing: Drawing, drawn: torch.Tensor) -> torch.Tensor:
    """Put the tokens of results into `drawn` (rows, 1) where they are due, and answer the calls that end in `drawn`.
    Returns where, bool (rows,)."""
    import torch

    last, alive = drawn[:, 0].tolist(), drawing.alive.tolist()
    forced = [bool(going and queue) for going, queue in zip(alive, drawing.queues, strict=True)]
    for row, due in enumerate(forced):
        if due:
            last[row] = drawing.queues[row].pop(0)
    calling = [
        row
        for row, token in enumerate(last)
        if alive[row] and not forced[row] and token == tools.closes and drawing.calls[row] < tools.most
    ]
    if calling:
        written = torch.stack(drawing.tokens, 1)[calling].tolist() if drawing.tokens else [[] for _ in calling]
        results = tools.results([_after_last(tools.opens, row) for row in written])
        for row, result in zip(calling, results, strict=True):
            drawing.queues[row] = list(result)
            drawing.calls[row] += 1
    drawn[:, 0] = torch.tensor(last, device=drawn.device)
    return torch.tensor(forced, device=drawn.device)


def _after_last(token: int, row: list[int]) -> list[int]:
    """What follows the last `token` of a row; all of it where there is none."""
    start = len(row) - row[::-1].index(token) if token in row else 0
    return row[start:]
