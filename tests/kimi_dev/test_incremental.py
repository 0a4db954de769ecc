"""What of the miniature runs again after an interruption, and after a change (check 20 of the reference sheet)."""

import signal
from pathlib import Path

import pytest
from clone import RESULTS, SMOKE, clone, digests, jobs, names, plan, snakemake
from interrupted import stop

RUN = Path(RESULTS, "kimi_dev/r0")
TABLES = [f"{RESULTS}/kimi_dev/tables/{name}.csv" for name in ("models", "verifier")]
"""What is asked for: all models play for the first."""
TASKS, MIDTRAIN, COLD, REINFORCE, PLAY = (
    f"kimi_dev_{rule} replicate=0" for rule in ("tasks", "midtrain", "cold_start", "reinforce", "play")
)
BEHIND_PLAY = {PLAY, "kimi_dev_table_models"}
BEHIND_RL = {REINFORCE, *BEHIND_PLAY}


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose run was interrupted in the cold start, when mid-training had ended."""
    folder = clone(tmp_path_factory.mktemp("kimi_dev") / "clone")
    words = ("snakemake", *TABLES, "--cores", "1", "--configfile", SMOKE)
    before = [RUN / "models/midtrained", RUN / "evals/midtraining.json"]
    assert stop(folder, signal.SIGINT, RUN / "models/sft", before, *words) == 1
    return folder


@pytest.fixture(scope="module")
def finished(interrupted: Path) -> Path:
    """The same after another run, which goes on with the cold start and repeats nothing before it."""
    midtrained = digests(interrupted / RUN / "models/midtrained")
    assert midtrained
    waiting = names(plan(interrupted, *TABLES))
    assert {COLD, *BEHIND_RL} <= waiting
    assert MIDTRAIN not in waiting
    assert names(jobs(snakemake(interrupted, *TABLES, "--cores", "1"))) == waiting
    assert digests(interrupted / RUN / "models/midtrained") == midtrained
    return interrupted


def test_check_20_a_run_that_was_interrupted_after_mid_training_goes_on_behind_it(finished: Path) -> None:
    assert all((finished / path).exists() for path in TABLES)
    assert plan(finished, *TABLES) == []


@pytest.mark.parametrize(
    ("section", "stale"),
    [
        ({"reinforcement": {"window": 3}}, BEHIND_RL),
        ({"reinforcement": {"recipe": {"lr": 0.001}}}, BEHIND_RL),
        ({"play": {"samples": 3}}, BEHIND_PLAY),
        ({"cold": {"updates": 4}}, {COLD, *BEHIND_RL}),
        ({"trainings": {"midtraining": {"updates": 5}}}, {MIDTRAIN, COLD, *BEHIND_RL}),
        ({"sizes": {"test": 5}}, {TASKS, *BEHIND_RL, "kimi_dev_table_verifier"}),
    ],
)
def test_check_20_a_setting_reruns_its_stage_and_those_behind_it(
    finished: Path, section: dict[str, object], stale: set[str]
) -> None:
    assert names(plan(finished, *TABLES, overlay={"kimi_dev": {"miniature": section}})) == stale
