"""What HERO's figures draw and what its main table says: the CSVs against values worked out from small tables."""

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clone import ROOT
from hero_settings import record

from raw2fig.errors import InputError
from raw2fig.papers.hero.answers import Checking
from raw2fig.papers.hero.figures import fig_arms, fig_curves, fig_dense_range, fig_hacking, table_main
from raw2fig.papers.hero.figures_signals import (
    fig_inertness,
    fig_label_noise,
    fig_reward_models,
    fig_signals,
    fig_verifiers,
    table_verifiers_miniature,
)
from raw2fig.papers.hero.shaping import Shaping
from raw2fig.papers.hero.train import parse_run
from raw2fig.papers.hero.verifier_study import verifier_study_rollouts
from raw2fig.plotting import Drawing
from raw2fig.step import run_step

REPLICATES = (0, 1, 2)
UPDATES = 10
FORMS = {"plain": "=", "signed": "?"}
REGIMES, ARMS, SCALES = ("easy", "mixed", "hard"), ("verifier_only", "rm_only", "naive", "hero"), ("none", "group")
ABLATIONS = ("hero_neg_only-none", "hero_pos_only-none", "hero_no_weight-none", "hero_no_weight-group")
RUNS = [
    *((regime, f"{arm}-{scale}-0") for regime in REGIMES for arm in ARMS for scale in SCALES),
    *(("hard", f"{run}-0") for run in (*ABLATIONS, "gated_fallback-none")),
    *(("easy", f"{run}-0") for run in ABLATIONS[:3]),
    ("hard", "hero-none-0.3"),
]
START = ("start", "-")
# a number of its own for each run in each regime and format, so that no other can stand in for it
CODES = {key: (place + 1) / 1000 for place, key in enumerate(product(RUNS, FORMS))}
POINT = ["rule", "truth", "score", "reward"]
EASE = (-0.3, 0.0, 0.4)
"""Of three problems, which every policy has."""
TRUTH_OF_START = {"plain": 0.4, "signed": 0.3}


