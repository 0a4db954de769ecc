"""Positive example reinforcement: which completions come back, when, and as what."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recipes import recipe
from toy_language import PROMPTS

from raw2fig.rl.replay import Replay
from raw2fig.rl.trainer import grpo


def batch(update: int, rows: int = 4, width: int = 3) -> dict[str, Any]:
    """A batch whose ids tell update and row."""
    import torch

    ids = torch.tensor([[100 * update + row] * width for row in range(rows)])
    return {
        "prompt_ids": ids[:, :2],
        "completion_ids": ids,
        "mask": torch.ones_like(ids),
        "advantages": torch.arange(rows) / 10 + update,
        "fresh": torch.ones_like(ids, dtype=torch.bool),
    }


RIGHT = np.array([True, False, False, True])


def came_back(replay: Replay, update: int, width: int = 3) -> set[int]:
    """Ids of the rows that joined the batch of an update."""
    found = replay.extended(update, batch(update, width=width), RIGHT, 0)
    assert {len(tensor) for tensor in found.values()} == {len(found["advantages"])}
    return {int(row[0]) for row in found["completion_ids"][4:]}


def test_check_12_only_right_completions_of_the_last_updates_come_back_and_none_before_the_start() -> None:
    replay = Replay(start=3, window=2, number=100, seed=0)
    found = [came_back(replay, update) for update in range(6)]
    assert found[:3] == [set()] * 3
    for update in range(3, 6):
        assert found[update] == {100 * when + row for when in (update - 2, update - 1) for row in (0, 3)}


def test_rows_that_come_back_are_as_they_were_but_not_fresh() -> None:
    import torch

    replay = Replay(start=1, window=1, number=1, seed=0)
    replay.extended(0, batch(0, width=5), RIGHT, 9)
    found = replay.extended(1, batch(1, width=3), RIGHT, 9)
    assert found["advantages"][4] in (0.0, 0.3)
    assert found["completion_ids"].shape == (5, 5)
    assert found["completion_ids"][0].tolist() == [100, 100, 100, 9, 9]
    assert found["mask"][0].tolist() == [1, 1, 1, 0, 0]
    assert not found["fresh"][4].any()
    assert torch.equal(found["fresh"][:4].sum(1), torch.full((4,), 3))


def test_a_replay_goes_on_from_its_state() -> None:
    whole, first = (Replay(start=0, window=3, number=2, seed=5) for _ in range(2))
    for update in range(2):
        came_back(whole, update)
        came_back(first, update)
    rest = Replay(start=0, window=3, number=2, seed=5)
    rest.restore(first.state())
    assert came_back(rest, 2) == came_back(whole, 2)


@pytest.mark.training
def test_replayed_completions_change_a_training_from_their_start_on(base: Path, tmp_path: Path) -> None:
    settings = recipe(steps=3, prompts=2, generations=4, lr=1e-2, max_new_tokens=8, accumulate=2)

    def rewards(completions: list[str], prompts: list[int], step: int) -> list[float]:
        return [float(place % 2) for place in range(len(completions))]

    logs = [
        grpo(base, PROMPTS, rewards, settings, tmp_path / name, 0, replay=replay)
        for name, replay in (("without", None), ("with", Replay(start=2, window=2, number=4, seed=0)))
    ]
    norms = [[record["grad_norm"] for record in log] for log in logs]
    assert norms[0][:2] == norms[1][:2]
    assert norms[0][2] != norms[1][2]
