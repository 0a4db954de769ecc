"""The parts of one update of the policy: rewards and their shaping, and the losses that a recipe asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from raw2fig.rl.length import length_penalty, soft_overlong
from raw2fig.rl.losses import clip_loss, log_ratio, reinforce_loss, squared_loss
from raw2fig.rl.recipe import Recipe

if TYPE_CHECKING:
    import torch

Rewards = Callable[[list[Any], list[int], int], Sequence[float] | np.ndarray]
"""`rewards(completions, prompt_indices, step)`: one number per completion, above 0 for one that is right; those of one
group are adjacent. A run with a `Shaping` gets a row of signals for each completion, (completions, signals), the first
of which says whether it is right. A run with an environment gets a `Played` for each completion. A reward that is NaN
takes its whole group out of the update. What it draws at random must depend on `step` alone, so that a resumed run goes
on as an uninterrupted one."""


class Shaping(Protocol):
    """Rewards that need a whole batch of groups, those of all processes, and may keep a state from batch to batch."""

    def rewards(self, signals: np.ndarray) -> np.ndarray:
        """Rewards (groups, generations) of the next update, from signals (signals, groups, generations)."""
        ...

    def told(self, advantages: np.ndarray) -> dict[str, float]:
        """What is logged of that update, whose advantages are (groups, generations)."""
        ...

    def state(self) -> Any:
        """What `restore` takes, as plain data: part of a checkpoint."""
        ...

    def restore(self, state: Any) -> None: ...


def repeat_mask(ids: torch.Tensor, start: int, once: torch.Tensor) -> torch.Tensor:
    """Which tokens may not come next, bool (batch, completion, vocabulary), at each position of a completion that
    starts at `start` in `ids` (batch, prompt + completion): those of `once` (vocabulary) that it already holds."""
    import torch

    completion = ids[:, start:]
    used = torch.nn.functional.one_hot(completion, once.shape[0]).cumsum(1).bool() & once
    return torch.cat([torch.zeros_like(used[:, :1]), used[:, :-1]], dim=1)


def token_losses(
    recipe: Recipe, logps: torch.Tensor, behaviour: torch.Tensor, advantages: torch.Tensor, mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses (completions, tokens) by the recipe, without the KL penalty, and the importance ratios."""
    ratio = log_ratio(logps, behaviour, mask, sequence=recipe.loss == "gspo").exp()
    if recipe.loss in ("cispo", "reinforce"):
        return reinforce_loss(logps, ratio, advantages, recipe.eps_max), ratio
    if recipe.loss == "squared" and recipe.tau is not None:
        return squared_loss(logps, behaviour, advantages, mask, recipe.tau), ratio
    return clip_loss(ratio, advantages, recipe.eps_low, recipe.eps_high, recipe.dual), ratio


def overlong_cost(recipe: Recipe, lengths: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """The amounts (completions,) that are added to the rewards of completions for their lengths."""
    if recipe.overlong == "shape":
        return soft_overlong(lengths, recipe.max_new_tokens, recipe.cache)
    if recipe.overlong == "penalise_correct":
        return length_penalty(lengths, correct, recipe.max_new_tokens, recipe.cache)
    return np.zeros(len(lengths))
