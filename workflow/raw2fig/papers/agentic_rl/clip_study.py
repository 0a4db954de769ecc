"""How the upper clip bound decides how fast a rare good action is taken up: many small softmax policies, one for each
state, under the loss of the engine (Figs. 5 and 6 of the paper ask this of language models).

In a trained transformer the bound holds back about one token in a hundred, so that no difference shows above the luck
of trainings. Here every state has a habit, an action that is likely and pays now and then, and one rare action that
always pays; nothing else pays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from raw2fig.rl.advantages import group_advantages
from raw2fig.settings import Field, Record, Replicates
from raw2fig.step import At, Output, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    import torch

HABIT, RARE = 0, 1
"""Places of the two actions that pay."""


class Regime(Record):
    """How likely the habit is at first, and how far an update goes."""

    habit: float = Field(description="Logit of the habit at first; all other actions have 0.")
    lr: float = Field(gt=0, description="Learning rate of Adam.")
    updates: int = Field(ge=1, description="Updates on each batch.")


class ClipStudy(Record):
    """Small policies, and the bounds that are compared."""

    states: int = Field(ge=1, description="States, each with a policy of its own.")
    actions: int = Field(ge=2, description="Actions in each state.")
    habit_pays: float = Field(
        ge=0, le=1, description="Chance that the habit is rewarded with 1; the rare action always is."
    )
    generations: int = Field(ge=2, description="Actions that are drawn in each state for a batch: a group.")
    batches: int = Field(ge=1, description="Batches.")
    eps_low: float = Field(ge=0, lt=1, description="Ratios are clipped below 1 - eps_low.")
    eps_high: list[Annotated[float, Field(gt=0)]] = Field(
        min_length=1, description="Upper bounds that are compared: ratios are clipped above 1 + eps_high."
    )
    regimes: dict[str, Regime] = Field(min_length=1, description="By name: strength of the habit and size of updates.")


class Uptake(NamedTuple):
    """What came of some replicates: mean expected reward before each batch and after the last (replicates, batches +
    1), and the share of actions whose ratio the upper bound held back (replicates,)."""

    rewards: np.ndarray
    held_back: np.ndarray


@step
def clip_study(
    *,
    table: Output,
    clip_study: Annotated[ClipStudy, At("clip_study")],
    replicates: Annotated[Replicates, At("replicates")],
) -> None:
    """Train small softmax policies with the clipped loss under several upper bounds.

    Parameters
    ----------
    table
        A row for each replicate, regime, bound and number of batches: expected reward, and the share of actions that
        the bound held back in the whole run.
    replicates
        Numbers of the replicates, each with random numbers of its own.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for name, regime in clip_study.regimes.items():
        for high in clip_study.eps_high:
            found = uptake(clip_study, regime, high, replicates)
            for replicate, rewards, held_back in zip(replicates, found.rewards, found.held_back, strict=True):
                about = {"replicate": replicate, "regime": name, "eps_high": high, "held_back": float(held_back)}
                rows += [about | {"batch": batch, "reward": float(reward)} for batch, reward in enumerate(rewards)]
    write_table(pd.DataFrame(rows), table)


def uptake(study: ClipStudy, regime: Regime, high: float, replicates: list[int]) -> Uptake:
    """Train the policies of all replicates side by side. They share nothing: Adam's step of a logit depends on its own
    gradients alone, and each replicate draws its own actions and rewards."""
    import torch

    from raw2fig.rl.losses import clip_loss

    generators = [np.random.default_rng([replicate, 11]) for replicate in replicates]
    number = len(replicates)
    logits = torch.zeros(number * study.states, study.actions, dtype=torch.float64)
    logits[:, HABIT] = regime.habit
    logits.requires_grad_(True)
    adam = torch.optim.Adam([logits], lr=regime.lr)
    pays = np.zeros(study.actions)
    pays[[HABIT, RARE]] = study.habit_pays, 1
    rewards, held_back = [expected(logits, pays, number)], np.zeros(number)
    for _ in range(study.batches):
        old = torch.log_softmax(logits.detach(), -1)
        actions, found = draw(old.exp().numpy(), pays, study.generations, generators)
        advantages = torch.from_numpy(group_advantages(found)).reshape(-1)
        taken = torch.from_numpy(actions)
        for _ in range(regime.updates):
            ratio = (torch.log_softmax(logits, -1) - old).gather(1, taken).exp().reshape(-1, 1)
            beyond = (ratio[:, 0] > 1 + high) & (advantages > 0)
            held_back += beyond.double().reshape(number, -1).mean(1).numpy()
            adam.zero_grad()
            # summed over replicates, for Adam's epsilon to be the same however many there are
            (clip_loss(ratio, advantages, study.eps_low, high).sum() * number / len(ratio)).backward()
            adam.step()
        rewards.append(expected(logits, pays, number))
    return Uptake(np.stack(rewards, 1), held_back / (study.batches * regime.updates))


def expected(logits: torch.Tensor, pays: np.ndarray, replicates: int) -> np.ndarray:
    """Expected reward of each replicate (replicates,), over its states."""
    policies = logits.detach().softmax(-1).numpy()
    found: np.ndarray = (policies @ pays).reshape(replicates, -1).mean(1)
    return found


def draw(
    policies: np.ndarray, pays: np.ndarray, generations: int, generators: list[np.random.Generator]
) -> tuple[np.ndarray, np.ndarray]:
    """Actions (policies, generations) of policies (policies, actions), those of a replicate by its own generator, and
    their rewards, 0 or 1."""
    states = len(policies) // len(generators)
    numbers = np.concatenate([generator.random((states, 2, generations)) for generator in generators])
    cumulative = policies.cumsum(1)[:, None]
    actions = (cumulative <= numbers[:, 0, :, None]).sum(-1).clip(max=policies.shape[1] - 1)
    return actions, (numbers[:, 1] < pays[actions]).astype(float)
