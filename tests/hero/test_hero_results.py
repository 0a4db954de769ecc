"""From scores and logs to verdicts: estimates by hand, and claims that follow what the tables say."""

import json
from collections.abc import Sequence
from itertools import product
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
    DRAWN,
    UNKNOWN,
    VERDICTS,
    change,
    mean,
    over_updates,
    ranking,
    rate,
    read_logs,
    select,
    start_of,
)
from raw2fig.papers.hero.shaping import Shaping
from raw2fig.papers.hero.train import Run, parse_run
from raw2fig.papers.hero.verifier_study import verifier_study_rollouts
from raw2fig.papers.hero.widths import table_alphas
from raw2fig.stats import Estimate
from raw2fig.step import run_step
from raw2fig.tables import read_tables, rows_where

PROMPTS, REPLICATES, GENERATIONS = 40, 3, 8
ARMS = ["verifier_only", "rm_only", "naive", "hero"]
REGIMES = ("easy", "mixed", "hard")
RUNS = [
    *((regime, f"{arm}-{scale}") for regime in REGIMES for arm in ARMS for scale in ("none", "group")),
    *(("hard", f"{arm}-none") for arm in ("hero_no_weight", "hero_neg_only", "hero_pos_only")),
    ("hard", "hero_no_weight-group"),
    *(("easy", f"{arm}-none") for arm in ("hero_no_weight", "hero_neg_only", "hero_pos_only")),
]
EACH = {"rollouts": "rollouts", "changes": "inertness", "verdicts": "miniature"}
"""Tables of each replicate, and the flags of the claims that read them."""
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
    """Tables as the steps write them: a run's truth is that of its replicate's start plus its gain; reward models rank
    (`ranks` 1) or invert (-1) the answers of a prompt, and the contrary over prompts; `starved`, only verifier-only on
    the hard set lacks a gradient, else all but it."""
    rng = np.random.default_rng(0)
    frames = []
    difficulty = rng.uniform(-0.2, 0.2, PROMPTS)
    for regime, run in (("start", "-"), *RUNS):
        for replicate in range(REPLICATES):
            for form, end in (("plain", "="), ("signed", "?")):
                gain = gains.get(run, (0.0, 0.0))[0 if (regime, form) == ("hard", "signed") else 1]
                truth = 0.5 + difficulty + 0.2 * (replicate - 1) + gain + rng.normal(0, 0.02, PROMPTS)
                frames.append(
                    pd.DataFrame(
                        {
                            "prompt": [f"{i} + 1 {end}" for i in range(PROMPTS)],
                            **{"replicate": replicate, "form": form, "regime": regime},
                            "run": run if run == "-" else f"{run}-0",
                            **{"truth": truth, "rule": truth * (form == "plain"), "rule_uniform": form == "signed"},
                            "rm": truth + {"rm_only-group": 2.0 * ranks, "-": 0.0}.get(run, -2.0 * ranks),
                        }
                    )
                )
    for name, part in (("start", frames[: 2 * REPLICATES]), ("scores", frames[2 * REPLICATES :])):
        pd.concat(part).to_parquet(folder / f"{name}.parquet")
    logs = []
    for regime, run in RUNS:
        for replicate in range(REPLICATES):
            path = folder / f"r{replicate}" / regime / f"{run}-0.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            lacks = (regime == "hard" and run.startswith("verifier_only")) == starved
            nonzero = {"hero-none": 0.99 if regime == "hard" else 0.5, "verifier_only-none": 0.1 if lacks else 0.9}
            updates = [
                {"step": n, "shaping/nonzero_groups": nonzero.get(run, 0.6), "shaping/uniform_groups": 0.95 * lacks}
                for n in range(1, 11)
            ]
            told = parse_run(f"{run}-0")._asdict()
            path.write_text(json.dumps({"run": f"{run}-0", **told, "replicate": replicate, "updates": updates}))
            logs.append(path)
    for replicate in range(REPLICATES):
        paths = {name: folder / f"{name}-{replicate}.parquet" for name in EACH}
        rollouts(rng, replicate, ranks).to_parquet(paths["rollouts"])
        changes(paths["rollouts"], paths["changes"])
        study = {"rollouts": paths["rollouts"], "verdicts": paths["verdicts"]}
        verifier_study_rollouts(answers=2000, checking=record(Checking), **study)
    return {
        "published": ROOT / "config/published/hero.yaml",
        "scores": [folder / "start.parquet", folder / "scores.parquet"],
        "logs": logs,
        **{flag: [folder / f"{name}-{r}.parquet" for r in range(REPLICATES)] for name, flag in EACH.items()},
        "reward_model": "0",
        "scale": "laptop",
        "claims": folder / "claims.json",
    }


