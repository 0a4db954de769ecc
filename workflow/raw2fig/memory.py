"""How much memory something needs at most: bytes of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


def with_peak(call: Callable[[], T], device: torch.device) -> tuple[T, int]:
    """What `call` gives, and the most bytes of tensors that it had at a time, besides those that were there before.

    On a GPU the allocator is asked. Elsewhere the results of all operations are counted as long as they live, which is
    the same on every machine; what an operation needs only while it runs is left out.
    """
    import torch

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        return call(), torch.cuda.max_memory_allocated(device) - before
    counting = _counting()
    with counting:
        found = call()
    return found, counting.most


def _counting() -> Any:
    """A mode of torch that counts the bytes of new tensors, and the most there were."""
    import weakref

    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Counting(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.now = self.most = 0
            self.known = weakref.WeakSet[torch.UntypedStorage]()

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            # what an operation reads was there before, or has been counted
            self.known.update(_storages(tree_leaves((args, kwargs))))
            found = func(*args, **(kwargs or {}))
            for storage in _storages(tree_leaves(found)):
                if storage not in self.known:
                    self.known.add(storage)
                    self.now += storage.nbytes()
                    weakref.finalize(storage, self.free, storage.nbytes())
            self.most = max(self.most, self.now)
            return found

        def free(self, size: int) -> None:
            self.now -= size

    return Counting()


def _storages(leaves: list[Any]) -> list[torch.UntypedStorage]:
    import torch

    return [leaf.untyped_storage() for leaf in leaves if isinstance(leaf, torch.Tensor)]
