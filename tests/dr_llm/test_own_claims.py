"""Claims, figures and tables of our own routers, on tables made by hand."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from raw2fig.claims import Absent, decide_claims, read_claims
from raw2fig.papers.dr_llm.figures_routes import (
    fig_luck,
    fig_pretrained,
    fig_pretrained_use,
    fig_trade_off,
    fig_use,
    table_routes,
)
from raw2fig.papers.dr_llm.own_claims import (
    MINI_CLAIMS,
    REAL_CLAIMS,
    RELEASED,
    SURE,
    mini_measurements,
    real_measurements,
)
from raw2fig.papers.dr_llm.runs import pruned_at_equal_layers, read_luck, read_runs
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
    assert set(verdicts(tmp_path, told).values()) == {"reproduced"}
    assert set(told) == set(REAL_CLAIMS)


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
