"""From scores and logs to verdicts: estimates by hand, and claims that follow what the tables say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clone import ROOT
from hero_settings import record
from sklearn.metrics import roc_auc_score

from raw2fig.errors import InputError
from raw2fig.papers.hero.answers import Checking
from raw2fig.papers.hero.claims import measurements
from raw2fig.papers.hero.inertness import inertness
from raw2fig.papers.hero.results import (
    UNKNOWN,
    change,
    mean,
    ranking,
    read_logs,
    read_rollouts,
    read_scores,
    select,
)
from raw2fig.papers.hero.shaping import Shaping
from raw2fig.papers.hero.train import Run, parse_run
from raw2fig.papers.hero.verifier_study import verifier_study_rollouts
from raw2fig.step import run_step

PROMPTS, SEEDS, GENERATIONS = 160, 3, 8
ARMS = ["verifier_only", "rm_only", "naive", "hero"]
REGIMES = ("easy", "mixed", "hard")
RUNS = [
    *((regime, f"{arm}-{scale}") for regime in REGIMES for arm in ARMS for scale in ("none", "group")),
    *(("hard", f"{arm}-none") for arm in ("hero_no_weight", "hero_neg_only", "hero_pos_only")),
    ("hard", "hero_no_weight-group"),
]
Gains = dict[str, tuple[float, float]]
"""By run, what it adds to the share of true answers: to signed problems after the hard set, and anywhere else."""
GAINS: Gains = {
    "hero-none": (0.1, -0.1),
    "verifier_only-none": (-0.1, 0.1),
    "naive-none": (0.2, 0.2),
    "rm_only-none": (-0.2, 0.2),
    "hero-group": (0.1, 0.1),
    "verifier_only-group": (0.0, -0.2),
    "rm_only-group": (-0.15, -0.15),
    "naive-group": (-0.3, -0.3),
    "hero_no_weight-none": (0.0, 0.0),
    "hero_no_weight-group": (0.3, 0.3),
    "hero_neg_only-none": (0.08, -0.08),
    "hero_pos_only-none": (-0.08, 0.08),
}
"""A claim on signed problems after the hard set holds there alone, one over all sets under group scale alone."""
CONTRARY: Gains = {
    **{run: (-there, -elsewhere) for run, (there, elsewhere) in GAINS.items()},
    "naive-none": (0.2, -0.2),
    "verifier_only-group": (0.1, 0.0),
    "rm_only-group": (0.0, 0.0),
}


def world(folder: Path, gains: Gains, ranks: int = 1, starved: bool = True) -> dict[str, Any]:
    """Tables as the steps write them: a run's truth is that of its seed's start plus its gain; reward models rank
    (`ranks` 1) or invert (-1) the answers of a prompt, and the contrary over prompts; `starved`, only verifier-only on
    the hard set lacks a gradient, else all but it."""
    rng = np.random.default_rng(0)
    frames = []
    difficulty = rng.uniform(-0.2, 0.2, PROMPTS)
    for regime, run in (("start", "-"), *RUNS):
        for seed in range(SEEDS):
            for form, end in (("plain", "="), ("signed", "?")):
                gain = gains.get(run, (0.0, 0.0))[0 if (regime, form) == ("hard", "signed") else 1]
                truth = 0.5 + difficulty + 0.2 * (seed - 1) + gain + rng.normal(0, 0.02, PROMPTS)
                frames.append(
                    pd.DataFrame(
                        {
                            "prompt": [f"{i} + 1 {end}" for i in range(PROMPTS)],
                            **{"form": form, "regime": regime, "run": run if run == "-" else f"{run}-0", "seed": seed},
                            **{"truth": truth, "rule": truth * (form == "plain"), "rule_uniform": form == "signed"},
                            "rm": truth + {"rm_only-group": 2.0 * ranks, "-": 0.0}.get(run, -2.0 * ranks),
                        }
                    )
                )
    for name, part in (("start", frames[: 2 * SEEDS]), ("scores", frames[2 * SEEDS :])):
        pd.concat(part).to_parquet(folder / f"{name}.parquet")
    logs = []
    for regime, run in RUNS:
        for seed in range(SEEDS):
            path = folder / f"{regime}-s{seed}" / f"{run}-0.json"
            path.parent.mkdir(exist_ok=True)
            lacks = (regime == "hard" and run.startswith("verifier_only")) == starved
            nonzero = {"hero-none": 0.99 if regime == "hard" else 0.5, "verifier_only-none": 0.1 if lacks else 0.9}
            updates = [
                {"step": n, "shaping/nonzero_groups": nonzero.get(run, 0.6), "shaping/uniform_groups": 0.95 * lacks}
                for n in range(1, 11)
            ]
            told = parse_run(f"{run}-0")._asdict()
            path.write_text(json.dumps({"run": f"{run}-0", **told, "seed": seed, "updates": updates}))
            logs.append(path)
    for seed in range(SEEDS):
        rollouts(rng, seed, ranks).to_parquet(folder / f"rollouts-s{seed}.parquet")
    changes(folder / "rollouts-s0.parquet", folder / "changes.parquet")
    table = {"scores": folder / "ladder.parquet", "table": folder / "ladder.csv"}
    verifier_study_rollouts(rollouts=folder / "rollouts-s0.parquet", answers=2000, checking=record(Checking), **table)
    return {
        "published": ROOT / "config/published/hero.yaml",
        "scores": [folder / "start.parquet", folder / "scores.parquet"],
        "logs": logs,
        "rollouts": [folder / f"rollouts-s{seed}.parquet" for seed in range(SEEDS)],
        "inertness": folder / "changes.parquet",
        "miniature": folder / "ladder.csv",
        "reward_model": "0",
        "scale": "laptop",
        "claims": folder / "claims.json",
    }


def changes(rollouts: Path, output: Path) -> None:
    """Changes of the advantages with the shipped settings."""
    inertness(rollouts=rollouts, changes=output, generations=GENERATIONS, alpha=0.1, shaping=record(Shaping))


def rollouts(rng: np.random.Generator, seed: int, ranks: int) -> pd.DataFrame:
    """Completions of half as many sums in both formats, of both truths in each group; by prompt, the more are true the
    lower are all scores (`ranks` 1) or the higher (-1)."""
    truth = rng.integers(0, 2, (PROMPTS, GENERATIONS))
    truth[:, :2] = [0, 1]
    scores = truth - 30 * truth.mean(1, keepdims=True)
    frame = pd.DataFrame(
        {
            "prompt": np.repeat([f"{i // 2} + 1 {'=?'[i % 2]}" for i in range(PROMPTS)], GENERATIONS),
            "form": np.repeat(["plain", "signed"] * (PROMPTS // 2), GENERATIONS),
            "answer": "2 1",
            "truth": truth.ravel().astype(float),
            "rm": ranks * scores.ravel() + rng.normal(0, 1, truth.size),
            "seed": seed,
        }
    )
    signs = np.where(frame["form"] == "signed", "+ ", "")
    frame["completion"] = signs + np.where(frame["truth"] == 1, "2 1", [f"3 {i % 9}" for i in range(len(frame))])
    return frame.assign(rule=frame["truth"] * (frame["form"] == "plain"))


def verdicts(given: dict[str, Any]) -> dict[str, dict[str, Any]]:
    run_step(measurements, given)
    return {claim["id"]: claim for claim in json.loads(given["claims"].read_text())["claims"]}


def said(found: dict[str, dict[str, Any]], verdict: str) -> list[str]:
    return [name for name, claim in found.items() if claim["verdict"] == verdict]


def test_claims_on_the_hard_set_and_under_group_scale_read_their_own_cells(tmp_path: Path) -> None:
    found = verdicts(world(tmp_path, GAINS))
    assert said(found, "reproduced") == ["H1c", "H2", "H3", "H4g", "H6", "H8", "H9", "H10", "H11", "H13"]
    assert said(found, "not reproduced") == ["H4", "H5", "H7"]
    assert said(found, "not configured") == ["H1", "H1b"]
    assert said(found, "out of scale") == ["H12", "H14", "H15", "H16", "H17"]
    for name, value, n in (("H4", -0.8 / 6, PROMPTS), ("H6", 0.2, PROMPTS), ("H10", 0.1, PROMPTS), ("H3", 0.99, 10)):
        estimate = found[name]["estimate"]
        assert estimate["value"] == pytest.approx(value, abs=0.01)
        # what is resampled: problems, not their formats and training sets
        assert (estimate["n"], estimate["seeds"]) == (n, SEEDS)


def test_claims_over_all_sets_read_theirs(tmp_path: Path) -> None:
    found = verdicts(world(tmp_path, CONTRARY, ranks=-1, starved=False))
    assert said(found, "reproduced") == ["H1c", "H4", "H5", "H7", "H9"]
    assert said(found, "not reproduced") == ["H2", "H3", "H4g", "H6", "H8", "H10", "H11", "H13"]
    parts = {name: [part["verdict"] for part in found[name]["parts"]] for name in ("H2", "H3", "H8")}
    assert parts["H2"] == ["not reproduced"] * 2
    assert parts["H3"] == ["reproduced", "not reproduced"]
    assert parts["H8"] == ["not reproduced", "reproduced"]


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


def test_where_a_cold_start_fell_short_only_what_does_not_rest_on_it_is_decided(tmp_path: Path) -> None:
    given = world(tmp_path, GAINS)
    before = verdicts(given)
    starts = [tmp_path / f"start-s{seed}.json" for seed in range(SEEDS)]
    logs = [{"reached": True, "best": 0.41, "target": 0.4}, {"parameters": 5}, {"reached": True}]
    for path, log in zip(starts, logs, strict=True):
        path.write_text(json.dumps(log))
    assert verdicts({**given, "starts": starts}) == before
    for seed, best in ((1, 0.3125), (2, 0.05)):
        starts[seed].write_text(json.dumps({"reached": False, "best": best, "target": 0.4}))
    found = verdicts({**given, "starts": starts})
    told = "the cold start of seed 1 reached 0.31 of the target 0.4; the cold start of seed 2 reached 0.05 of the"
    unmoved = ("H1", "H1b", "H1c", "H9", "H12", "H14", "H15", "H16", "H17")
    for name, claim in found.items():
        if name in unmoved:
            assert claim == before[name]
        else:
            assert claim["verdict"] == "inconclusive"
            assert claim["measured"].startswith(told)
            assert claim["estimate"] is None


def test_estimates_by_hand(tmp_path: Path) -> None:
    given = world(tmp_path, GAINS)
    frame = read_scores(given["scores"])
    assert (frame["item"] + frame["form"].map({"plain": " =", "signed": " ?"}) == frame["prompt"]).all()
    part = select(frame, "hero-none-0", ("hard",), ("signed",))
    assert len(part) == PROMPTS * SEEDS
    assert mean(part).value == pytest.approx(part["truth"].mean())
    other = select(frame, "naive-none-0", ("hard",), ("signed",)).sample(frac=1, random_state=0)
    assert change(other, part).value == pytest.approx(part["truth"].mean() - other["truth"].mean())
    logs = read_logs(given["logs"])
    assert set(logs["regime"]) == {"easy", "mixed", "hard"}
    assert len(logs) == len(RUNS) * SEEDS * 10


def test_a_policy_before_rl_stands_beside_runs_of_its_seed_or_alone_beside_all(tmp_path: Path) -> None:
    frame = read_scores(world(tmp_path, GAINS)["scores"])
    start = frame[frame["regime"] == "start"]
    part = select(frame, "hero-none-0", ("hard",), ("signed",))
    signed = start[start["form"] == "signed"]
    own = change(start, part)
    assert own.value == pytest.approx(part["truth"].mean() - signed["truth"].mean())
    # differences between seeds cancel
    assert own.high - own.low < 0.02
    first = change(start, part[part["seed"] == 0])
    before = signed[signed["seed"] == 0]["truth"].mean()
    assert first.value == pytest.approx(part[part["seed"] == 0]["truth"].mean() - before)
    assert first.seeds == 1
    alone = change(start[start["seed"] == 0], part)
    assert alone.value == pytest.approx(part["truth"].mean() - before)
    assert alone.high - alone.low > 0.1
    with pytest.raises(InputError, match=f"{PROMPTS} of {PROMPTS * SEEDS} rows without partner"):
        change(start[start["seed"] != 1], part)


def test_both_formats_of_a_problem_are_drawn_together(tmp_path: Path) -> None:
    frame = read_scores(world(tmp_path, GAINS)["scores"])
    start, part = frame[frame["regime"] == "start"], select(frame, "naive-none-0", ("easy",))
    plain = part[part["form"] == "plain"]
    same = pd.concat([plain, plain.assign(form="signed", prompt=plain["item"] + " ?")])
    before = start[start["form"] == "plain"]
    twice = pd.concat([before, before.assign(form="signed", prompt=before["item"] + " ?")])
    assert mean(same) == pytest.approx(mean(plain))
    assert change(twice, same) == pytest.approx(change(before, plain))


def test_ranking_is_that_of_scikit_learn(tmp_path: Path) -> None:
    given = world(tmp_path, GAINS)
    frame = read_rollouts(given["rollouts"])
    within = [roc_auc_score(p["truth"], p["rm"]) for _, p in frame.groupby(["seed", "prompt"])]
    found = ranking(frame, within=True)
    assert found.value == pytest.approx(np.mean(within))
    assert found.low < found.value < found.high
    assert (found.n, found.seeds) == (PROMPTS // 2, SEEDS)
    first = read_rollouts(given["rollouts"][:1])
    over = ranking(first, within=False)
    assert over.value == pytest.approx(roc_auc_score(first["truth"], first["rm"]))
    assert over.low < over.value < over.high < 0.5 < found.low
    assert over.n == PROMPTS // 2


def test_without_both_truths_nothing_is_known() -> None:
    prompts = ["1 + 1 =", "1 + 1 =", "2 + 2 =", "2 + 2 ="]
    frame = pd.DataFrame({"prompt": prompts, "truth": 1.0, "rm": [1.0, 2.0, 3.0, 4.0], "seed": 0})
    for within in (True, False):
        assert ranking(frame, within) == UNKNOWN == (0.5, 0, 1, 0, 1, None)
    frame["truth"] = [1.0, 1.0, 0.0, 0.0]
    assert ranking(frame, within=True) == UNKNOWN == (0.5, 0, 1, 0, 1, None)
    assert ranking(frame, within=False).value == 0


def test_check_08_and_09_on_rollouts_the_knobs_cancel_under_group_scale_alone(tmp_path: Path) -> None:
    frame = pd.read_parquet(world(tmp_path, GAINS)["inertness"])
    largest = frame.groupby(["knob", "scale", "uniform"])["largest"].max()
    for uniform in (True, False):
        assert largest["weight", "group", uniform] < 1e-4
        assert largest["weight", "none", uniform] > 0.01
    assert largest["band width", "group", True] < 1e-4
    assert largest["band width", "group", False] > 1e-3
    assert largest["band width", "none", True] > 0.03


def test_rollouts_that_are_not_grouped_are_refused(tmp_path: Path) -> None:
    frame = pd.read_parquet(world(tmp_path, GAINS)["rollouts"][0])
    frame.sample(frac=1, random_state=0).to_parquet(tmp_path / "mixed.parquet")
    with pytest.raises(InputError, match="not adjacent"):
        changes(tmp_path / "mixed.parquet", tmp_path / "changes.parquet")


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
