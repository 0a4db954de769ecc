"""Claims from planted tables: what is put into the tables decides the verdict, and nothing else does."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from game_tools import ROOT, call

from raw2fig.claims import Absent, Undecided, read_claims
from raw2fig.papers.coordination.calibrate import DIFFERENTIATION
from raw2fig.papers.coordination.compare import gain, interplay, median_of, odds_of, success_of, truncated
from raw2fig.papers.coordination.measures import CRITERIA
from raw2fig.papers.coordination.nulls import SHUFFLES
from raw2fig.papers.coordination.pooling import pool_tests
from raw2fig.stats import Estimate, proportion
from raw2fig.tables import write_json

PUBLISHED = ROOT / "config/published/coordination.yaml"
CONDITIONS = ("plain", "persona", "tom")
VARIANTS = ("main", "redundancy=mmi", "estimator=plugin", "bins=3")
LANGUAGE = {"C1", "C1b", "C2", "C5", "C6", "C7", "C9"}
LOW = {"L1", "L2", "L3", "L4", "L5"}
"""Claims on a released model of low capacity."""


def planted_tests(excess: float, p: float, tom: float = 0.0, groups: int = 40) -> pd.DataFrame:
    """Tests whose bias-corrected values lie about `excess`, of ToM `tom` more, all with the same p."""
    rng = np.random.default_rng(0)
    rows = []
    for condition in CONDITIONS:
        for null in ("row", "column", "sync", "matched"):
            for variant in VARIANTS:
                for criterion in CRITERIA:
                    mean = excess + (tom if condition == "tom" else 0.0)
                    for index, value in enumerate(mean + 0.01 * rng.standard_normal(groups)):
                        row: dict[str, Any] = {"game": f"{condition}-{index}", "condition": condition, "model": "rules"}
                        row |= {
                            "replicate": 0,
                            "rounds": 20,
                            "agents": 10,
                            "null": null,
                            "variant": variant,
                            "criterion": criterion,
                        }
                        row |= {"observed": value, "null_median": 0.0, "bias_corrected": value, "p": p}
                        rows.append(row | {"share": np.nan, "surrogates": 200})
    return pd.DataFrame(rows)


def calibration(rejected: dict[tuple[str, str, str, int], float], reps: int = 400) -> pd.DataFrame:
    """Rates of all cells that the claims read, .05 where `rejected` has no other."""
    cells = [("iid", null, name, 20) for null in SHUFFLES for name in CRITERIA]
    cells += [("ar", null, name, 20) for null in ("row", "column") for name in CRITERIA]
    cells += [("sync", null, "capacity", 20) for null in ("column", "sync", "matched")]
    cells += [("flip", "column", "capacity", 60), ("steered", "column", "s_macro", 60), ("parity", "column", "g3", 60)]
    both = ("differentiated", "differentiated_robust")
    cells += [(process, DIFFERENTIATION, name, 20) for process in ("ar", "plain") for name in both]
    rows = []
    for process, null, criterion, rounds in cells:
        share = rejected.get((process, null, criterion, rounds), 0.05)
        row: dict[str, Any] = {"process": process, "null": null, "criterion": criterion, "rounds": rounds}
        rows.append(row | {"reps": reps, "rejected": round(share * reps), "rate": share, "low": share, "high": share})
    return pd.DataFrame(rows)


def outcomes(rates: dict[tuple[str, str], float], games: int = 200) -> pd.DataFrame:
    """Games of which these shares are solved, spread evenly."""
    rows = []
    for (model, condition), rate in rates.items():
        for index in range(games):
            row = {"game": f"{model}-{condition}-{index:04d}", "condition": condition, "model": model, "rounds": 20}
            row |= {"replicate": index % 4}
            rows.append(row | {"success": int((index + 1) * rate) > int(index * rate), "complete": True})
    return pd.DataFrame(rows)


SUCCESS = {("rules", c): 0.5 for c in CONDITIONS}
SUCCESS |= {("l", "plain"): 0.4, ("l", "persona"): 0.4, ("l", "tom"): 0.8}
SUCCESS |= {("low", "plain"): 0.11, ("low", "persona"): 0.14, ("low", "tom"): 0.03}
SUCCESS |= {("s", "plain"): 0.3, ("s", "persona"): 0.3, ("s", "tom"): 0.1}
AS_PUBLISHED = {
    ("sync", "column", "capacity", 20): 0.02,
    ("sync", "sync", "capacity", 20): 0.0,
    ("sync", "matched", "capacity", 20): 0.02,
    ("flip", "column", "capacity", 60): 1.0,
    ("steered", "column", "s_macro", 60): 0.9,
    ("parity", "column", "g3", 60): 1.0,
    ("ar", DIFFERENTIATION, "differentiated", 20): 0.99,
}


PLANTED = planted_tests(0.1, 0.03, tom=0.05)


@cache
def pooled_as_planted() -> pd.DataFrame:
    return pool_tests(PLANTED)


def decided(folder: Path, scale: str = "laptop", **changed: Any) -> dict[str, dict[str, Any]]:
    """Entries of claims.json from these tables."""
    tests = changed.get("tests", PLANTED)
    pooled = pool_tests(tests) if "tests" in changed else pooled_as_planted()
    tables = {
        "criteria.parquet": tests,
        "pooled.parquet": pooled.assign(replicate="all"),
        "calibration.csv": calibration(changed.get("rejected", AS_PUBLISHED)),
        "outcomes.parquet": outcomes(changed.get("success", SUCCESS)),
    }
    differ = [
        {"game": f"{m}-{c}-{i}", "condition": c, "model": m, "differentiated": True, "differentiated_robust": i < n}
        | {"replicate": 0, "plain_p_intercept_naive": 0.5, "plain_p_slope_naive": 0.5, "p_ends": 0.5}
        for m in ("rules", "low")
        for c, n in zip(CONDITIONS, (5, 20, 38), strict=True)
        for i in range(40)
    ]
    tables["differentiation.parquet"] = pd.DataFrame(differ)
    turned, followed = changed.get("moves", (0.7, 0.3))
    moved = [
        {"replicate": 0, "game": f"{m}-{c}-{i}", "condition": c, "model": m}
        | {"turned": turned + 0.01 * (i % 3), "followed": followed + 0.01 * (i % 3)}
        for m in ("rules", "low")
        for c in CONDITIONS
        for i in range(20)
    ]
    tables["moves.parquet"] = pd.DataFrame(moved)
    effect = {"model": "rules", "horizon": 10, "low": 0.05, "high": 0.4, "p": 0.01, "n": 500, "note": ""}
    tables["regression.parquet"] = pd.DataFrame([{**effect, "term": "interaction", "beta": 0.24}])
    tables["mediation.parquet"] = pd.DataFrame([{**effect, "method": "simulation", "effect": "acme", "estimate": 0.1}])
    found = {"tables": 100, "within": changed.get("within", 95)}
    tables["planted.csv"] = pd.DataFrame([{"analysis": name, **found} for name in ("interaction", "acme")])
    for name, over, ratio in (("sizes", "agents", 0.8), ("heats", "temperature", 0.5)):
        row = {"model": "rules", "condition": "plain", "replicate": "all", "over": over, "n": 500, "p": 0.001}
        tables[f"{name}.csv"] = pd.DataFrame([{**row, "odds_ratio": ratio, "low": ratio - 0.1, "high": ratio + 0.1}])
    for name, table in tables.items():
        path = folder / name
        table.to_parquet(path, index=False) if path.suffix == ".parquet" else table.to_csv(path, index=False)
    report = [{"model": "q", "condition": c, "replies": 1000, "truncated": 0.3} for c in CONDITIONS]
    report += [{"model": "q", "condition": f"{c}+repeat", "replies": 1000, "truncated": 0.001} for c in CONDITIONS]
    write_json(report, folder / "qc.json")
    given: dict[str, object] = {"published": PUBLISHED, "criteria": "criteria.parquet", "pooled": "pooled.parquet"}
    given |= {"calibration": "calibration.csv", "differentiation": "differentiation.parquet"}
    given |= {"outcomes": "outcomes.parquet", "reports": "qc.json", "regression": "regression.parquet"}
    given |= {
        "moves": "moves.parquet",
        "mediation": "mediation.parquet",
        "planted": "planted.csv",
        "claims": "claims.json",
    }
    words = [word for name, value in given.items() for word in (f"--{name}", folder / str(value))]
    words += ["--odds", folder / "sizes.csv", folder / "heats.csv", "--main", "rules", "--larger", "l"]
    words += ["--smaller", "s", "--looping", "q", "--scale", scale]
    words += ["--language"] if scale == "paper" else ["--trained", "l", "s"]
    words += ["--lowest", changed.get("lowest", "low" if scale == "paper" else "none")]
    assert call("claims", *words) == 0
    return {entry["id"]: entry for entry in read_claims(folder / "claims.json")["claims"]}


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The claims on these tables without a language model."""
    return decided(tmp_path_factory.mktemp("claims"))


