"""Claims, figures and tables of our own routers, on tables made by hand."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from raw2fig.claims import Absent, decide_claims, read_claims
from raw2fig.papers.dr_llm.figures_costs import (
    fig_pretrained_harness,
    fig_pretrained_throughput,
    table_pretrained_harness,
)
from raw2fig.papers.dr_llm.figures_routes import (
    fig_luck,
    fig_pretrained,
    fig_pretrained_use,
    fig_trade_off,
    fig_use,
    table_routes,
)
from raw2fig.papers.dr_llm.own_claims import (
    ABLATION_CLAIMS,
    MINI_CLAIMS,
    REAL_CLAIMS,
    RELEASED,
    SURE,
    ablation_measurements,
    mini_measurements,
    real_measurements,
)
from raw2fig.papers.dr_llm.runs import (
    at_equal_layers,
    mean_change,
    pruned_at_equal_layers,
    read_ablations,
    read_luck,
    read_measured,
    read_runs,
    read_timed,
)
from raw2fig.papers.dr_llm.world import KNOWN, LEVELS, TASKS

PUBLISHED = Path(__file__).parents[2] / "config/published/dr_llm.yaml"
N = 400
KNOBS = (-0.5, -0.3, 0.0)


def runs(
    router: float = 0.90,
    layers: float = 8.0,
    random: float = 0.7,
    others: float = 0.85,
    short: float = 0.8,
    replicates: int = 3,
) -> pd.DataFrame:
    """A base of accuracy 0.9 with ten layers. Routers have `router` and `layers` at knob -0.3, and deeper routes for
    higher levels; the others have the accuracies that are named."""
    rows = []

    def row(
        replicate: int, variant: str, way: str, knob: float, task: str, right: float, depth: float, chosen: bool
    ) -> None:
        found = round(N * (right + 0.001 * replicate))
        rows.append(
            {"replicate": replicate, "model": "mini", "variant": variant, "part": "test", "way": way, "knob": knob}
            | {"chosen": chosen, "task": task, "n": N, "right": found, "layers": depth, "skips": 10 - depth}
            | {"applications": depth, "repeats": 0.0, "gained": 1, "lost": 1, "agreement": 0.9}
        )

    for replicate in range(replicates):
        for variant in (SURE, RELEASED):
            for task in TASKS:
                deeper = 0.1 * LEVELS.index(task) if task in LEVELS else 0.0
                row(replicate, variant, "base", 0.0, task, 0.9, 10.0, False)
                row(replicate, variant, "shortgpt", 1.0, task, short, 9.0, False)
                row(replicate, variant, "shortgpt", 3.0, task, short, 7.0, False)
                for knob in KNOBS:
                    depth = layers + deeper + {-0.5: -0.5, -0.3: 0.0, 0.0: 10 - layers - deeper}[knob]
                    right = 0.9 if knob == 0 else router
                    row(replicate, variant, "router", knob, task, right, depth, knob == -0.3)
                row(replicate, variant, "random", -0.3, task, random, layers + deeper, True)
                row(replicate, variant, "others", -0.3, task, others, layers + deeper, True)
    return pd.DataFrame(rows)


def luck(mended: float = 0.9, by_chance: float = 0.3, saved: float = 3.0, replicates: int = 3) -> pd.DataFrame:
    rows = []
    for replicate in range(replicates):
        for variant in (SURE, RELEASED):
            for place, task in enumerate(KNOWN):
                wrong = 100 if place else 0
                row: dict[str, Any] = {"replicate": replicate, "model": "mini", "variant": variant, "task": task}
                row |= {"questions": 200, "right": 200 - wrong, "shorter": 180 - wrong, "saved": saved, "wrong": wrong}
                row |= {"tries": 30.0, "answers": 5, "widest": 1 if variant == RELEASED else 7}
                if wrong:
                    row |= {"mended": mended + 0.01 * replicate, "by_chance": by_chance, "guessed": 0.99}
                rows.append(row)
    return pd.DataFrame(rows)


def verdicts(tmp_path: Path, told: dict[str, Any]) -> dict[str, str]:
    known = [claim["id"] for claim in yaml.safe_load(PUBLISHED.read_text())["claims"]]
    others = {name: Absent("elsewhere") for name in known if name not in told}
    decide_claims("dr_llm", PUBLISHED, "laptop", {**others, **told}, tmp_path / "claims.json")
    return {one["id"]: one["verdict"] for one in read_claims(tmp_path / "claims.json")["claims"] if one["id"] in told}


def mini(tmp_path: Path, evaluated: pd.DataFrame, searched: pd.DataFrame) -> dict[str, str]:
    evaluated.to_csv(tmp_path / "runs.csv", index=False)
    searched.to_csv(tmp_path / "luck.csv", index=False)
    read = read_runs(tmp_path / "runs.csv"), read_luck(tmp_path / "luck.csv")
    return verdicts(tmp_path, dict(mini_measurements(*read)))


def test_planted_runs_give_their_verdicts(tmp_path: Path) -> None:
    found = mini(tmp_path, runs(router=0.92), luck())
    assert [name for name, verdict in found.items() if verdict != "reproduced"] == ["M12"]
    assert set(found) == set(MINI_CLAIMS)
    worse = mini(tmp_path, runs(router=0.8, random=0.8, others=0.85, short=0.85), luck(mended=0.2))
    assert {name for name, verdict in worse.items() if verdict == "not reproduced"} == {
        *("M2", "M3", "M5", "M7", "M9", "M10", "M11")
    }
    assert worse["M12"] == "reproduced"


@pytest.mark.parametrize(
    ("claim", "evaluated", "searched"),
    [
        ("M1", {}, {"saved": 0.5}),
        ("M2", {"layers": 9.5}, {}),
        ("M3", {"random": 0.89}, {}),
        ("M7", {"layers": 9.4}, {}),
    ],
)
def test_each_criterion_has_its_threshold(
    claim: str, evaluated: dict[str, float], searched: dict[str, float], tmp_path: Path
) -> None:
    assert mini(tmp_path, runs(**evaluated), luck(**searched))[claim] == "not reproduced"  # type: ignore[arg-type]


def test_depth_must_grow_with_the_level_and_the_knob_be_monotone(tmp_path: Path) -> None:
    flat = runs()
    at = (flat["way"] == "router") & (flat["knob"] == -0.3)
    flat.loc[at, "layers"] = 8.0 + 0.1 * flat.loc[at, "task"].map(lambda task: -TASKS.index(task))
    flat.loc[(flat["way"] == "router") & (flat["knob"] == -0.5), "skips"] = 0.0
    found = mini(tmp_path, flat, luck())
    assert (found["M4"], found["M6"]) == ("not reproduced", "not reproduced")


def test_without_runs_claims_are_out_of_scale() -> None:
    for told, names in ((mini_measurements(None, None), MINI_CLAIMS), (real_measurements(None, None), REAL_CLAIMS)):
        assert set(told) == set(names)
        assert all(isinstance(one, Absent) for one in told.values())


def test_a_pretrained_model_is_judged_over_all_its_tasks(tmp_path: Path) -> None:
    real = runs(router=0.92)
    real = real[real["variant"] == SURE].assign(model="small", variant="own")
    searched = luck()
    searched = searched[searched["variant"] == SURE].assign(model="small", variant="own")
    told = dict(real_measurements(real, searched))
    assert set(told) == set(REAL_CLAIMS)
    assert verdicts(tmp_path, told) == {
        **dict.fromkeys(REAL_CLAIMS, "reproduced"),
        **dict.fromkeys(("P6", "P7"), "out of scale"),  # not measured
    }


def test_shortgpt_is_read_at_the_layers_of_the_routers() -> None:
    table = runs(layers=8.0, short=0.8)
    sure = table[table["variant"] == SURE].copy()
    at_one = (sure["way"] == "shortgpt") & (sure["knob"] == 1)
    sure.loc[at_one, "right"] = round(0.88 * N)
    depth = 8.0 + 0.1 * sum(range(6)) / len(TASKS)
    expected = 0.88 + (0.8 - 0.88) * ((10 - depth) - 1) / 2
    assert pruned_at_equal_layers(sure)[0] == pytest.approx(expected, abs=1e-3)


def test_figures_and_tables_are_drawn(tmp_path: Path) -> None:
    for replicates in (1, 3):
        runs(replicates=replicates).to_csv(tmp_path / "runs.csv", index=False)
        luck(replicates=replicates).to_csv(tmp_path / "luck.csv", index=False)
        uses = [
            {"replicate": r, "model": "mini", "variant": SURE, "task": task, "layer": layer, "uses": 1.0}
            | {"skipped": 0.0, "repeated": 0.0}
            for r in range(replicates)
            for task in TASKS
            for layer in range(10)
        ]
        pd.DataFrame(uses).to_csv(tmp_path / "uses.csv", index=False)
        assert len(fig_trade_off(runs=tmp_path / "runs.csv").plotted) > 0
        assert len(fig_use(uses=tmp_path / "uses.csv", runs=tmp_path / "runs.csv").plotted) == len(uses)
        assert len(fig_luck(luck=tmp_path / "luck.csv").plotted) == 14 * replicates
        assert len(fig_pretrained_use(uses=tmp_path / "uses.csv").plotted) == len(uses)
        table = table_routes(runs=tmp_path / "runs.csv")
        assert len(table.rows) == 2 * (1 + len(TASKS)) * 4
    one = runs()
    one[one["variant"] == SURE].to_csv(tmp_path / "real.csv", index=False)
    assert len(fig_pretrained(runs=tmp_path / "real.csv").plotted) > 0


def ablated(
    factor: str, value: str, points: dict[float, tuple[float, float]], replicate: int = 0
) -> list[dict[str, Any]]:
    """Rows of a setting: knob → layers and change of accuracy."""
    about = {"replicate": replicate, "model": "mini", "variant": SURE, "factor": factor, "value": value, "base": 500}
    about |= {"of": 10, "n": 1000, "macro_f1": 0.5, "f1_skip": 0.5, "f1_repeat": None, "accuracy": 0.9}
    return [
        about | {"knob": knob, "layers": layers, "right": round(500 + 1000 * change)}
        for knob, (layers, change) in points.items()
    ]


def test_settings_are_compared_at_equal_layers(tmp_path: Path) -> None:
    """Where the other setting's routers alone use 9 layers, the line between 8 layers and all of them is at half."""
    rows = [
        row
        for replicate in range(3)
        for row in (
            *ablated("states", "forced", {-0.5: (8.0, -0.02), -0.1: (10.0, 0.0)}, replicate),
            *ablated("states", "base", {-0.5: (9.0, -0.05 - 0.001 * replicate), -0.1: (9.9, 0.4)}, replicate),
            *ablated("states", "first", {-0.5: (9.5, 0.1 + 0.001 * replicate)}, replicate),
        )
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "ablations.csv", index=False)
    read = read_ablations(tmp_path / "ablations.csv")
    assert at_equal_layers(read, "states", "forced", "base")[0] == pytest.approx(-0.01 + 0.05)
    assert at_equal_layers(read, "states", "forced", "first")[0] == pytest.approx(-0.005 - 0.1)
    found = verdicts(tmp_path, dict(ablation_measurements(read)))
    assert found == {"M13": "reproduced", "M14": "out of scale", "M15": "not reproduced"}
    assert verdicts(tmp_path, dict(ablation_measurements(None))) == dict.fromkeys(ABLATION_CLAIMS, "out of scale")