def changes(rollouts: Path, output: Path) -> None:
    """Changes of the advantages with the shipped settings."""
    inertness(rollouts=rollouts, changes=output, generations=GENERATIONS, alpha=0.1, shaping=record(Shaping))


def rollouts(rng: np.random.Generator, replicate: int, ranks: int) -> pd.DataFrame:
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
            "replicate": replicate,
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
    assert said(found, "reproduced") == ["H1c", "H2", "H3", "H4g", "H6", "H8", "H9", "H13"]
    assert said(found, "not reproduced") == ["H4", "H5", "H7", "H10", "H11", "H16"]
    assert said(found, "not configured") == ["H1", "H1b"]
    assert said(found, "out of scale") == ["H12", "H14", "H15", "H17"]
    for name, value, n in (("H4", -0.8 / 6, PROMPTS), ("H6", 0.2, PROMPTS), ("H10", -0.1, PROMPTS), ("H3", 0.99, 10)):
        estimate = found[name]["estimate"]
        assert estimate["value"] == pytest.approx(value, abs=0.01)
        assert (estimate["n"], estimate["replicates"]) == (n, REPLICATES)
    trained = [claim for claim in found.values() if claim["estimate"] and claim["id"] != "H9"]
    assert {claim["estimate"]["replicates"] for claim in trained} == {REPLICATES}


def test_a_better_reward_model_is_one_of_cleaner_labels(tmp_path: Path) -> None:
    """0.1 signed problems after the hard set is what HERO has over the policy before RL; the worse one has nothing."""
    given = world(tmp_path, GAINS)
    frame = pd.concat([pd.read_parquet(path) for path in given["scores"]], ignore_index=True)
    hero = (frame["regime"] == "hard") & (frame["run"] == "hero-none-0")
    gain = 0.1 * (frame["form"] == "signed") - 0.1 * (frame["form"] == "plain")
    worse = [
        frame[hero].assign(run=f"hero-none-{noise}", truth=frame["truth"] - share * gain)
        for noise, share in (("0.1", 0.9), ("0.3", 2.0))
    ]
    pd.concat([frame, *worse]).to_parquet(tmp_path / "noisy.parquet")
    found = verdicts({**given, "scores": [tmp_path / "noisy.parquet"]})["H12"]
    assert found["estimate"]["value"] == pytest.approx(0.09, abs=1e-9)
    assert found["verdict"] == "not reproduced"


@pytest.mark.parametrize(("mixed", "verdict"), [(0.1, "reproduced"), (-0.1, "not reproduced")])
def test_the_published_width_must_be_the_best_one_on_both_sets(tmp_path: Path, mixed: float, verdict: str) -> None:
    """Other widths lack 0.05 of true answers on the easy set, and `mixed` on the mixed one."""
    given = world(tmp_path, GAINS)
    frame = pd.read_parquet(tmp_path / "scores.parquet")
    others = []
    for regime, alpha, lost in (("easy", "0.1", 0.05), ("easy", "0.2", 0.05), ("mixed", "0.2", mixed)):
        path = tmp_path / f"scores-{regime}-alpha-{alpha}.parquet"
        mine = frame[(frame["regime"] == regime) & (frame["run"] == "hero-none-0")]
        mine.assign(regime=f"{regime}-alpha-{alpha}", truth=mine["truth"] - lost).to_parquet(path)
        others.append(path)
    found = verdicts({**given, "widths": others})
    assert found["H17"]["verdict"] == verdict
    assert [(part["name"], round(part["estimate"]["value"], 6)) for part in found["H17"]["parts"]] == [
        ("easy over 0.1", 0.05),
        ("easy over 0.2", 0.05),
        ("mixed over 0.2", mixed),
    ]
    # no other claim takes notice of them
    assert {name: claim for name, claim in found.items() if name != "H17"} == {
        name: claim for name, claim in verdicts(given).items() if name != "H17"
    }
    table = table_alphas(scores=given["scores"], widths=others, reward_model="0").rows
    assert table[["regime", "alpha"]].apply(tuple, axis=1).tolist() == [
        ("easy", "of the comparison"),
        ("mixed", "of the comparison"),
        ("easy", "0.1"),
        ("easy", "0.2"),
        ("mixed", "0.2"),
    ]
    assert table["value"][0] - table["value"][2] == pytest.approx(0.05)


