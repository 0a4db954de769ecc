"""Groups and prompts that are left out of training: groups without a signal, and prompts that are mastered."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


def has_variance(rewards: np.ndarray) -> np.ndarray:
    """Which groups have rewards that differ, bool (groups,), for rewards (groups, generations).

    The others have no advantage. Dropping them, not only weighing them by zero, takes them out of the denominators of
    loss and advantage scale: the "effective batch" of ScaleRL (section 3.2), which draws nothing in their stead.
    """
    return rewards.max(1) > rewards.min(1)


@dataclass
class Curriculum:
    """Which prompts come next: epochs in an order of their own, without those that are retired.

    No-Positive-Resampling (ScaleRL, section 3.2): a prompt whose pass rate reaches `retire_at` is left out of all later
    epochs. The paper does not say which pass rate; here it is that of the last visit, and a prompt is retired from the
    next epoch on. Where no prompt is left, all come back: a run must go on.

    It depends only on its seed and on what it was told, and `state` holds all of that.
    """

    prompts: int
    seed: int = 0
    retire_at: float | None = None
    epoch: int = 0
    waiting: list[int] = field(default_factory=list)
    retired: set[int] = field(default_factory=set)
    mastered: set[int] = field(default_factory=set)  # retired from the next epoch on

    def draw(self, number: int) -> list[int]:
        """The next `number` prompts' indices; an epoch that ends goes over into the next."""
        drawn: list[int] = []
        while len(drawn) < number:
            if not self.waiting:
                self.retired |= self.mastered
                left = [index for index in range(self.prompts) if index not in self.retired]
                order = np.random.default_rng([self.seed, self.epoch]).permutation(left or range(self.prompts))
                self.waiting = order.tolist()
                self.epoch += 1
            taken = number - len(drawn)
            drawn += self.waiting[:taken]
            self.waiting = self.waiting[taken:]
        return drawn

    def note(self, index: int, pass_rate: float) -> None:
        """Record the pass rate of a prompt; groups that are dropped from the loss count too."""
        if self.retire_at is None:
            return
        if pass_rate >= self.retire_at:
            self.mastered.add(index)
        else:
            self.mastered.discard(index)

    def state(self) -> dict[str, Any]:
        """What `restore` takes, as plain data."""
        return {
            "epoch": self.epoch,
            "waiting": self.waiting,
            "retired": sorted(self.retired),
            "mastered": sorted(self.mastered),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.epoch, self.waiting = state["epoch"], list(state["waiting"])
        self.retired, self.mastered = set(state["retired"]), set(state["mastered"])
