"""Training on shaped rewards: whole groups go to the shaping, its state is saved, and what it tells is logged."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recipes import changed, recipe
from toy_language import GENES, PROMPTS, Killed, weights

from raw2fig.papers.hero.shaping import Parameters, Running, Shaper, advantages, shape_batch
from raw2fig.rl.recipe import Recipe
from raw2fig.rl.trainer import grpo

pytestmark = pytest.mark.training
RECIPE = recipe(steps=5, prompts=2, generations=4, lr=1e-2, scale="none", max_new_tokens=8, checkpoint_every=2)
PARAMETERS = Parameters()


def signals_of(completions: list[str]) -> np.ndarray:
    """A label, a score and a third signal of each completion."""
    genes = [[word for word in text.split() if word in GENES] for text in completions]
    first = [float(row[0][1:]) if row else -1.0 for row in genes]
    return np.column_stack([[float(value > 5) for value in first], first, [len(row) for row in genes]])


class Seen(Shaper):
    """A `Shaper` that remembers what it was given and what came of it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.signals: list[np.ndarray] = []
        self.given: list[np.ndarray] = []
        self.advantages: list[np.ndarray] = []

    def rewards(self, signals: np.ndarray) -> np.ndarray:
        self.signals.append(signals)
        self.given.append(super().rewards(signals))
        return self.given[-1]

    def told(self, advantages: np.ndarray) -> dict[str, float]:
        self.advantages.append(advantages)
        return super().told(advantages)


def shaper(arm: Any = "hero", **options: Any) -> Seen:
    return Seen(arm, replace(PARAMETERS, **options), others=("genes",))


def run(base: Path, output: Path, shaping: Shaper | None, settings: Recipe = RECIPE, kill: int = -1) -> Any:
    def rewards(completions: list[str], _: list[int], step: int) -> np.ndarray | list[float]:
        if step == kill:
            raise Killed
        found = signals_of(completions)
        return found if shaping else found[:, 0].tolist()

    return grpo(base, PROMPTS, rewards, settings, output, 0, GENES, shaping=shaping)


def test_training_uses_shape_batch_on_whole_groups(base: Path, tmp_path: Path) -> None:
    shaping = shaper()
    run(base, tmp_path / "model", shaping)
    assert len(shaping.signals) == RECIPE.steps
    running: Running | None = None
    for signals, given, found in zip(shaping.signals, shaping.given, shaping.advantages, strict=True):
        assert signals.shape == (3, 2, 4)
        shaped, running = shape_batch("hero", signals[0], signals[1], PARAMETERS, running)
        np.testing.assert_array_equal(given, shaped.rewards)
        np.testing.assert_allclose(found, advantages(shaped.rewards, "none"), atol=1e-12)
    assert shaping.running == running


@pytest.mark.parametrize("rule", ["ema", "mean"])
def test_check_07_a_killed_run_goes_on_with_its_running_mean_and_the_same_rewards(
    base: Path, tmp_path: Path, rule: str
) -> None:
    whole, killed, resumed = (shaper(running=rule) for _ in range(3))
    log = run(base, tmp_path / "whole", whole)
    with pytest.raises(Killed):
        run(base, tmp_path / "model", killed, kill=3)
    assert resumed.running is None
    again = run(base, tmp_path / "model", resumed)
    assert again == log
    assert weights(tmp_path / "model") == weights(tmp_path / "whole")
    assert len(resumed.given) == 3  # from the checkpoint after two updates
    for ours, theirs in zip(resumed.given, whole.given[2:], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # the state matters: a run that forgets it gets other rewards
    _, forgotten = shape_batch("hero", whole.signals[2][0], whole.signals[2][1], PARAMETERS, None)
    assert resumed.running == whole.running
    assert forgotten != pytest.approx(whole.running)


def test_check_12_masked_groups_teach_nothing(base: Path, tmp_path: Path) -> None:
    """Every group has a missing score: masked, the policy stays as it is; as verifier-only it learns from labels."""
    settings = changed(RECIPE, steps=3)

    class Failing(Seen):
        def rewards(self, signals: np.ndarray) -> np.ndarray:
            signals = signals.copy()
            signals[1, :, 0] = np.nan
            return super().rewards(signals)

    for failed in ("masked", "verifier_only"):
        shaping = Failing("hero", replace(PARAMETERS, failed=failed), others=("genes",))
        log = run(base, tmp_path / failed, shaping, settings)
        assert [record["shaping/unscored_groups"] for record in log] == [1] * 3
        assert any(record["shaping/nonzero_groups"] for record in log) == (failed == "verifier_only")
        assert shaping.running is None
    run(base, tmp_path / "labels", shaper("verifier_only"), settings)
    assert weights(tmp_path / "masked") == weights(base)
    assert weights(tmp_path / "verifier_only") == weights(tmp_path / "labels") != weights(base)


def test_check_17_telemetry_is_logged_for_every_update(base: Path, tmp_path: Path) -> None:
    shaping = shaper()
    log = run(base, tmp_path / "model", shaping)
    for record, signals, found in zip(log, shaping.signals, shaping.advantages, strict=True):
        labels = signals[0]
        uniform = labels.min(1) == labels.max(1)
        sizes = np.abs(found).mean(1)
        assert record["shaping/uniform_groups"] == uniform.mean()
        assert record["shaping/nonzero_groups"] == (sizes > 0).mean()
        for name, chosen in (("uniform", uniform), ("mixed", ~uniform)):
            key = f"shaping/abs_advantage_{name}"
            assert (key in record) == chosen.any()
            if chosen.any():
                assert record[key] == pytest.approx(sizes[chosen].mean())
        assert record["shaping/rm"] == pytest.approx(signals[1].mean())
        assert record["shaping/genes"] == pytest.approx(signals[2].mean())
        assert record["solved"] == record["shaping/rule"] == labels.mean()
        assert PARAMETERS.w_min < record["shaping/weight_min"] <= record["shaping/weight_max"] < PARAMETERS.w_max
    assert {"shaping/sigma_u", "shaping/sigma_bar", "shaping/weight"} <= log[0].keys()


def test_verifier_only_is_the_run_without_shaping(base: Path, tmp_path: Path) -> None:
    settings = changed(RECIPE, scale="group")
    run(base, tmp_path / "shaped", shaper("verifier_only"), settings)
    run(base, tmp_path / "plain", None, settings)
    run(base, tmp_path / "hero", shaper(), settings)
    assert weights(tmp_path / "shaped") == weights(tmp_path / "plain") != weights(tmp_path / "hero")


def test_equal_rewards_have_no_advantage_whatever_their_mean(base: Path) -> None:
    from raw2fig.rl.advantages import centred, group_advantages

    rewards = np.full((3, 7), 0.1) * [[1.0], [0.7], [1.3]]
    assert (rewards - rewards.mean(1, keepdims=True)).any()  # of rounding
    assert not centred(rewards).any()
    assert not group_advantages(rewards).any()