def test_claims_over_all_sets_read_theirs(tmp_path: Path) -> None:
    found = verdicts(world(tmp_path, CONTRARY, ranks=-1, starved=False))
    assert said(found, "reproduced") == ["H1c", "H4", "H5", "H7", "H9", "H10", "H11", "H16"]
    assert said(found, "not reproduced") == ["H2", "H3", "H4g", "H6", "H8", "H13"]
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


def test_a_replicate_whose_cold_start_fell_short_is_left_out_of_what_rests_on_it(tmp_path: Path) -> None:
    given = world(tmp_path, GAINS)
    before = verdicts(given)
    starts = [tmp_path / f"start-{replicate}.json" for replicate in range(REPLICATES)]
    unmoved = ("H1", "H1b", "H1c", "H9", "H14", "H15")

    def judged(bests: Sequence[float]) -> dict[str, Any]:
        for replicate, best in enumerate(bests):
            log = {"replicate": replicate, "reached": best >= 0.4, "best": best, "target": 0.4}
            starts[replicate].write_text(json.dumps(log))
        return verdicts({**given, "starts": starts})

    assert judged((0.41, 0.4, 0.45)) == before
    fewer = judged((0.41, 0.4, 0.05))
    assert {name: fewer[name] for name in unmoved} == {name: before[name] for name in unmoved}
    assert f"{REPLICATES - 1} replicates" in fewer["H4"]["measured"]
    assert before["H4"]["measured"] != fewer["H4"]["measured"]
    none = judged((0.3125, 0.3, 0.05))
    told = "the warm start of replicate 0 reached a pass rate of 0.312 of 0.4; "
    for name, claim in none.items():
        if name in unmoved:
            assert claim == before[name]
        else:
            assert claim["verdict"] == "inconclusive"
            assert claim["measured"].startswith(told)
            assert claim["estimate"] is None


def small_scores() -> pd.DataFrame:
    """Two replicates: the policy before RL, and a run of two training sets, on two problems in two formats. The run
    adds 0.1 and 0.3 in the first replicate, 0.2 and 0.6 in the second."""
    rows = []
    for replicate, gains in enumerate(((0.0, 0.1, 0.3), (0.0, 0.2, 0.6))):
        added = zip(("start", "easy", "hard"), gains, strict=True)
        for (regime, gain), item, form in product(added, (0, 1), ("plain", "signed")):
            truth = 0.1 + 0.1 * replicate + 0.02 * item + (0.04 if form == "signed" else 0) + gain
            run = "-" if regime == "start" else "hero-none-0"
            # problems are each replicate's own
            named = {"replicate": replicate, "regime": regime, "run": run, "item": f"{replicate} {item}", "form": form}
            rows.append(named | {"truth": truth, "rm": 100 * truth})
    return pd.DataFrame(rows)


def over(*values: float) -> tuple[float, float]:
    """Mean of two replicates and half its t interval: t(1) is 12.706, the standard error half their distance."""
    return pytest.approx(sum(values) / 2), pytest.approx(12.706 * abs(values[0] - values[1]) / 2, rel=1e-3)


def half(estimate: Estimate) -> float:
    return estimate.high - estimate.value


