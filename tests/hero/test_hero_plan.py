"""The design of the experiment at the scales of the laptop and of the paper: runs, policies, files and their names."""

from typing import Any

import pytest
from hero_settings import section

from raw2fig.papers.hero import plan
from raw2fig.papers.hero.train import parse_run

LAPTOP, NOISY, PAPER = section(), section("gpu"), section("paper")
ARMS = ("verifier_only", "rm_only", "naive", "hero")
JUDGE = "AceMath-7B-RM"
REPLICATES = tuple(range(4))


def test_reward_models() -> None:
    assert plan.is_procedural(LAPTOP)
    assert not plan.is_procedural(PAPER)
    assert plan.reward_models(LAPTOP) == ["0"]
    assert plan.reward_models(NOISY) == ["0", "0.1", "0.3"]
    assert plan.reward_models(PAPER) == [JUDGE]


def test_a_replicate_has_all_that_is_made_here_and_what_is_real_is_there_once() -> None:
    root = "<results>/hero"
    assert plan.start(LAPTOP) == f"{root}/r{{replicate}}/models/start"
    assert plan.start(LAPTOP, 2) == f"{root}/r2/models/start"
    assert plan.start(PAPER) == plan.start(PAPER, 2) == f"{root}/models/start"
    assert plan.start_logs(LAPTOP) == [f"{root}/r{replicate}/models/start.json" for replicate in REPLICATES]
    assert plan.start_logs(PAPER) == []
    assert plan.reward_model(NOISY, "0.1", 1) == f"{root}/r1/models/reward/0.1"
    assert plan.reward_model(PAPER, JUDGE, 1) == f"{root}/models/judge"
    assert plan.pool(LAPTOP, 1) == plan.evaluation(LAPTOP, 1) == f"{root}/r1/data/problems.parquet"
    assert plan.pool(PAPER, 1) == f"{root}/data/candidates.parquet"
    assert plan.evaluation(PAPER, 1) == f"{root}/data/evaluation.parquet"


@pytest.mark.parametrize(("settings", "judge"), [(LAPTOP, "0"), (NOISY, "0"), (PAPER, JUDGE)])
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
    easy = ("hero_no_weight-none", "hero_neg_only-none", "hero_pos_only-none")
    assert plan.ablations(settings, "easy") == [f"{name}-{judge}" for name in easy]
    assert plan.noisy(settings) == (["hero-none-0.1", "hero-none-0.3"] if settings is NOISY else [])


@pytest.mark.parametrize(("settings", "number"), [(LAPTOP, 3 * 8 + 8), (NOISY, 3 * 8 + 8 + 2), (PAPER, 3 * 8 + 8)])
def test_every_replicate_has_all_runs_of_rl(settings: dict[str, Any], number: int) -> None:
    found = plan.trained(settings)
    assert len({one.log for one in found}) == len(found) == number * len(settings["replicates"])
    assert all(parse_run(one.run).name == one.run for one in found)
    arms = [
        {(one.regime, one.run) for one in found if one.replicate == replicate} for replicate in settings["replicates"]
    ]
    assert all(of_one == arms[0] for of_one in arms)
    # what is not of the comparison is trained on the hard set or the easy one
    assert {regime for regime, run in arms[0] if run not in plan.runs(settings)} == {"easy", "hard"}
    first = found[0]
    assert first.model == f"<results>/hero/r{first.replicate}/models/rl/easy/{plan.runs(settings)[0]}"
    assert first.log == f"{first.model}.json"


@pytest.mark.parametrize("settings", [LAPTOP, NOISY, PAPER])
def test_every_policy_is_evaluated_once_with_its_name(settings: dict[str, Any]) -> None:
    for replicate in settings["replicates"]:
        parts = [plan.policies(settings, together, replicate) for together in plan.EVALUATED]
        assert parts[0] == {"start/-": plan.start(settings, replicate)}
        models = {f"{one.regime}/{one.run}": one.model for one in plan.trained(settings) if one.replicate == replicate}
        assert {name: folder for part in parts[1:] for name, folder in part.items()} == models
        assert sum(map(len, parts[1:])) == len(models)
        # wildcards are text
        assert plan.policies(settings, "hard", str(replicate)) == parts[-1]


def test_other_widths_are_trained_and_evaluated_by_themselves() -> None:
    settings = {**LAPTOP, "alphas": {"easy": [0.1, 0.2], "mixed": [0.05]}}
    assert plan.widths(settings) == ["easy-alpha-0.1", "easy-alpha-0.2", "mixed-alpha-0.05"]
    model = "<results>/hero/r1/models/rl/mixed-alpha-0.05/hero-none-0"
    assert plan.policies(settings, "mixed-alpha-0.05", "1") == {"mixed-alpha-0.05/hero-none-0": model}
    assert f"{model}.json" in plan.width_logs(settings)
    assert "<results>/hero/r1/evals/scores-mixed-alpha-0.05.parquet" in plan.width_scores(settings)
    # the comparison does not see them
    assert (plan.trained(settings), plan.scores(settings)) == (plan.trained(LAPTOP), plan.scores(LAPTOP))
    assert plan.widths(LAPTOP) == plan.width_scores(LAPTOP) == []


def test_files_of_the_evaluation() -> None:
    evals = [f"<results>/hero/r{replicate}/evals" for replicate in REPLICATES]
    names = ("start", "easy", "mixed", "hard")
    assert plan.scores(LAPTOP) == [f"{folder}/scores-{name}.parquet" for folder in evals for name in names]
    assert plan.rollouts(LAPTOP) == [f"{folder}/rollouts-0.parquet" for folder in evals]
    assert plan.rollouts(PAPER) == [f"{folder}/rollouts-{JUDGE}.parquet" for folder in evals[:3]]


def test_the_benchmark_is_there_where_it_has_a_source() -> None:
    assert not plan.has_benchmark(LAPTOP)
    assert plan.has_benchmark(PAPER)
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
