"""How long something takes: seconds of the processor, so that other programs count less, or on a GPU by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


def timed(call: Callable[[], T], device: torch.device) -> tuple[T, float]:
    """What `call` gives, and its seconds: of the processor's cores, or on a GPU by the clock, with its queue empty."""
    if device.type != "cuda":
        start = time.process_time()
        return call(), time.process_time() - start
    import torch

    torch.cuda.synchronize(device)
    start = time.perf_counter()
    found = call()
    torch.cuda.synchronize(device)
    return found, time.perf_counter() - start