def test_no_claim_on_language_models_is_decided_without_one(laptop: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    assert {name for name, entry in laptop.items() if entry["verdict"] == "out of scale"} == LANGUAGE | LOW
    assert "out of scale" not in {entry["verdict"] for entry in decided(tmp_path, "paper").values()}


def test_tables_as_published_reproduce(tmp_path: Path) -> None:
    """All but those that contradict one another: G3 cannot be above its null (C4) and at most there (C4b), and the
    claim on all shuffles of C10b is kept only if the sync rule is not rejected, which C10c asks for."""
    verdicts = {name: entry["verdict"] for name, entry in decided(tmp_path, "paper").items()}
    failed = {name for name, verdict in verdicts.items() if verdict != "reproduced"}
    assert failed == {"C1b", "C4b", "C10c", "P2"}


@pytest.mark.parametrize(
    ("changed", "claim", "verdict"),
    [
        ({"tests": planted_tests(-0.1, 0.5)}, "C3", "not reproduced"),
        ({"tests": planted_tests(0.1, 0.5, tom=-0.02)}, "C3", "not reproduced"),  # Plain has more
        ({"tests": planted_tests(0.1, 0.5, groups=60)}, "C4", "not reproduced"),
        ({"tests": planted_tests(-0.1, 0.5)}, "C4b", "reproduced"),
        ({"tests": planted_tests(-0.1, 0.5)}, "C10e", "not reproduced"),
        ({"rejected": AS_PUBLISHED | {("iid", "block", "g3", 20): 0.3}}, "C10", "not reproduced"),
        ({"rejected": AS_PUBLISHED | {("ar", "column", "i3", 20): 0.3}}, "C10", "not reproduced"),
        ({"rejected": AS_PUBLISHED | {("ar", "row", "capacity", 20): 0.3}}, "C10b", "not reproduced"),
        ({"rejected": AS_PUBLISHED | {("sync", "column", "capacity", 20): 1.0}}, "C10c", "reproduced"),
        ({"rejected": AS_PUBLISHED | {("parity", "column", "g3", 60): 0.5}}, "C10d", "not reproduced"),
        (
            {"rejected": AS_PUBLISHED | {("plain", DIFFERENTIATION, "differentiated_robust", 20): 1.0}},
            "C2y",
            "not reproduced",
        ),
        ({"within": 70}, "C5x", "not reproduced"),
        ({"success": SUCCESS | {("s", "tom"): 0.9}}, "C8", "not reproduced"),
        ({"success": SUCCESS | {("s", "persona"): 0.9}}, "C8b", "not reproduced"),
    ],
)
def test_what_decides_a_claim(
    changed: dict[str, Any], claim: str, verdict: str, laptop: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    assert laptop[claim]["verdict"] != verdict
    assert decided(tmp_path, **changed)[claim]["verdict"] == verdict


@pytest.mark.parametrize(
    ("changed", "claim"),
    [
        ({"success": SUCCESS | {("low", "persona"): 0.9}}, "L1"),
        ({"success": SUCCESS | {("low", "tom"): 0.3}}, "L2"),
        ({"moves": (0.3, 0.3)}, "L3"),
        ({"moves": (0.7, 0.7)}, "L4"),
    ],
)
def test_a_model_of_low_capacity_is_judged_by_its_own_games(
    changed: dict[str, Any], claim: str, tmp_path: Path
) -> None:
    """It needs no larger language model, and what it does decides no other claim."""
    usual = decided(tmp_path, lowest="low")
    assert {name: usual[name]["verdict"] for name in sorted(LOW)} == dict.fromkeys(sorted(LOW), "reproduced")
    assert {name for name, entry in usual.items() if entry["verdict"] == "out of scale"} == LANGUAGE
    other = decided(tmp_path, lowest="low", **changed)
    assert {name for name in usual if other[name]["verdict"] != usual[name]["verdict"]} == {claim}
    assert other[claim]["verdict"] == "not reproduced"


def test_a_gain_of_others_is_over_games_and_an_interplay_that_of_the_gains() -> None:
    table = outcomes({("a", "plain"): 0.2, ("a", "tom"): 0.7, ("b", "plain"): 0.4, ("b", "tom"): 0.3}, games=100)
    found = gain(table, "a", "plain", "tom")
    assert (found.value, found.n, found.replicates) == (pytest.approx(0.5), 100, None)
    assert interplay(table, "a", "b").value == pytest.approx(0.6)
    assert success_of(table, "a", "tom") == proportion(70, 100)
    with pytest.raises(Absent):
        gain(table, "a", "plain", "persona")


def test_claims_about_trained_players_are_over_replicates_by_hand() -> None:
    """Gains of the larger model in three replicates: .5, .4, .6; of the smaller one: .1, .2, .3. Their differences .4,
    .2, .3 have mean .3 and standard deviation .1, and t is 4.303; how many games a replicate has does not matter."""
    rates = {"l": ([0.2, 0.3, 0.1], [0.7, 0.7, 0.7]), "s": ([0.1, 0.1, 0.1], [0.2, 0.3, 0.4])}
    parts = [
        outcomes({(model, "plain"): before[r], (model, "tom"): after[r]}, games=(10, 20, 40)[r]).assign(replicate=r)
        for model, (before, after) in rates.items()
        for r in range(3)
    ]
    found = interplay(pd.concat(parts), "l", "s", ["l", "s"])
    half = 4.302653 * 0.1 / np.sqrt(3)
    assert found[:3] == pytest.approx((0.3, 0.3 - half, 0.3 + half))
    assert found.replicates is not None
    assert found.replicates.n == 3
    assert gain(pd.concat(parts), "l", "plain", "tom", ["l"]).value == pytest.approx(0.5)
    rate = success_of(pd.concat(parts), "s", "tom", ["s"])
    assert rate[:3] == pytest.approx((0.3, 0.3 - half, 0.3 + half))


def test_an_odds_ratio_that_a_replicate_lacks_leaves_the_claim_open(tmp_path: Path) -> None:
    row = {"model": "l", "condition": "plain", "over": "temperature", "n": 300, "low": 1.0, "high": 9.0, "p": 0.01}
    frame = pd.DataFrame([{**row, "replicate": str(r), "odds_ratio": ratio} for r, ratio in enumerate((2.0, 4.0, 6.0))])
    frame.to_csv(tmp_path / "odds.csv", index=False)
    found = odds_of(tmp_path / "odds.csv", "temperature")["l"]
    assert found[:3] == pytest.approx((4, 0, 4 + 4.302653 * 2 / np.sqrt(3)))
    frame.loc[1, ["odds_ratio", "low", "high", "p"]] = np.nan
    frame.to_csv(tmp_path / "odds.csv", index=False)
    with pytest.raises(Undecided, match="no finite odds ratio over temperature for l"):
        odds_of(tmp_path / "odds.csv", "temperature")
    with pytest.raises(Absent):
        odds_of(tmp_path / "odds.csv", "agents")


def test_the_interval_of_a_median_covers_it_in_95_of_100_samples() -> None:
    rng = np.random.default_rng(0)
    for n in (10, 25, 60):
        held = [
            found.low <= np.log(2) <= found.high for found in (median_of(rng.exponential(size=n)) for _ in range(2000))
        ]
        assert 0.945 <= np.mean(held) <= 0.985
    assert np.isnan(median_of(np.arange(5.0)).low)
    assert median_of(np.arange(6.0)) == Estimate(2.5, 0.0, 5.0, 6)


def test_replies_cut_are_counted_with_and_without_the_line(tmp_path: Path) -> None:
    write_json([{"model": "q", "condition": "tom+repeat", "replies": 50, "truncated": 0.1}], tmp_path / "a.json")
    write_json([{"model": "q", "condition": "tom", "replies": 50, "truncated": 0.5}], tmp_path / "b.json")
    found = truncated([tmp_path / "a.json", tmp_path / "b.json"], "q")
    assert (found["with it"]["ToM"].value, found["without the line"]["ToM"].value) == (0.1, 0.5)
    with pytest.raises(Absent):
        truncated([tmp_path / "a.json"], "q")
