"""What the paper leaves open about its rewards reaches RL: from the configuration to the flags, to the shaping."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command_line import status_of
from hero_settings import record, section

from raw2fig.config import SHIPPED, check, load, merge
from raw2fig.errors import InputError
from raw2fig.papers.hero.shaping import Parameters, Shaper, Shaping

OPEN = section()["train"]["shaping"]


def trained(folder: Path, monkeypatch: pytest.MonkeyPatch, *flags: str) -> list[tuple[Shaper, str]]:
    """The shapings of two runs of `raw2fig hero train` and the names of what they score by, without any training."""
    seen: list[tuple[Shaper, str]] = []

    def grpo(*arguments: Any, shaping: Shaper, scored_by: str, **_: Any) -> list[dict[str, float]]:
        arguments[4].mkdir()
        seen.append((shaping, scored_by))
        return []

    monkeypatch.setattr("raw2fig.rl.trainer.grpo", grpo)
    monkeypatch.setattr("raw2fig.lm.reward_model.load_reward_model", lambda _: (None, None))
    for name in ("base", "judge"):
        (folder / name).mkdir(exist_ok=True)
    pd.DataFrame({"prompt": ["1+1="], "answer": ["2"]}).to_parquet(folder / "p.parquet")
    runs = ("hero-none-0", "naive-group-0")
    given = ("--base", folder / "base", "--reward-models", folder / "judge", "--reward-model-names", "0")
    given += ("--problems", folder / "p.parquet", "--runs", *runs)
    made = ("--models", *(folder / run for run in runs), "--logs", *(folder / f"{run}.json" for run in runs))
    made += () if "--alpha" in flags else ("--alpha", "0.1")
    assert status_of("hero", "train", *given, *made, "--replicate", 0, *flags) == (2 if "refused" in folder.name else 0)
    return seen


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("", Parameters()),
        ("--alpha 0.05", Parameters(alpha=0.05, beta=0.05)),
        ("--alpha 0.05 --beta-band 0.2", Parameters(alpha=0.05, beta=0.2)),
        ("--alpha 0.2 --beta-band 0", Parameters(alpha=0.2, beta=0.0)),
        ("--singleton-z 0.5 --sigma-ddof 1 --sigma band", Parameters(singleton_z=0.5, ddof=1, sigma="band")),
        ("--running mean --decay 0.7 --failed masked", Parameters(running="mean", decay=0.7, failed="masked")),
        ("--hyperparameters main --mixing 0.1", Parameters(w_min=0.5, w_max=2.0, k=5.0, mixing=0.1)),
    ],
)
def test_flags_of_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, expected: Parameters) -> None:
    seen = trained(tmp_path, monkeypatch, *flags.split())
    assert [shaping.parameters for shaping, _ in seen] == [expected, expected]
    assert all(str(expected) in name for _, name in seen)  # a killed run with other settings starts anew


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("--alpha 0.5", "alpha + beta: is 1; expected a sum below 1"),
        ("--alpha 0.7 --beta-band 0.3", "alpha + beta: is 1; expected a sum below 1"),
        ("--singleton-z 2", "--singleton-z: is 2"),
        ("--decay 1.5", "--decay: is 1.5"),
        ("--sigma-ddof 2", "Invalid value"),
        ("--sigma z", "Invalid value"),
        ("--running median", "Invalid value"),
        ("--failed zero", "Invalid value"),
    ],
)
def test_check_12_flags_of_training_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flags: str, told: str
) -> None:
    folder = tmp_path / "refused"
    folder.mkdir()
    assert not trained(folder, monkeypatch, *flags.split())
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("raw2fig hero train: ")
    assert told in last


def test_the_configuration_has_the_settings_that_the_paper_leaves_open_and_their_defaults() -> None:
    plain = Parameters()
    assert OPEN["beta_band"] is None
    assert record(Shaping).parameters(plain.alpha) == plain


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        ({"beta_band": 1.5}, "beta_band: is 1.5"),
        ({"beta_band": -0.1}, "beta_band: is -0.1"),
        ({"singleton_z": 1.5}, "singleton_z: is 1.5"),
        ({"sigma": "z"}, "sigma: is 'z'"),
        ({"sigma_ddof": 2}, "sigma_ddof: is 2"),
        ({"running": "median"}, "running: is 'median'"),
        ({"decay": 1.1}, "decay: is 1.1"),
        ({"failed": "zero"}, "failed: is 'zero'"),
        ({"sigmas": "raw"}, "sigmas: "),
    ],
)
def test_check_12_settings_refused_before_the_first_job(overlay: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=f"^hero.train.shaping.{expected}"):
        check(merge(load([SHIPPED]), {"hero": {"train": {"shaping": overlay}}}))
