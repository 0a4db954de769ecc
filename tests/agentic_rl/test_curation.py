"""Model-aware curation: buckets, histograms, and the largest subset with the shares of a target."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl.curation import (
    BUCKETS,
    chosen_rows,
    curate,
    difficulty,
    histogram,
    pass_rates,
    quotas,
)

COUNTS = st.lists(st.integers(0, 40), min_size=3, max_size=3).map(
    lambda counts: dict(zip(BUCKETS, counts, strict=True))
)


def test_check_19_buckets_of_eight_rollouts() -> None:
    words = difficulty(np.arange(9) / 8).tolist()
    assert words == ["never", "hard", "hard", "medium", "medium", "medium", "easy", "easy", "always"]
    assert histogram(np.arange(9) / 8) == {"easy": 2, "medium": 3, "hard": 2}


@given(COUNTS, COUNTS)
def test_check_19_the_histogram_matches_the_target_within_one_item(
    there: dict[str, int], target: dict[str, int]
) -> None:
    known = {bucket: target[bucket] if there[bucket] else 0 for bucket in BUCKETS}
    if not sum(known.values()):
        with pytest.raises(InputError):
            quotas(there, target)
        return
    found, target, whole = quotas(there, target), known, sum(known.values())
    size = sum(found.values())
    for bucket in BUCKETS:
        assert 0 <= found[bucket] <= there[bucket]
        assert abs(found[bucket] - size * target[bucket] / whole) < 1
    # one problem more would need more than there are of some bucket
    assert any(target[bucket] * (size + 1) > there[bucket] * whole for bucket in BUCKETS)


def test_check_19_a_subset_by_hand() -> None:
    weak = np.repeat(np.arange(9) / 8, [50, 40, 20, 10, 10, 10, 5, 5, 3])  # 10 easy, 30 medium, 60 hard
    strong = np.repeat(np.arange(9) / 8, [5, 5, 5, 10, 10, 10, 10, 10, 40])  # 20, 30, 10
    rows = chosen_rows(weak, histogram(strong), np.random.default_rng(0))
    assert histogram(weak[rows]) == {"easy": 10, "medium": 15, "hard": 5}
    assert len(set(rows)) == len(rows) == 30
    assert (np.diff(rows) > 0).all()
    other = chosen_rows(weak, histogram(strong), np.random.default_rng(1))
    assert histogram(weak[other]) == histogram(weak[rows])
    assert other.tolist() != rows.tolist()


def test_all_are_kept_of_a_model_that_is_the_target() -> None:
    for counts in product((0, 1, 3), repeat=3):
        if sum(counts):
            target = dict(zip(BUCKETS, counts, strict=True))
            assert quotas(target, target) == target


def test_a_bucket_without_problems_is_left_out_and_the_others_keep_their_proportions() -> None:
    there = {"easy": 0, "medium": 9, "hard": 40}
    assert quotas(there, {"easy": 7, "medium": 3, "hard": 6}) == {"easy": 0, "medium": 9, "hard": 18}
    assert quotas({"easy": 0, "medium": 0, "hard": 4}, {"easy": 7, "medium": 3, "hard": 6})["hard"] == 4


def table(path: Path, rates: list[float]) -> Path:
    pd.DataFrame({"problem": [f"p{place}" for place in range(len(rates))], "pass_rate": rates}).to_csv(
        path, index=False
    )
    return path


def test_the_step_writes_the_subset_and_its_report(tmp_path: Path) -> None:
    weak = table(tmp_path / "weak.csv", [0, 0, 0.125, 0.125, 0.25, 0.25, 0.5, 0.5, 0.75, 1])
    strong = table(tmp_path / "strong.csv", [0.25, 0.5, 0.875, 1])
    for name in ("a", "b"):
        curate(rates=weak, target=strong, chosen=tmp_path / f"{name}.csv", report=tmp_path / f"{name}.json", seed=3)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    chosen = pd.read_csv(tmp_path / "a.csv")
    assert sorted(chosen["difficulty"]) == ["easy", "hard", "medium"]
    assert (chosen["difficulty"] == difficulty(chosen["pass_rate"])).all()
    report = json.loads((tmp_path / "a.json").read_text())
    assert report["weak"] == {"never": 2, "always": 1, "easy": 1, "medium": 2, "hard": 4, "all": 10}
    assert report["chosen"] == {"never": 0, "always": 0, "easy": 1, "medium": 1, "hard": 1, "all": 3}
    assert report["strong"]["all"] == 4


@pytest.mark.parametrize(
    ("weak", "strong", "message"),
    [
        ([0.5, 1.5], [0.5], r"weak.csv: pass_rate 1.5 in row 2 below the header; expected 0 to 1"),
        ([0.5], [0.0, 1.0], r"target: has no problem that is sometimes solved"),
        ([0.5], [0.9], r"rates: have no problem as difficult as any of the target"),
    ],
)
def test_impossible_subsets_are_refused(tmp_path: Path, weak: list[float], strong: list[float], message: str) -> None:
    rates, target = table(tmp_path / "weak.csv", weak), table(tmp_path / "strong.csv", strong)
    with pytest.raises(InputError, match=message):
        curate(rates=rates, target=target, chosen=tmp_path / "a.csv", report=tmp_path / "a.json")
    pd.DataFrame({"problem": ["a", "a"], "pass_rate": [0.1, 0.2]}).to_csv(rates, index=False)
    with pytest.raises(InputError, match=r"weak.csv: problem 'a' comes twice"):
        curate(rates=rates, target=target, chosen=tmp_path / "a.csv", report=tmp_path / "a.json")


def test_pass_rates_are_those_of_a_table_of_rollouts(tmp_path: Path) -> None:
    frame = pd.DataFrame({"problem": ["a"] * 4 + ["b"] * 2, "sample": [0, 1, 2, 3, 0, 1]})
    frame["prediction"], frame["correct"] = "7", [True, False, False, False, True, True]
    frame.to_parquet(tmp_path / "samples.parquet")
    pass_rates(samples=tmp_path / "samples.parquet", rates=tmp_path / "rates.csv")
    assert pd.read_csv(tmp_path / "rates.csv").to_numpy().tolist() == [["a", 4, 0.25], ["b", 2, 1.0]]
