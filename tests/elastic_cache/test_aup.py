"""Accuracy under parallelism: the leaderboard's points, and what its definition implies."""

from pathlib import Path

import pytest

from raw2fig.papers.elastic_cache.aup import aup
from raw2fig.papers.elastic_cache.published import read_leaderboard
from raw2fig.tables import rows_where

LEADERBOARD = Path(__file__).parents[2] / "config/elastic_cache/leaderboard.csv"


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("Qwen", 74.1),
        ("LLaDA", 72.55),
        ("Fast-dLLM", 205.78),
        ("D2F", 213.76),
        ("dParallel", 358.14),
        ("d3LLM", 637.65),
    ],
)
def test_check_27_aup_of_the_leaderboards_points(method: str, value: float) -> None:
    rows = rows_where(read_leaderboard(LEADERBOARD), method=method)
    points = list(zip(rows["tokens_per_forward"], rows["value"], strict=True))
    assert aup(points, 74.98) == pytest.approx(value, abs=0.01)


def test_check_27_aup_of_one_point_is_its_product_whatever_the_best() -> None:
    assert aup([(2.0, 70.0)], 95.0) == 140.0


def test_check_27_aup_leaves_a_middle_point_out_and_is_undefined_for_a_last_one() -> None:
    ends = [(1.0, 80.0), (4.0, 78.0)]
    assert aup([*ends, (2.0, 74.9)], 80.0) == aup(ends, 80.0)
    assert aup([*ends, (2.0, 75.0)], 80.0) != aup(ends, 80.0)
    assert aup([*ends, (5.0, 74.9)], 80.0) is None
    assert aup([*ends, (5.0, 75.0)], 80.0) is not None


def test_check_27_equal_tokens_per_forward_add_nothing() -> None:
    points = [(1.0, 80.0), (3.0, 79.0)]
    assert aup([*points, (3.0, 79.0)], 80.0) == aup(points, 80.0)


def test_aup_is_the_area_under_a_line_where_no_weight_counts() -> None:
    """Points at the best accuracy have the weight 1, and the order of the points is no matter."""
    assert aup([(6.0, 50.0), (1.0, 50.0), (3.0, 50.0)], 50.0) == 6 * 50
    assert aup([(1.0, 50.0), (6.0, 50.0)], 40.0) == 6 * 50  # a weight is never above 1
    assert aup([(1.0, 50.0), (6.0, 50.0)], 60.0, alpha=0) == 6 * 50
    better, worse = aup([(1.0, 50.0), (6.0, 50.0)], 50.0), aup([(1.0, 50.0), (6.0, 50.0)], 60.0)
    assert better is not None
    assert worse is not None
    assert worse < better
