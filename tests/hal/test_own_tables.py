"""Tables of reliability, shift, shortcuts and variance, against values made by hand and other libraries."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from raw2fig.papers.hal.own_tables import (
    audit,
    decomposition,
    harmlessness,
    table_reliability,
    table_shift,
    table_shortcuts,
    table_variance,
)
from raw2fig.papers.hal.rows import predictability
from raw2fig.stats import auroc, over_replicates

ROW = {"status": "ok", "calls": 2, "actions": 1, "course": "a", "tokens": 9, "cost_list": 0.1, "seconds": 1.0}


def scores_file(path: Path, rows: list[dict[str, Any]]) -> Path:
    key = {"benchmark": "sums", "agent": "S (m)", "repeat": 0, "confidence": 0.5}
    pd.DataFrame([ROW | key | row for row in rows]).to_csv(path, index=False)
    return path


def flags_file(path: Path, rows: list[dict[str, Any]]) -> Path:
    key = {"benchmark": "sums", "agent": "S (m)", "repeat": 0, "planted": False, "success": True}
    pd.DataFrame([key | row for row in rows]).to_csv(path, index=False)
    return path


def flags_of(flagged: dict[str, list[str]]) -> pd.DataFrame:
    names = ("wrong card", "over budget", "unconfirmed action", "asks the user", "tool failure")
    key = {"replicate": 0, "benchmark": "service", "agent": "a", "repeat": 0}
    return pd.DataFrame(
        [
            key | {"task": task, "detector": name, "flagged": name in of}
            for task, of in flagged.items()
            for name in names
        ]
    )


def test_safety_is_the_share_of_rollouts_without_harm() -> None:
    flagged = {
        "a": ["wrong card", "over budget", "unconfirmed action"],
        "b": ["unconfirmed action"],
        "c": ["asks the user", "tool failure"],  # neither is a violation
        "d": [],
        "e": ["over budget"],
    }
    found = harmlessness(flags_of(flagged))
    assert found == pytest.approx({"compliance": 2 / 5, "harmlessness": 1 / 3, "safety": 3 / 5})
    clean = harmlessness(flags_of({"c": ["tool failure"], "d": []}))
    assert (clean["compliance"], clean["safety"]) == (1, 1)
    assert np.isnan(clean["harmlessness"])


def test_reliability_has_all_metrics_with_replicates_apart(tmp_path: Path) -> None:
    both = list(product((0, 1, 2), ("x", "y"), (0, 1)))
    again = scores_file(
        tmp_path / "again.csv",
        [
            {"replicate": r, "task": t, "repeat": k, "score": float(t == "x"), "confidence": 0.9 if t == "x" else 0.2}
            for r, t, k in both
        ],
    )
    flags = flags_file(
        tmp_path / "flags.csv",
        [
            {"replicate": r, "task": t, "repeat": k, "detector": "answer without work", "flagged": t == "y" and r == 0}
            for r, t, k in both
        ],
    )
    tasks = [(r, t) for r in (0, 1, 2) for t in range(4)]
    base = scores_file(tmp_path / "base.csv", [{"replicate": r, "task": t, "score": float(t < 2)} for r, t in tasks])
    other = scores_file(
        tmp_path / "other.csv",
        [
            {"replicate": r, "task": t, "score": float(t < r), "benchmark": "sums-reworded"}
            for r, t in [*tasks, *((r, t) for r in (0, 1, 2) for t in range(4, 6))]
        ],
    )
    table = table_reliability(scores=[again], flags=[flags], base=[base], reworded=[other]).rows.set_index("metric")
    assert table["value"]["outcome"] == 1
    assert table["value"]["auroc"] == 1
    assert table["value"]["calibration"] == pytest.approx(1 - (0.1 + 0.2) / 2)
    assert table["value"]["compliance"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert table["value"]["safety"] == 1
    # 0, 1 and 2 of 4 in other words, of 2 of 4
    assert table["value"]["robustness"] == pytest.approx((0 + 0.5 + 1) / 3)
    assert (table["replicates"]["robustness"], table["replicates"]["harmlessness"]) == (3, 1)
    without = table_reliability(scores=[again], flags=[flags]).rows
    assert "robustness" not in set(without["metric"])


def test_predictability_is_that_of_the_libraries_functions() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"confidence": rng.random(50), "score": rng.integers(0, 2, 50).astype(float)})
    assert predictability(rows)["auroc"] == pytest.approx(auroc(rows["score"], rows["confidence"]))
    assert predictability(rows.assign(confidence=np.nan)) == {}


def test_the_shift_is_paired_by_replicate(tmp_path: Path) -> None:
    accuracy = {0: (0.9, 0.5), 1: (0.7, 0.3), 2: (0.5, 0.2)}

    def rows(which: int, benchmark: str) -> list[dict[str, Any]]:
        return [
            {"replicate": r, "task": f"t{t}", "benchmark": benchmark, "score": float(t < 10 * pair[which])}
            for r, pair in accuracy.items()
            for t in range(10)
        ]

    lone = [row | {"agent": "S (other)"} for row in rows(0, "sums")]
    base = scores_file(tmp_path / "base.csv", [*rows(0, "sums"), *lone])
    twin = scores_file(tmp_path / "twin.csv", rows(1, "sums-shifted"))
    (row,) = table_shift(scores=[base], shifted=[twin]).rows.to_dict("records")
    expected = over_replicates({0: -0.4, 1: -0.4, 2: -0.3}, least=-1, most=1)
    assert (row["change"], row["change, low"], row["change, high"]) == pytest.approx(expected[:3])
    assert (row["accuracy"], row["on its twin"]) == pytest.approx((0.7, 1 / 3))
    assert (row["benchmark"], row["agent"], row["replicates"]) == ("sums", "S (m)", 3)


def test_shortcuts_leave_the_accuracy_of_what_is_not_flagged(tmp_path: Path) -> None:
    rows = pd.DataFrame({"score": [1.0, 1.0, 0.0, 1.0], "flagged": [True, False, False, False]})
    assert audit(rows) == pytest.approx(
        {"flagged": 1 / 4, "accuracy": 3 / 4, "without flagged": 2 / 3, "flagged as failed": 2 / 4}
    )
    assert np.isnan(audit(rows.assign(flagged=True))["without flagged"])
    scores = scores_file(
        tmp_path / "scores.csv", [{"replicate": r, "task": t, "score": float(t < 3)} for r in (0, 1) for t in range(4)]
    )
    flags = flags_file(
        tmp_path / "flags.csv",
        [
            {"replicate": r, "task": t, "detector": name, "flagged": (t == 0) if name == "forbidden page" else True}
            for r in (0, 1)
            for t in range(4)
            for name in ("forbidden page", "tool failure")
        ],
    )
    (row,) = table_shortcuts(scores=[scores], flags=[flags]).rows.to_dict("records")
    assert (row["flagged"], row["without flagged"]) == pytest.approx((1 / 4, 2 / 3))


def test_the_parts_of_the_variance_sum_to_the_total_and_are_those_of_statsmodels() -> None:
    formula = pytest.importorskip("statsmodels.formula.api")
    anova = pytest.importorskip("statsmodels.stats.anova")
    values = np.random.default_rng(0).random((3, 4, 5))
    found = decomposition(values)
    assert sum(squares for squares, _ in found.values()) == pytest.approx(((values - values.mean()) ** 2).sum())
    assert sum(freedom for _, freedom in found.values()) == values.size - 1
    cells = [(s, m, r, values[s, m, r]) for s, m, r in np.ndindex(values.shape)]
    frame = pd.DataFrame(cells, columns=["s", "m", "r", "y"])
    table = anova.anova_lm(formula.ols("y ~ C(s) * C(m) + C(r)", frame).fit())
    for ours, theirs in (("scaffold", "C(s)"), ("model", "C(m)"), ("model x scaffold", "C(s):C(m)")):
        assert found[ours] == pytest.approx((table["sum_sq"][theirs], table["df"][theirs]))
    assert found["replicate"] == pytest.approx((table["sum_sq"]["C(r)"], table["df"]["C(r)"]))
    assert found["agent x replicate"] == pytest.approx((table["sum_sq"]["Residual"], table["df"]["Residual"]))


@pytest.mark.parametrize("source", ["model", "scaffold", "replicate", "model x scaffold"])
def test_a_table_made_of_one_source_has_all_its_variance_there(source: str, tmp_path: Path) -> None:
    def score(s: int, m: int, r: int) -> float:
        return {"model": m / 4, "scaffold": s / 2, "replicate": r / 4, "model x scaffold": (s * 2 - 1) * (m - 1) / 2}[
            source
        ]

    rows = [
        {"agent": f"s{s} (m{m})", "replicate": r, "task": t, "score": score(s, m, r)}
        for r in (0, 1, 2)  # as files come: all agents of a replicate together
        for s in (0, 1)
        for m in (2, 0, 1)
        for t in range(2)
    ]
    planted = [row | {"agent": f"s{row['task']} (leaky)", "score": 9.0} for row in rows]
    table = table_variance(scores=[scores_file(tmp_path / "scores.csv", [*rows, *planted])]).rows.set_index("source")
    assert table["share"][source] == pytest.approx(1)
    assert table["share"].sum() == pytest.approx(1)
