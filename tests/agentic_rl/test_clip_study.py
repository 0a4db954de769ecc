"""The study of the upper clip: exact small cases, independence of replicates, its control, and claims."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from raw2fig.claims import Absent
from raw2fig.papers.agentic_rl.clip_study import HABIT, RARE, ClipStudy, Regime, clip_study, draw, expected, uptake
from raw2fig.papers.agentic_rl.runs import at_end, clip_measurements, gained, read_uptake
from raw2fig.settings import read

STUDY: dict[str, Any] = {
    "states": 16,
    "actions": 12,
    "habit_pays": 0.3,
    "generations": 16,
    "batches": 6,
    "eps_low": 0.2,
    "eps_high": [0.2, 5.0],
    "regimes": {"strong habit": {"habit": 4, "lr": 0.08, "updates": 8}},
}


def study(**changes: Any) -> ClipStudy:
    return read(ClipStudy, {**STUDY, **changes})


def regime(**changes: Any) -> Regime:
    return read(Regime, {"habit": 4, "lr": 0.08, "updates": 8, **changes})


def test_rewards_begin_with_those_of_the_first_policies() -> None:
    start = uptake(study(), regime(), 0.2, [3]).rewards[0, 0]
    weights = np.exp([4, *[0] * 11])
    assert start == pytest.approx((0.3 * weights[HABIT] + weights[RARE]) / weights.sum())


def test_replicates_side_by_side_are_what_each_is_alone() -> None:
    together = uptake(study(), regime(), 0.2, [3, 4, 9])
    for place, replicate in enumerate([3, 4, 9]):
        alone = uptake(study(), regime(), 0.2, [replicate])
        assert together.rewards[place] == pytest.approx(alone.rewards[0], abs=1e-9)
        assert together.held_back[place] == pytest.approx(alone.held_back[0])
    assert len(set(together.rewards[:, -1])) == 3


def test_a_bound_that_is_never_reached_is_none() -> None:
    small = regime(lr=1e-3, updates=2)
    curves = [uptake(study(), small, high, [0, 1]) for high in (0.2, 1.5)]
    assert not curves[0].held_back.any()
    assert (curves[0].rewards == curves[1].rewards).all()
    tight = uptake(study(), regime(), 0.01, [0, 1])
    assert (tight.held_back > 0).all()
    assert (tight.rewards[:, 1:] != uptake(study(), regime(), 1.5, [0, 1]).rewards[:, 1:]).all()


def test_one_update_is_that_of_the_policy_gradient() -> None:
    """At a ratio of 1 no bound matters, and Adam's first step is the sign of the gradient times the rate."""
    import torch

    from raw2fig.rl.advantages import group_advantages

    one = study(batches=1, states=5)
    found = uptake(one, regime(updates=1, lr=0.5), 0.2, [7]).rewards[0, 1]
    logits = torch.zeros(5, 12, dtype=torch.float64)
    logits[:, HABIT] = 4
    pays = np.array([0.3, 1.0, *[0.0] * 10])
    actions, rewards = draw(logits.softmax(-1).numpy(), pays, 16, [np.random.default_rng([7, 11])])
    advantages = group_advantages(rewards)
    gradient = np.zeros((5, 12))
    policy = logits.softmax(-1).numpy()
    for state in range(5):
        for action, advantage in zip(actions[state], advantages[state], strict=True):
            gradient[state] += advantage * ((np.arange(12) == action) - policy[state])
    moved = np.where(abs(gradient) < 1e-9, 0.0, np.sign(gradient))
    assert abs(moved).sum() > 10
    assert found == pytest.approx(expected(logits + 0.5 * torch.from_numpy(moved), pays, 1)[0], abs=1e-4)


def test_actions_are_drawn_as_likely_as_they_are_and_pay_what_they_should() -> None:
    policies = np.array([[0.7, 0.1, 0.2]] * 50)
    actions, rewards = draw(policies, np.array([0.25, 1.0, 0.0]), 400, [np.random.default_rng(i) for i in range(5)])
    shares = np.bincount(actions.ravel(), minlength=3) / actions.size
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.02)
    assert rewards[actions == 0].mean() == pytest.approx(0.25, abs=0.02)
    assert rewards[actions == 1].all()
    assert not rewards[actions == 2].any()


def made(folder: Path, **changes: Any) -> pd.DataFrame:
    clip_study(table=folder / "t.csv", clip_study=study(**changes), replicates=[0, 2])
    return read_uptake(folder / "t.csv")


def test_the_table_has_every_batch_of_every_run(tmp_path: Path) -> None:
    rows = made(tmp_path)
    assert len(rows) == 2 * 2 * 7
    assert rows["batch"].tolist() == [*range(7)] * 4
    alone = uptake(study(), regime(), 5.0, [2])
    mine = rows[(rows["replicate"] == 2) & (rows["eps_high"] == 5.0)]
    assert mine["reward"].tolist() == pytest.approx(alone.rewards[0].tolist(), abs=1e-9)
    assert mine["held_back"].iloc[0] == pytest.approx(alone.held_back[0])


def test_claims_compare_the_last_batch_in_the_same_replicate() -> None:
    rows = pd.DataFrame(
        [
            {"replicate": replicate, "regime": "r", "eps_high": high, "batch": batch, "reward": value, "held_back": 0.0}
            for replicate, high, value in [(0, 0.2, 0.1), (0, 0.4, 0.4), (1, 0.2, 0.5), (1, 0.4, 0.7)]
            for batch, value in ((0, 0.9), (1, value))
        ]
    )
    assert at_end(rows, "r", 0.2) == {0: 0.1, 1: 0.5}
    found = gained(rows, "r", 0.2, 0.4)
    assert found.value == pytest.approx(0.25)
    assert found.replicates.n == 2
    with pytest.raises(Absent, match=r"no policy of the regime 'r' was trained with eps_high 0\.3"):
        at_end(rows, "r", 0.3)
    for measurements in (clip_measurements(rows), clip_measurements(None)):
        assert set(measurements) == {"M1", "M2", "M3"}
        for measure in measurements.values():
            with pytest.raises(Absent):
                raise measure if isinstance(measure, Absent) else measure()
