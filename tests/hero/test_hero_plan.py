"""The design of the experiment at the scales of the laptop and of the paper: runs, policies, files and their names."""

from typing import Any

import pytest
from hero_settings import section

from raw2fig.papers.hero import plan
from raw2fig.papers.hero.train import parse_run

LAPTOP, PAPER = section(), section("paper")
ARMS = ("verifier_only", "rm_only", "naive", "hero")
JUDGE = "AceMath-7B-RM"


def in_evals(*names: str) -> list[str]:
    return [f"<results>/hero/evals/{name}.parquet" for name in names]


def test_reward_models_and_what_each_seed_has_of_its_own() -> None:
    assert plan.is_procedural(LAPTOP)
    assert not plan.is_procedural(PAPER)
    assert plan.reward_models(LAPTOP) == ["0", "0.1", "0.3"]
    assert plan.reward_models(PAPER) == [JUDGE]
    assert plan.owners(LAPTOP) == ["-s3", "-s4", "-s5"]
    assert plan.owners(PAPER) == [""]


def test_files_of_policies_and_problems() -> None:
    models = "<results>/hero/models"
    assert plan.start(LAPTOP) == f"{models}/start-s{{seed}}"
    assert plan.start(LAPTOP, 3) == f"{models}/start-s3"
    assert plan.start(PAPER, 3) == f"{models}/start"
    assert plan.start_logs(LAPTOP) == [f"{models}/start-s{seed}.json" for seed in (3, 4, 5)]
    assert plan.start_logs(PAPER) == []
    assert plan.reward_model(LAPTOP, "0.1", 4) == f"{models}/reward-s4/0.1"
    assert plan.reward_model(PAPER, JUDGE) == f"{models}/judge"
    assert plan.pool(LAPTOP) == plan.evaluation(LAPTOP) == "<results>/hero/data/problems.parquet"
    assert plan.pool(PAPER) == "<results>/hero/data/candidates.parquet"
    assert plan.evaluation(PAPER) == "<results>/hero/data/evaluation.parquet"


@pytest.mark.parametrize(("settings", "judge"), [(LAPTOP, "0"), (PAPER, JUDGE)])
def test_runs_of_every_set_and_of_the_hard_one(settings: dict[str, Any], judge: str) -> None:
    assert plan.runs(settings) == [f"{arm}-{scale}-{judge}" for arm in ARMS for scale in ("none", "group")]
    assert plan.ablations(settings) == [
        f"{name}-{judge}"
        for name in (
            "hero_no_weight-none",
            "hero_no_weight-group",
            "hero_neg_only-none",
            "hero_pos_only-none",
            "gated_fallback-none",
        )
    ]
    assert plan.noisy(settings) == (["hero-none-0.1", "hero-none-0.3"] if settings is LAPTOP else [])


@pytest.mark.parametrize(("settings", "number"), [(LAPTOP, 3 * (3 * 8 + 5) + 2), (PAPER, 3 * 8 + 5)])
def test_all_runs_of_rl(settings: dict[str, Any], number: int) -> None:
    found = plan.trained(settings)
    assert len(found) == len(set(found)) == len({one.log for one in found}) == number
    assert all(parse_run(one.run).name == one.run for one in found)
    # what is not of the comparison is trained on the hard set; noisy reward models are the first seed's
    rest = [one for one in found if one.run not in plan.runs(settings)]
    assert {one.regime for one in rest} == {"hard"}
    assert {one.seed for one in rest if one.run in plan.noisy(settings)} <= {settings["seeds"][0]}
    first = plan.Trained("easy", plan.runs(settings)[0], settings["seeds"][0])
    assert found[0] == first
    assert first.log == f"<results>/hero/models/rl/easy-s{first.seed}/{first.run}.json"


def test_every_policy_is_evaluated_once_with_its_name() -> None:
    starts = ["start-s3", "start-s4", "start-s5"]
    together = [f"{regime}-s{seed}" for regime in ("easy", "mixed", "hard") for seed in (3, 4, 5)]
    assert plan.evaluated(LAPTOP) == starts + together
    assert plan.evaluated(PAPER) == ["start", "easy-s0", "mixed-s0", "hard-s0"]
    assert [plan.seed_of(name) for name in ("start", "start-s4", "hard-s5")] == ["0", "4", "5"]
    for settings, before in ((LAPTOP, 3), (PAPER, 1)):
        found = [pair for name in plan.evaluated(settings) for pair in plan.policies(settings, name).items()]
        assert len(found) == len(dict(found)) == len(plan.trained(settings)) + before
        folders = {one.log.removesuffix(".json") for one in plan.trained(settings)}
        assert folders == {folder for name, folder in found if not name.startswith("start/")}
    assert plan.policies(LAPTOP, "start-s4") == {"start/-/4": "<results>/hero/models/start-s4"}
    assert plan.policies(PAPER, "start") == {"start/-/0": "<results>/hero/models/start"}
    assert len(plan.policies(LAPTOP, "easy-s3")) == 8
    assert len(plan.policies(LAPTOP, "hard-s3")) == 8 + 5 + 2
    assert len(plan.policies(LAPTOP, "hard-s4")) == 8 + 5
    assert plan.policies(LAPTOP, "hard-s3")["hard/hero-none-0.3/3"] == "<results>/hero/models/rl/hard-s3/hero-none-0.3"


def test_files_of_the_evaluation() -> None:
    assert plan.scores(LAPTOP) == in_evals(*(f"scores-{name}" for name in plan.evaluated(LAPTOP)))
    assert plan.rollouts(LAPTOP) == in_evals("rollouts-s3-0", "rollouts-s4-0", "rollouts-s5-0")
    assert plan.rollouts(PAPER) == in_evals(f"rollouts-{JUDGE}")


def test_the_benchmark_is_there_where_it_has_a_source() -> None:
    tables = "<results>/hero/tables"
    assert not plan.has_benchmark(LAPTOP)
    assert plan.ladders(LAPTOP) == [f"{tables}/verifiers.miniature.csv"]
    assert plan.has_benchmark(PAPER)
    assert plan.ladders(PAPER) == [f"{tables}/verifiers.miniature.csv", f"{tables}/verifiers.csv"]
    given = {**LAPTOP, "hardverify": {**LAPTOP["hardverify"], "source": "path", "path": "my file.json"}}
    assert plan.file_of(given, "hardverify") == "my file.json"
    assert plan.file_of(PAPER, "hardverify") == "<results>/hero/sources/hardverify.json"
    assert plan.file_of(PAPER, "benchmarks") == "<results>/hero/sources/benchmarks.parquet"


def test_what_the_table_of_the_run_tells_of_the_outside() -> None:
    assert plan.fetched(LAPTOP) == []
    assert plan.fetched(PAPER) == [
        "<results>/hero/sources/hardverify.record.json",
        "<results>/hero/sources/benchmarks.record.json",
        "<results>/hero/sources/pool.record.json",
        "<results>/hero/models/policy",
        "<results>/hero/models/judge",
    ]