def test_speed_and_other_benchmarks_of_a_pretrained_model(tmp_path: Path) -> None:
    about = [{"replicate": replicate, "model": "m", "variant": "own"} for replicate in range(3)]
    timed = [
        one
        | {"batch": batch, "tokens": 8, "of": 30, "plain": 10.0, "routed": 10 * ratio, "ratio": ratio}
        | {"lowest": ratio, "highest": ratio, "layers": 27.0, "agreement": 0.9}
        for one in about
        for batch, ratio in ((1, 1.2), (2, 1.1 + 0.01 * one["replicate"]))
    ]
    measured = [
        one
        | {"task": task, "metric": metric, "filter": "none", "way": way, "knob": 0.0, "value": value, "error": 0.01}
        | {"n": 100, "layers": 27.0}
        for one in about
        for task, metric, values in (
            ("a", "acc", (0.5, 0.52)),
            ("a", "acc_norm", (0.1, 0.9)),
            ("b", "acc", (0.4, 0.36)),
        )
        for way, value in zip(("base", "router"), values, strict=True)
    ]
    pd.DataFrame(timed).to_csv(tmp_path / "timed.csv", index=False)
    pd.DataFrame(measured).to_csv(tmp_path / "measured.csv", index=False)
    harness = read_measured(tmp_path / "measured.csv")
    assert mean_change(harness) == pytest.approx(dict.fromkeys(range(3), -0.01))
    evaluated = runs()
    table = table_pretrained_harness(harness=tmp_path / "measured.csv")
    assert table.rows.set_index(["task", "metric"])["change"].to_dict() == pytest.approx(
        {("a", "acc"): 0.02, ("a", "acc_norm"): 0.8, ("b", "acc"): -0.04}
    )
    assert len(fig_pretrained_harness(harness=tmp_path / "measured.csv").plotted) == 2
    published = PUBLISHED.parents[1] / "dr_llm/throughput.csv"
    assert len(fig_pretrained_throughput(throughput=tmp_path / "timed.csv", published=published).plotted) == 6
    evaluated["model"] = "m"
    found = luck().assign(model="m")
    decided = verdicts(tmp_path, dict(real_measurements(evaluated, found, read_timed(tmp_path / "timed.csv"), harness)))
    assert (decided["P6"], decided["P7"]) == ("reproduced", "reproduced")
    without = verdicts(tmp_path, dict(real_measurements(evaluated, found)))
    assert (without["P6"], without["P7"]) == ("out of scale", "out of scale")