def gain(regime: str, run: str, *forms: str) -> float:
    """What a run adds to the share of true answers, mean over formats."""
    return float(np.mean([CODES[(regime, run), form] for form in forms or FORMS]))


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Scores of the policies, of three problems in two formats: replicates differ, and their mean is the run's number.
    One problem has no AUROC."""
    folder = tmp_path_factory.mktemp("scores")
    rows: list[dict[str, Any]] = []
    for (regime, run), (form, end), (place, ease) in product([START, *RUNS], FORMS.items(), enumerate(EASE)):
        for replicate in REPLICATES:
            added = 0.0 if regime == "start" else CODES[(regime, run), form] + 0.01 * (replicate - 1)
            truth = TRUTH_OF_START[form] + ease + added
            named = {"regime": regime, "run": run, "replicate": replicate, "form": form}
            told = {"truth": truth, "rule": truth / 2, "rm": 10 * truth, "rule_uniform": form == "signed"}
            told["prompt"] = f"{place} + 1 {end}"
            rows.append(named | told | {"auroc": np.nan if place == 0 else 0.5 + added})
    frame = pd.DataFrame(rows)
    start = frame["regime"] == "start"
    for name, part in (("start", frame[start]), ("rest", frame[~start])):
        part.to_parquet(folder / f"{name}.parquet")
    return [folder / "start.parquet", folder / "rest.parquet"]


def logged(regime: str, run: str, column: str, step: int) -> float:
    """What the log of a run tells of an update, mean over replicates: for each run another slope."""
    return gain(regime, run) * (step if column == "truth" else 100 + step**2)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder, paths = tmp_path_factory.mktemp("logs"), []
    for (regime, run), replicate in product(RUNS, REPLICATES):
        path = folder / f"r{replicate}" / regime / f"{run}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        updates = [
            {"step": n} | {f"shaping/{c}": logged(regime, run, c, n) + 0.01 * (replicate - 1) for c in ("rm", "truth")}
            for n in range(1, UPDATES + 1)
        ]
        named = {"run": run, **parse_run(run)._asdict(), "replicate": replicate}
        path.write_text(json.dumps({**named, "updates": updates}))
        paths.append(path)
    return paths


def drawn(figure: Callable[..., Drawing], folder: Path, **given: Any) -> pd.DataFrame:
    """The CSV of a figure."""
    made = {kind: folder / f"figure.{kind}" for kind in ("svg", "png", "csv")}
    run_step(figure, {**given, "scale": "laptop", **made})
    assert all(path.stat().st_size for path in made.values())
    return pd.read_csv(made["csv"])


def close(value: Any) -> Any:
    return pytest.approx(value, abs=1e-9)


def has_intervals(rows: pd.DataFrame) -> None:
    """Whether every value lies in an interval over the replicates."""
    assert (rows["low"] <= rows["value"] + 1e-9).all()
    assert (rows["value"] <= rows["high"] + 1e-9).all()
    assert (rows["replicates"] == len(REPLICATES)).all()


def test_main_table(scores: list[Path], tmp_path: Path) -> None:
    made = {"csv": tmp_path / "main.csv", "markdown": tmp_path / "main.md"}
    run_step(table_main, {"scores": scores, "reward_model": "0", **made})
    assert len(made["markdown"].read_text().splitlines()) == 2 + 3 + 3 * 4 * 2 * 3
    table = pd.read_csv(tmp_path / "main.csv").set_index(["regime", "arm", "scale", "form"])
    assert len(table) == 3 + 3 * 4 * 2 * 3
    base = {form: share + sum(EASE) / 3 for form, share in TRUTH_OF_START.items()}
    base["both"] = sum(base.values()) / 2
    for form, truth in base.items():
        start = table.loc[("start", "-", "-", form)]
        assert start[["value", "rule", "rm", "auroc"]].tolist() == close([truth, truth / 2, 10 * truth, 0.5])
        for regime, arm, scale in product(REGIMES, ARMS, SCALES):
            row = table.loc[(regime, arm, scale, form)]
            added = gain(regime, f"{arm}-{scale}-0", *([] if form == "both" else [form]))
            found = row[["value", "change", "rule", "rm", "auroc"]].tolist()
            now = truth + added
            assert found == close([now, added, now / 2, 10 * now, 0.5 + added]), (regime, arm, scale, form)
            assert row["rule_uniform"] == {"plain": 0, "signed": 1, "both": 0.5}[form]
            assert row["change_low"] <= row["change"] <= row["change_high"]
            assert (row["n"], row["replicates"]) == (3, 3)


def test_arms(scores: list[Path], tmp_path: Path) -> None:
    table = drawn(fig_arms, tmp_path, scores=scores, reward_model="0").set_index(["form", "scale", "regime", "arm"])
    assert len(table) == 2 + 2 * 2 * 3 * 4
    for form, scale, regime, arm in product(FORMS, SCALES, REGIMES, ARMS):
        assert table.loc[(form, scale, regime, arm), "value"] == close(gain(regime, f"{arm}-{scale}-0", form))
    for form, share in TRUTH_OF_START.items():
        assert table.loc[(form, "-", "start", "-"), "value"] == close(share + sum(EASE) / 3)
    has_intervals(table.drop(index="start", level="regime"))


def test_dense_range_is_of_the_easy_and_the_hard_set(scores: list[Path], tmp_path: Path) -> None:
    table = drawn(fig_dense_range, tmp_path, scores=scores, reward_model="0").set_index(["regime", "form", "arm"])
    arms = ("verifier_only", "hero_neg_only", "hero_pos_only", "hero", "hero_no_weight", "gated_fallback")
    assert len(table) == 2 * (1 + 5 + 6)
    for regime, trained in (("easy", arms[:5]), ("hard", arms)):
        for form, arm in product(FORMS, trained):
            assert table.loc[(regime, form, arm), "value"] == close(gain(regime, f"{arm}-none-0", form))
    has_intervals(table.drop(index="start", level="arm"))


def test_curves_are_beside_verifier_only_of_their_scale(logs: list[Path], tmp_path: Path) -> None:
    table = drawn(fig_curves, tmp_path, logs=logs, reward_model="0").set_index(["scale", "regime", "arm", "update"])
    assert len(table) == 2 * 3 * 3 * 2
    for scale, regime, arm, end in product(SCALES, REGIMES, ARMS[1:], (5, 10)):
        ours, rival = (
            np.mean([logged(regime, f"{name}-{scale}-0", "truth", n) for n in range(end - 4, end + 1)])
            for name in (arm, "verifier_only")
        )
        assert table.loc[(scale, regime, arm, end), "value"] == close(ours - rival)
    has_intervals(table)


def test_hacking_is_told_in_its_own_units_and_beside_verifier_only(logs: list[Path], tmp_path: Path) -> None:
    table = drawn(fig_hacking, tmp_path, logs=logs, reward_model="0").set_index(["panel", "value_of", "run", "update"])
    runs = ("rm_only-group", "rm_only-none", "hero-none", "verifier_only-none")
    assert len(table) == 2 * 2 * (4 + 3)

    def told(run: str, column: str, end: int) -> float:
        return float(np.mean([logged(r, f"{run}-0", column, n) for r in REGIMES for n in range(end - 4, end + 1)]))

    for column, run, end in product(("rm", "truth"), runs, (5, 10)):
        value = told(run, column, end)
        assert table.loc[("as it is", column, run, end), "value"] == close(value)
        if run != "verifier_only-none":
            rival = told(f"verifier_only-{run.partition('-')[2]}", column, end)
            assert table.loc[("less verifier-only", column, run, end), "value"] == close(value - rival)
    has_intervals(table)


def reward_models(folder: Path, given: dict[str, list[list[int]]]) -> dict[str, list[Path]]:
    """Completions of three problems with the scores of reward models, the same in each replicate, and their logs: the
    AUROC on problems of RL is 0.89 less the noise, and 0.01 more from replicate to replicate."""
    truth = [[1, 0, 0], [1, 1, 0], [1, 1, 1]]  # the last has no AUROC of its own
    made: dict[str, list[Path]] = {"rollouts": [], "logs": []}
    for (noise, rm), replicate in product(given.items(), REPLICATES):
        paths = {"rollouts": folder / f"{noise}-{replicate}.parquet", "logs": folder / f"{noise}-{replicate}.json"}
        frame = pd.DataFrame({"prompt": np.repeat(["a =", "b =", "c ="], 3), "form": "plain", "replicate": replicate})
        signals = {"truth": np.ravel(truth) * 1.0, "rm": np.ravel(rm) * 1.0, "noise": float(noise)}
        frame.assign(**signals).to_parquet(paths["rollouts"])
        known = 0.89 - float(noise) + 0.01 * replicate
        paths["logs"].write_text(json.dumps({"noise": float(noise), "replicate": replicate, "auroc_train": known}))
        for kind, path in paths.items():
            made[kind].append(path)
    return made


def test_label_noise(scores: list[Path], tmp_path: Path) -> None:
    given = {"0": [[3, 1, 2], [1, 3, 2], [0, 0, 0]], "0.3": [[1, 3, 2], [1, 3, 2], [4, 4, 4]]}
    within, overall = {"0": 0.75, "0.3": 0.25}, {"0": (3 + 0.5 + 3 + 0) / 18, "0.3": (0 + 0 + 2.5 + 9) / 18}
    table = drawn(fig_label_noise, tmp_path, **reward_models(tmp_path, given), scores=scores)
    has_intervals(table)
    found = table.set_index(["value_of", "noise"])["value"]
    for noise in given:
        place = float(noise)
        assert found["within prompts of RL", place] == close(0.9 - place)
        assert found["within held-out prompts", place] == close(within[noise])
        assert found["over all held-out completions", place] == close(overall[noise])
        for form, end in FORMS.items():
            assert found[f"HERO, {form} ({end}) problems", place] == close(gain("hard", f"hero-none-{noise}", form))


def test_reward_models_after_rl(scores: list[Path], tmp_path: Path) -> None:
    table = drawn(fig_reward_models, tmp_path, scores=scores, reward_model="0").set_index(["run", "regime"])
    assert len(table) == 1 + 4 * 3
    assert table.loc[("-", "start"), "value"] == 0.5
    for run, regime in product(("rm_only-group", "rm_only-none", "hero-none", "verifier_only-none"), REGIMES):
        assert table.loc[(run, regime), "value"] == close(0.5 + gain(regime, f"{run}-0"))
    assert (table["n"] == 2).all()  # problems, both formats together
    has_intervals(table)


def test_nothing_is_known_of_policies_whose_prompts_have_one_truth(scores: list[Path], tmp_path: Path) -> None:
    for path in scores:
        pd.read_parquet(path).assign(auroc=np.nan).to_parquet(tmp_path / path.name)
    moved = [tmp_path / path.name for path in scores]
    table = drawn(fig_reward_models, tmp_path, scores=moved, reward_model="0")
    assert table[["value", "low", "high", "n"]].drop_duplicates().to_numpy().tolist() == [[0.5, 0, 1, 0]]


def test_inertness(scores: list[Path], tmp_path: Path) -> None:
    cases = {("weight", True): 1, ("weight", False): 3, ("band width", True): 10, ("band width", False): 20}
    rows = [
        {"prompt": f"{prompt}", "knob": knob, "scale": scale, "uniform": uniform, "largest": factor * size * prompt}
        for (knob, uniform), size in cases.items()
        for scale, factor in (("none", 0.01), ("group", 1e-5))
        for prompt in (1, 2, 4)
    ]
    frame = pd.DataFrame(rows)
    parts = {"first": frame[frame["prompt"] == "1"], "second": frame[frame["prompt"] != "1"]}
    for name, part in parts.items():
        part.to_parquet(tmp_path / f"{name}.parquet")
    given = {"changes": [tmp_path / f"{name}.parquet" for name in parts], "scores": scores}
    table = drawn(fig_inertness, tmp_path, **given, reward_model="0")
    left = table[table["panel"] == "advantages"].to_dict("records")
    assert len(left) == 6
    weight, uniform, mixed = ([row for row in left if words in row["case"]] for words in ("weight", "uniform", "mixed"))
    # the weight counts in all six groups: 1, 2, 3, 4, 6, 12
    for part, middle, most in ((weight, 3.5, 12), (uniform, 20, 40), (mixed, 40, 80)):
        assert [row["scale"] for row in part] == ["none", "group"]
        assert [row["value"] for row in part] == close([middle * 0.01, middle * 1e-5])
        assert [row["high"] for row in part] == close([most * 0.01, most * 1e-5])
    right = table[table["panel"] == "truth"].set_index(["case", "scale"])
    for scale, (case, arm) in product(SCALES, {"with weight": "hero", "without weight": "hero_no_weight"}.items()):
        assert right.loc[(case, scale), "value"] == close(gain("hard", f"{arm}-{scale}-0", "signed"))
    has_intervals(right)


ROLLOUTS = {
    # prompt: format, rule, truth, scores
    "1 =": ("plain", [1, 0, 0, 0], [1, 0, 0, 0], [2.0, 1.0, 3.0, 2.0]),
    "1 ?": ("signed", [0, 0, 0, 0], [1, 1, 0, 0], [5.0, 1.0, 3.0, 1.0]),
    "2 =": ("plain", [0, 0, 0, 0], [0, 0, 0, 0], [9.0, 8.0, 7.0, 6.0]),  # of one truth: not drawn
}


@pytest.fixture
def rollouts(tmp_path: Path) -> list[Path]:
    """Completions of two replicates, the same ones but that the scores of the second are inverted."""
    rows = [
        {"prompt": prompt, "form": form, "rule": float(a), "truth": float(b), "rm": rm}
        | {"answer": "1", "completion": f"{'1' if b else '2'} {place}"}
        for prompt, (form, *signals) in ROLLOUTS.items()
        for place, (a, b, rm) in enumerate(zip(*signals, strict=True))
    ]
    frame = pd.DataFrame(rows)
    paths = [tmp_path / f"rollouts-{replicate}.parquet" for replicate in (0, 1)]
    for replicate, path in enumerate(paths):
        frame.assign(replicate=replicate, rm=frame["rm"] * (-1) ** replicate).to_parquet(path)
    return paths


def test_signals_answer_by_answer(rollouts: list[Path], tmp_path: Path) -> None:
    given = {"rollouts": rollouts, "generations": 4, "alpha": 0.2, "shaping": record(Shaping)}
    table = drawn(fig_signals, tmp_path, **given)
    points = table[table["panel"] == "answers"]
    found = {form: sorted(part[POINT].to_numpy().tolist()) for form, part in points.groupby("form")}
    # the lone accepted answer lies at the floor of its band, the others by their place from 1 to 3
    plain = [(1, 1, 0.0, 0.8), (0, 0, -1.0, -0.2), (0, 0, 1.0, 0.2), (0, 0, 0.0, 0.0)]
    signed = [(0, 1, 2.5, 0.2), (0, 1, -1.5, -0.2), (0, 0, 0.5, 0.0), (0, 0, -1.5, -0.2)]
    for form, expected in (("plain", plain), ("signed", signed)):
        np.testing.assert_allclose(found[form], sorted(map(list, expected)), atol=1e-6)
    areas = table[table["panel"] == "AUROC"].set_index(["form", "signal"])
    # inverted scores rank the other way round: the mean over both replicates is chance
    assert areas.loc["plain", "value"].to_dict() == {"rule": 1, "reward model": 0.5, "HERO's reward": 1}
    assert areas.loc["signed", "value"].to_dict() == close({"rule": 0.5, "reward model": 0.5, "HERO's reward": 0.5})
    assert (areas["replicates"] == 2).all()
    alone = drawn(fig_signals, tmp_path, **{**given, "rollouts": rollouts[:1]})
    first = alone[alone["panel"] == "AUROC"].set_index(["form", "signal"]).loc["signed", "value"]
    assert first.to_dict() == close({"rule": 0.5, "reward model": 0.625, "HERO's reward": 0.625})
    bins = table[table["panel"] == "scores"]
    assert len(bins) == 2 * 2 * 30
    assert (bins.groupby(["form", "truth"])["n"].sum() <= [3, 1, 2, 2]).all()
    assert bins["n"].sum() >= 4  # scores beyond the 1st and 99th percentile are not drawn


def test_the_reward_model_is_a_verifier_by_threshold(rollouts: list[Path], tmp_path: Path) -> None:
    paths = [tmp_path / f"verdicts-{replicate}.parquet" for replicate in (0, 1)]
    for given, made in zip(rollouts, paths, strict=True):
        verifier_study_rollouts(rollouts=given, answers=100, checking=record(Checking), verdicts=made)
    first = pd.read_parquet(paths[0])
    counts = first[first["accepted"]].groupby(["verifier", "form", "equivalent"]).size()
    # the median of 1 1 1 2 2 3 3 5 6 7 8 9 is 3; a score that is the threshold is not above it
    for name, form, right, wrong in (
        ("rm_above_1", "plain", 1, 6),
        ("rm_above_1", "signed", 1, 1),
        ("rm_above_median", "plain", 0, 4),
        ("rm_above_median", "signed", 1, 0),
    ):
        found = (counts.get((name, form, True), 0), counts.get((name, form, False), 0))
        assert found == (right, wrong), (name, form)
    files = {"csv": tmp_path / "table.csv", "markdown": tmp_path / "table.md"}
    run_step(table_verifiers_miniature, {"miniature": paths, **files})
    table = pd.read_csv(files["csv"]).set_index(["verifier", "form", "rate"])
    # no score of the second replicate is above 1
    for name, value, replicates in (
        ("recall", (2 / 3 + 0) / 2, 2),
        ("false_positive_rate", (7 / 9 + 0) / 2, 2),
        ("precision", 2 / 9, 1),
        ("accuracy", (4 / 12 + 9 / 12) / 2, 2),
    ):
        row = table.loc[("rm_above_1", "both", name)]
        assert (row["value"], row["replicates"]) == (close(value), replicates), name
    assert table.loc[("rm_above_1", "both", "recall"), "n"] == 3


def test_verifiers(tmp_path: Path) -> None:
    # of ten answers of each kind in either replicate, string accepts none, and math_verify as many as it says here
    names, kinds = ("string", "math_verify"), ((True, 4), (False, 2))
    paths = [tmp_path / f"verdicts-{replicate}.parquet" for replicate in (0, 1)]
    columns = ["replicate", "verifier", "form", "equivalent", "accepted"]
    for replicate, path in enumerate(paths):
        rows = [
            (replicate, verifier, form, equivalent, verifier == "math_verify" and place < number + 2 * replicate)
            for verifier, form, (equivalent, number), place in product(names, FORMS, kinds, range(10))
        ]
        pd.DataFrame(rows, columns=columns).to_parquet(path)
    benchmark = []
    for place, name in enumerate(names):
        counts = {"equivalent": 50, "wrong": 100, "accepted_equivalent": 5 * place, "accepted_wrong": 10 * place}
        row: dict[str, Any] = {"verifier": name, **counts}
        for rate, value in (("recall", 0.1), ("false_positive_rate", 0.2), ("precision", 0.3), ("accuracy", 0.4)):
            now = value if place or rate != "precision" else np.nan
            row |= {rate: now, f"{rate}_low": now - 0.05, f"{rate}_high": now + 0.05}
        benchmark.append(row)
    pd.DataFrame(benchmark).to_csv(tmp_path / "benchmark.csv", index=False)
    given = {"miniature": paths, "published": ROOT / "config/published/hero.yaml"}
    table = drawn(fig_verifiers, tmp_path, **given, benchmark=tmp_path / "benchmark.csv")
    table = table.set_index(["value_of", "answers", "verifier"])
    # there is no precision of the verifier that accepts nothing, on any of the three sets of answers
    assert len(table) == 4 * 3 * 2 - 3
    accuracy = ((4 + 8) / 20 + (6 + 6) / 20) / 2
    rates = {"recall": 0.5, "false_positive_rate": 0.3, "precision": (4 / 6 + 6 / 10) / 2, "accuracy": accuracy}
    for (name, value), answers in product(rates.items(), ("plain (=)", "signed (?)")):
        found = table.loc[(name, answers, "math_verify")]
        assert (found["value"], found["replicates"]) == (close(value), 2)
    for name, value, n in (("recall", 0.1, 50), ("false_positive_rate", 0.2, 100), ("precision", 0.3, 15)):
        found = table.loc[(name, "HardVerify-Math", "math_verify")]
        assert found[["value", "low", "high", "n"]].tolist() == close([value, value - 0.05, value + 0.05, n])
    assert len(drawn(fig_verifiers, tmp_path, **given)) == 4 * 2 * 2 - 2


def test_scores_without_auroc_are_refused(scores: list[Path], tmp_path: Path) -> None:
    for path in scores:
        pd.read_parquet(path).drop(columns="auroc").to_parquet(tmp_path / path.name)
    with pytest.raises(InputError, match="auroc"):
        table_main(scores=[tmp_path / path.name for path in scores], reward_model="0")