def test_estimates_by_hand() -> None:
    scores = small_scores()
    run = select(scores, "hero-none-0")
    found = change(start_of(scores), run, "rm")
    assert (found.value, half(found)) == over(20, 40)
    assert (found.n, found.replicates.n) == (2, 2)
    # both of a pair are of the formats and training sets that are asked for
    signed = change(start_of(scores, ("signed",)), select(scores, "hero-none-0", ("hard",), ("signed",)), "rm")
    assert (signed.value, half(signed)) == over(30, 60)
    # a share ends at 0 and 1, a change of it at -1 and 1
    share = mean(start_of(scores))
    assert tuple(share[:4]) == (pytest.approx(0.18), 0, pytest.approx(0.18 + 12.706 * 0.05, rel=1e-3), 2)
    wide = change(start_of(scores), select(run, "hero-none-0", ("hard",)))
    assert tuple(wide[:3]) == (pytest.approx(0.45), -1, 1)
    with pytest.raises(InputError, match="1 have one of two values"):
        change(start_of(scores), run[run["replicate"] == 0])


def test_logged_values_by_hand(tmp_path: Path) -> None:
    for replicate, values in enumerate(((0.25, 0.75), (0.5, 1.0))):
        path = tmp_path / f"r{replicate}/hard/hero-none-0.json"
        path.parent.mkdir(parents=True)
        updates = [{"step": n, "shaping/rm": value} for n, value in enumerate(values, start=1)]
        named = {"run": "hero-none-0", **parse_run("hero-none-0")._asdict(), "replicate": replicate}
        path.write_text(json.dumps({**named, "updates": updates}))
    logs = read_logs(sorted(tmp_path.glob("*/hard/*.json")))
    assert set(logs["regime"]) == {"hard"}
    assert logs["truth"].isna().all()
    found = over_updates(logs, "rm", -10, 10)
    assert (found.value, half(found)) == over(0.5, 0.75)
    assert (found.n, found.replicates.n) == (2, 2)


def test_rates_by_hand() -> None:
    """The verifier accepts no answer of the second replicate, which has no precision then."""
    rows = [(0, True, True), (0, True, False), (0, False, True), (0, False, False), (1, True, False), (1, False, False)]
    said = pd.DataFrame(rows, columns=["replicate", "equivalent", "accepted"])
    assert [rate(said, name).value for name in ("recall", "false_positive_rate", "accuracy")] == [0.25, 0.25, 0.5]
    assert rate(said, "recall")[1:4] == (0, 1, 1)
    precision = rate(said, "precision")
    assert (precision.value, precision.n, precision.replicates.n) == (0.5, 2, 1)
    assert rate(said[said["replicate"] == 1], "precision") == UNKNOWN


def test_ranking_is_that_of_scikit_learn(tmp_path: Path) -> None:
    frame = read_tables(world(tmp_path, GAINS)["rollouts"], DRAWN)
    for within, keys in ((True, ["replicate", "prompt"]), (False, ["replicate"])):
        groups = {name: roc_auc_score(p["truth"], p["rm"]) for name, p in frame.groupby(keys)}
        values = pd.Series(groups).groupby(level=0).mean()
        found = ranking(frame, within)
        assert found.value == pytest.approx(values.mean())
        assert found.replicates.deviation == pytest.approx(values.std())
        assert (found.n, found.replicates.n) == (PROMPTS // 2, REPLICATES)


def test_without_both_truths_nothing_is_known() -> None:
    prompts = ["1 + 1 =", "1 + 1 =", "2 + 2 =", "2 + 2 ="]
    frame = pd.DataFrame({"prompt": prompts, "truth": 1.0, "rm": [1.0, 2.0, 3.0, 4.0], "replicate": 0})
    for within in (True, False):
        assert ranking(frame, within) == UNKNOWN
    frame["truth"] = [1.0, 1.0, 0.0, 0.0]
    assert ranking(frame, within=True) == UNKNOWN
    assert ranking(frame, within=False).value == 0


def test_check_08_and_09_on_rollouts_the_knobs_cancel_under_group_scale_alone(tmp_path: Path) -> None:
    frame = pd.read_parquet(world(tmp_path, GAINS)["inertness"][0])
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
    said = read_tables(world(tmp_path, GAINS)["miniature"], VERDICTS)
    assert rate(rows_where(said, verifier="string", form="signed"), "recall").value == 0
    assert rate(rows_where(said, verifier="string", form="plain"), "recall").value == 1
    for verifier in ("numeric", "math_verify"):
        assert rate(rows_where(said, verifier=verifier), "recall").value == 1
        assert rate(rows_where(said, verifier=verifier), "false_positive_rate").value == 0


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
