"""What a router reads of a prompt: means of its hidden states over a few windows (paper, section 3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from raw2fig.errors import InputError

if TYPE_CHECKING:
    import torch

WindowMode = Literal["floor", "balanced"]
"""floor (paper): windows of equal length, the last tokens that fill no window are not read. balanced: all tokens are
read, and the first windows have one more where the length is no multiple."""


class Pooled(NamedTuple):
    """Means (rows, ..., windows, width), and how many of its windows each row has (rows,); the others are 0."""

    means: torch.Tensor
    windows: torch.Tensor


def pool(states: torch.Tensor, read: torch.Tensor, windows: int, mode: WindowMode) -> Pooled:
    """Means of `states` (rows, tokens, width), float32, over windows of the tokens that are `read` (rows, tokens),
    bool.

    A row of T tokens has w = min(windows, T) windows, which do not depend on where its padding is. Raises `InputError`
    for a row without tokens.
    """
    import torch

    lengths = read.sum(1)
    if not lengths.all():
        raise InputError("prompt", f"row {int(lengths.argmin())} has no tokens to read", "one token at least")
    used = lengths.clamp(max=windows)
    size = lengths // used
    longer = lengths % used if mode == "balanced" else torch.zeros_like(used)
    place = read.cumsum(1) - 1
    # the first `longer` windows have a token more than the others
    edge = longer * (size + 1)
    window = torch.where(
        place < edge[:, None],
        place // (size + 1)[:, None],
        longer[:, None] + (place - edge[:, None]) // size[:, None],
    )
    number = torch.arange(windows, device=states.device)
    member = (window[:, None] == number[:, None]) & read[:, None]
    weights = member / member.sum(-1, keepdim=True).clamp(min=1)
    # padding may hold anything, and infinity times 0 is not 0
    return Pooled(weights @ states.float().masked_fill(~read[..., None], 0), used)
