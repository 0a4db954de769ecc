"""From scores and logs to verdicts: estimates by hand, and claims that follow what the tables say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from raw2fig.errors import InputError
from raw2fig.papers.hero.claims import claims
from raw2fig.papers.hero.inertness import inertness
from raw2fig.papers.hero.results import change, mean, ranking, read_logs, read_scores, select
from raw2fig.papers.hero.train import Run, parse_run
from raw2fig.papers.hero.verifier_study import verifier_study_rollouts

ROOT = Path(__file__).parents[2]
PROMPTS, SEEDS, GENERATIONS = 160, 3, 8
ARMS = ["verifier_only", "rm_only", "naive", "hero"]
RUNS = [
    *(
        (regime, f"{arm}-{scale}-0")
        for regime in ("easy", "mixed", "hard")
        for arm in ARMS
        for scale in ("none", "group")
    ),
    *(("hard", f"{arm}-none-0") for arm in ("hero_no_weight", "hero_neg_only", "hero_pos_only")),
]


def world(folder: Path, gains: dict[str, float], starved: bool = True) -> dict[str, Any]:
    """Tables as the steps write them, in which a run's truth is 0.5 plus its gain."""
    rng = np.random.default_rng(0)
    frames = []
    difficulty = rng.uniform(-0.2, 0.2, PROMPTS)
    for regime, run, seed in [("start", "-", 0), *((*names, seed) for names in RUNS for seed in range(SEEDS))]:
        for form, end in (("plain", "="), ("signed", "?")):
            truth = 0.5 + difficulty + gains.get(run.removesuffix("-0"), 0.0) + rng.normal(0, 0.02, PROMPTS)
            frames.append(
                pd.DataFrame(
                    {
                        "prompt": [f"{i} + 1 {end}" for i in range(PROMPTS)],
                        **{"form": form, "regime": regime, "run": run, "seed": seed},
                        **{"truth": truth, "rule": truth * (form == "plain"), "rule_uniform": form == "signed"},
                        "rm": truth + (2.0 if run.startswith("rm_only") else 0.0),
                    }
                )
            )
    for name, part in (("start", frames[:2]), ("scores", frames[2:])):
        pd.concat(part).to_parquet(folder / f"{name}.parquet")
    logs = []
    for regime, run in RUNS:
        for seed in range(SEEDS):
            path = folder / f"{regime}-s{seed}" / f"{run}.json"
            path.parent.mkdir(exist_ok=True)
            nonzero = 0.1 if run.startswith("verifier_only") and starved else 0.99
            updates = [
                {"step": n, "shaping/nonzero_groups": nonzero, "shaping/uniform_groups": 0.95 if starved else 0.5}
                for n in range(1, 11)
            ]
            told = parse_run(run)._asdict()
            path.write_text(json.dumps({"run": run, **told, "seed": seed, "updates": updates}))
            logs.append(path)
    truth = rng.integers(0, 2, (PROMPTS, GENERATIONS))
    truth[:, :2] = [0, 1]
    frame = pd.DataFrame(
        {
            "prompt": np.repeat([f"{i} + 1 {'=?'[i % 2]}" for i in range(PROMPTS)], GENERATIONS),
            "form": np.repeat(["plain", "signed"] * (PROMPTS // 2), GENERATIONS),
            "answer": "2 1",
            "truth": truth.ravel().astype(float),
            "rm": truth.ravel() + rng.normal(0, 1, truth.size),
        }
    )
    signs = np.where(frame["form"] == "signed", "+ ", "")
    frame["completion"] = signs + np.where(frame["truth"] == 1, "2 1", [f"3 {i % 9}" for i in range(len(frame))])
    frame["rule"] = frame["truth"] * (frame["form"] == "plain")
    frame.to_parquet(folder / "rollouts.parquet")
    inertness(rollouts=folder / "rollouts.parquet", changes=folder / "changes.parquet")
    table = {"scores": folder / "ladder.parquet", "table": folder / "ladder.csv"}
    verifier_study_rollouts(rollouts=folder / "rollouts.parquet", answers=2000, **table)
    return {
        "published": ROOT / "config/published/hero.yaml",
        "scores": [folder / "start.parquet", folder / "scores.parquet"],
        "logs": logs,
        "rollouts": folder / "rollouts.parquet",
        "inertness": folder / "changes.parquet",
        "miniature": folder / "ladder.csv",
        "claims": folder / "claims.json",
    }


def verdicts(given: dict[str, Any]) -> dict[str, dict[str, Any]]:
    claims(**given)
    return {claim["id"]: claim for claim in json.loads(given["claims"].read_text())["claims"]}


GAINS = {"hero-none": 0.1, "hero-group": 0.1, "rm_only-group": -0.2, "rm_only-none": -0.2, "naive-none": -0.1}


def test_what_the_paper_says_is_reproduced_where_the_tables_say_it(tmp_path: Path) -> None:
    gains = {**GAINS, "hero_no_weight-none": 0.05, "hero_neg_only-none": 0.08}
    found = verdicts(world(tmp_path, gains))
    expected = ("H1c", "H2", "H3", "H4", "H4g", "H5", "H6", "H7", "H8", "H9", "H10", "H11", "H13")
    assert {name: found[name]["verdict"] for name in expected} == dict.fromkeys(expected, "reproduced")
    assert found["H4"]["estimate"]["value"] == pytest.approx(0.1, abs=0.01)
    assert found["H4"]["estimate"]["n"] == PROMPTS * 2 * 3
    assert found["H4"]["estimate"]["seeds"] == SEEDS
    assert found["H5"]["estimate"]["value"] == pytest.approx(0.3, abs=0.01)
    for name in ("H1", "H1b", "H12", "H14", "H15", "H16", "H17"):
        assert found[name]["verdict"] == "out of scale"


def test_and_not_where_they_say_the_contrary(tmp_path: Path) -> None:
    gains = {"hero-none": -0.1, "hero-group": -0.1, "verifier_only-group": 0.1, "hero_pos_only-none": 0.1}
    found = verdicts(world(tmp_path, {**gains, "hero_no_weight-none": 0.1}, starved=False))
    for name in ("H2", "H3", "H4", "H4g", "H5", "H6", "H7", "H8", "H10", "H11"):
        assert found[name]["verdict"] == "not reproduced", name


def test_the_benchmark_decides_its_claims_where_it_is_there(tmp_path: Path) -> None:
    given = world(tmp_path, GAINS)
    rates = {"equivalent": 250, "wrong": 250, "accepted_equivalent": 27, "accepted_wrong": 0}
    rows = []
    for verifier, recall in (("normalised", 0.108), ("math_verify", 0.612)):
        row = {"verifier": verifier, **rates}
        for name, value in (("recall", recall), ("precision", 0.98), ("false_positive_rate", 0.01)):
            row |= {name: value, f"{name}_low": value - 0.009, f"{name}_high": value + 0.009}
        rows.append(row)
    pd.DataFrame(rows).to_csv(tmp_path / "benchmark.csv", index=False)
    found = verdicts({**given, "benchmark": tmp_path / "benchmark.csv"})
    assert found["H1"]["verdict"] == found["H1b"]["verdict"] == "reproduced"
    assert found["H1"]["estimate"]["n"] == 250


def test_estimates_by_hand(tmp_path: Path) -> None:
    given = world(tmp_path, GAINS)
    frame = read_scores(given["scores"])
    assert (frame["item"] + frame["form"].map({"plain": " =", "signed": " ?"}) == frame["prompt"]).all()
    start = frame[frame["regime"] == "start"]
    part = select(frame, "hero-none-0", ("hard",), ("signed",))
    assert len(part) == PROMPTS * SEEDS
    assert mean(part).value == pytest.approx(part["truth"].mean())
    signed = start[start["form"] == "signed"]["truth"].mean()
    assert change(start, part).value == pytest.approx(part["truth"].mean() - signed)
    other = select(frame, "naive-none-0", ("hard",), ("signed",)).sample(frac=1, random_state=0)
    assert change(other, part).value == pytest.approx(part["truth"].mean() - other["truth"].mean())
    logs = read_logs(given["logs"])
    assert set(logs["regime"]) == {"easy", "mixed", "hard"}
    assert len(logs) == len(RUNS) * SEEDS * 10


def test_ranking_is_that_of_scikit_learn(tmp_path: Path) -> None:
    frame = pd.read_parquet(world(tmp_path, GAINS)["rollouts"])
    assert ranking(frame, within=False).value == pytest.approx(roc_auc_score(frame["truth"], frame["rm"]))
    within = [roc_auc_score(p["truth"], p["rm"]) for _, p in frame.groupby("prompt")]
    found = ranking(frame, within=True)
    assert found.value == pytest.approx(np.mean(within))
    assert found.low < found.value < found.high
    assert found.n == PROMPTS


def test_without_both_truths_nothing_is_known() -> None:
    frame = pd.DataFrame({"prompt": ["a", "a", "b", "b"], "truth": [1.0] * 4, "rm": [1.0, 2.0, 3.0, 4.0]})
    for within in (True, False):
        assert ranking(frame, within) == (0.5, 0.0, 1.0, 0, 1)
    frame["truth"] = [1.0, 1.0, 0.0, 0.0]
    assert ranking(frame, within=True) == (0.5, 0.0, 1.0, 0, 1)
    assert ranking(frame, within=False).value == 0


def test_check_08_and_09_on_rollouts_the_knobs_cancel_under_group_scale_alone(tmp_path: Path) -> None:
    frame = pd.read_parquet(world(tmp_path, GAINS)["inertness"])
    largest = frame.groupby(["knob", "scale", "uniform"])["largest"].max()
    for uniform in (True, False):
        assert largest["weight", "group", uniform] < 1e-4
        assert largest["weight", "none", uniform] > 0.01
    assert largest["band width", "group", True] < 1e-4
    assert largest["band width", "group", False] > 1e-3
    assert largest["band width", "none", True] > 0.05


def test_rollouts_that_are_not_grouped_are_refused(tmp_path: Path) -> None:
    frame = pd.read_parquet(world(tmp_path, GAINS)["rollouts"])
    frame.sample(frac=1, random_state=0).to_parquet(tmp_path / "mixed.parquet")
    with pytest.raises(InputError, match="not adjacent"):
        inertness(rollouts=tmp_path / "mixed.parquet", changes=tmp_path / "changes.parquet")


def test_the_ladder_on_sums_climbs_to_the_truth(tmp_path: Path) -> None:
    table = pd.read_csv(world(tmp_path, GAINS)["miniature"]).set_index(["verifier", "form"])
    assert table.loc[("string", "signed"), "recall"] == 0
    assert table.loc[("string", "plain"), "recall"] == 1
    for verifier in ("numeric", "math_verify"):
        assert table.loc[(verifier, "both"), "recall"] == 1
        assert table.loc[(verifier, "both"), "false_positive_rate"] == 0


def test_names_of_runs() -> None:
    assert parse_run("hero-none-AceMath-7B-RM") == Run("hero", "none", "AceMath-7B-RM")
    assert parse_run("gated_fallback-group-0.1").name == "gated_fallback-group-0.1"
    for text, told in (
        ("heroes-none-0", "arm 'heroes'"),
        ("hero-batch-0", "scale 'batch'"),
        ("hero-none", "arm-scale"),
    ):
        with pytest.raises(InputError, match=told):
            parse_run(text)
