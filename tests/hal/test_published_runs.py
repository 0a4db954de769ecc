"""The published runs: that the packaged table is the authors', and what follows from it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hal_rollouts import made, rolled, scored

from raw2fig.claims import read_claims
from raw2fig.errors import InputError
from raw2fig.papers.hal.claims import costliest_on, counts, measurements
from raw2fig.papers.hal.figures_runs import table_leaderboard
from raw2fig.papers.hal.frontier import hull, hull_paper
from raw2fig.papers.hal.runs import (
    BENCHMARKS,
    effort,
    effort_pairs,
    model_means,
    on_frontier,
    read_runs,
    scaffold_pairs,
)
from raw2fig.step import run_step

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "config/hal/runs.csv"
PUBLISHED = ROOT / "config/published/hal.yaml"


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return read_runs(RUNS)


def test_check_1_the_table_has_the_authors_runs(runs: pd.DataFrame) -> None:
    sizes = {
        "assistantbench": 12,
        "corebench_hard": 24,
        "gaia": 12,
        "online_mind2web": 22,
        "scicode": 12,
        "scienceagentbench": 12,
        "swebench_verified_mini": 24,
        "taubench_airline": 12,
        "usaco": 12,
    }
    assert runs.groupby("benchmark").size().to_dict() == sizes
    assert set(sizes) == set(BENCHMARKS)
    assert runs["cost_usd"].sum() == pytest.approx(30350.8, abs=0.5)


def test_accuracies_are_whole_numbers_of_tasks(runs: pd.DataFrame) -> None:
    """The other benchmarks have graded scores, or not all of their tasks counted."""
    for name in ("corebench_hard", "scienceagentbench", "scicode", "swebench_verified_mini", "taubench_airline"):
        solved = runs.loc[runs["benchmark"] == name, "accuracy"] * BENCHMARKS[name][1]
        assert np.allclose(solved, solved.round(), atol=0.01), name


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("o4-mini Low", ("o4-mini", "low")),
        ("o4-mini High", ("o4-mini", "high")),
        ("Claude Opus 4.1", ("Claude Opus 4.1", "low")),
        ("Claude Opus 4.1 High", ("Claude Opus 4.1", "high")),
        ("GPT-5 Medium", ("GPT-5 Medium", "low")),
    ],
)
def test_the_effort_of_a_model_is_the_end_of_its_name(model: str, expected: tuple[str, str]) -> None:
    assert effort(model) == expected


def test_check_2_higher_effort_is_equal_or_lower_in_21_of_36_pairs(runs: pd.DataFrame) -> None:
    pairs = effort_pairs(runs)
    change = (pairs["accuracy_high"] - pairs["accuracy_low"]).round(6)
    assert (len(pairs), (change < 0).sum(), (change == 0).sum(), (change > 0).sum()) == (36, 17, 4, 15)
    largest = pairs.loc[change.idxmin()]
    assert (largest["benchmark"], largest["family"]) == ("taubench_airline", "Claude Opus 4.1")
    assert (largest["accuracy_low"], largest["accuracy_high"]) == (0.54, 0.32)


def test_check_3_models_on_the_frontiers(runs: pd.DataFrame) -> None:
    means = model_means(runs)
    dollars, tokens = (counts(means, cost, hull_paper) for cost in ("cost_usd", "tokens"))
    found = [dollars.get(name, 0) for name in ("Gemini 2.0 Flash", "GPT-5 Medium", "o4-mini Low", "DeepSeek R1")]
    assert found == [7, 4, 4, 0]
    assert (dollars["Claude Opus 4.1"], tokens["Claude Opus 4.1"]) == (1, 3)


def test_check_4_the_costliest_run_is_on_the_frontier_by_a_tie_alone(runs: pd.DataFrame) -> None:
    found = runs[on_frontier(runs, "cost_usd", hull_paper) & ~on_frontier(runs, "cost_usd", hull)]
    assert found[["scaffold", "model"]].to_numpy().tolist() == [["SWE-Agent", "Claude Opus 4.1"]]
    assert (costliest_on(runs, hull_paper), costliest_on(runs, hull)) == (1, 0)


def test_check_6_mean_costs_of_a_run(runs: pd.DataFrame) -> None:
    means = runs.groupby("benchmark")["cost_usd"].mean().round().astype(int).to_dict()
    assert means == {
        "online_mind2web": 452,
        "assistantbench": 120,
        "gaia": 368,
        "corebench_hard": 109,
        "scienceagentbench": 13,
        "scicode": 203,
        "swebench_verified_mini": 326,
        "usaco": 79,
        "taubench_airline": 49,
    }


def test_check_7_specialists_against_the_generalist(runs: pd.DataFrame) -> None:
    core, swe = (scaffold_pairs(runs, name) for name in ("corebench_hard", "swebench_verified_mini"))
    ahead = [int((pairs["accuracy_specialist"] > pairs["accuracy_generalist"]).sum()) for pairs in (core, swe)]
    cheaper = [int((pairs["cost_usd_generalist"] < pairs["cost_usd_specialist"]).sum()) for pairs in (core, swe)]
    assert (len(core), len(swe), ahead, cheaper) == (12, 12, [9, 11], [12, 8])


def test_every_run_of_the_leaderboard_has_an_interval() -> None:
    rows = table_leaderboard(runs=RUNS).rows
    assert len(rows) == 142
    assert ((rows["low"] <= rows["accuracy"]) & (rows["accuracy"] <= rows["high"])).all()
    assert rows["on_hull"].sum() < rows["on_hull_of_paper"].sum()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"accuracy": 12.0}, "accuracy is 12.0 in row 3 below the header; expected from 0 to 1"),
        ({"cost_usd": -1.0}, "cost_usd is -1.0 in row 3 below the header; expected 0 or more"),
        ({"scaffold": "Browser-Use", "model": "Claude Opus 4.1"}, "is there again in row 3"),
    ],
)
def test_a_wrong_run_is_named(runs: pd.DataFrame, tmp_path: Path, change: dict, message: str) -> None:
    frame = runs.drop(columns="tokens").head(4).astype({"cost_usd": float})
    for column, value in change.items():
        frame.loc[2, column] = value
    frame.to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(InputError, match=message):
        read_runs(tmp_path / "runs.csv")


def test_claims_of_the_published_runs(tmp_path: Path) -> None:
    output = tmp_path / "claims.json"
    tasks, gold = made(tmp_path, "arithmetic")
    scored(tmp_path, rolled(tmp_path, "arithmetic", tasks), gold)
    own = {"scores": [tmp_path / "scores.csv"], "flags": [tmp_path / "flags.csv"]}
    run_step(measurements, {"published": PUBLISHED, "runs": RUNS, "scale": "laptop", "claims": output, **own})
    claims = {claim["id"]: claim for claim in read_claims(output)["claims"]}
    verdicts = {name: claim["verdict"] for name, claim in claims.items()}
    assert {name for name, verdict in verdicts.items() if verdict == "not reproduced"} == {"C2", "C8"}
    assert claims["C2"]["measured"].startswith("8.62 ")  # billions of tokens
    assert {name for name, verdict in verdicts.items() if verdict == "not configured"} == {
        *(f"C{number}" for number in range(14, 19))
    }
    # what was not run is out of scale, and one replicate decides nothing
    assert {name: verdicts[name] for name in ("A1", "A3", "A4", "A5", "A6", "A7")} == {
        "A1": "inconclusive",
        "A3": "out of scale",
        "A4": "out of scale",
        "A5": "out of scale",
        "A6": "out of scale",
        "A7": "out of scale",
    }
