"""Frontiers of cost and accuracy, against scipy's hull and by what must hold of every frontier."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import ConvexHull

from raw2fig.papers.hal.frontier import hull, hull_paper, nondominated

POINTS = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.integers(0, 20).map(float))


def dominated(points: np.ndarray, row: int) -> bool:
    cost, accuracy = points[row]
    return any(c <= cost and a >= accuracy and (c < cost or a > accuracy) for c, a in points)


def test_a_small_frontier_by_hand() -> None:
    points = np.array([[1, 0.2], [2, 0.5], [3, 0.55], [4, 0.8], [5, 0.8], [6, 0.7]])
    assert nondominated(*points.T).tolist() == [True, True, True, True, False, False]
    # the first lies below the line from the origin to the second, the third below that to the fourth
    assert hull(*points.T).tolist() == [False, True, False, True, False, False]


@given(POINTS)
def test_check_4_a_hull_has_no_dominated_point(points: np.ndarray) -> None:
    found = hull(*points.T)
    assert not any(dominated(points, row) for row in np.flatnonzero(found))
    assert not (found & ~nondominated(*points.T)).any()
    assert nondominated(*points.T).tolist() == [not dominated(points, row) for row in range(len(points))]


@given(POINTS, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.randoms())
def test_check_5_a_hull_ignores_scales_order_and_dominated_points(points: np.ndarray, x, y, random) -> None:
    found = hull(*points.T)
    assert hull(points[:, 0] * x, points[:, 1] * y).tolist() == found.tolist()
    order = list(range(len(points)))
    random.shuffle(order)
    assert hull(*points[order].T).tolist() == found[order].tolist()
    worse = points + np.array([1.0, -0.5])
    assert hull(*np.concatenate([points, worse]).T)[: len(points)].tolist() == found.tolist()


@given(POINTS)
@settings(max_examples=50)
def test_check_5_all_points_and_mixtures_lie_on_or_under_the_hull(points: np.ndarray) -> None:
    corners = np.concatenate([[[0.0, 0.0]], points[hull(*points.T)]])
    corners = corners[np.argsort(corners[:, 0])]
    assert (points[:, 1] <= np.interp(points[:, 0], corners[:, 0], corners[:, 1]) + 1e-9).all()


def test_check_5_the_hull_is_the_upper_chain_of_scipys() -> None:
    for seed in range(50):
        points = np.random.default_rng(seed).random((30, 2))
        chain = ConvexHull(np.concatenate([points, [[0.0, 0.0]]]))
        vertices = {row for row in chain.vertices if row < len(points)}
        # of its vertices those on the way from the origin up to the most accurate point
        best = points[:, 1].argmax()
        slope = points[best] / np.linalg.norm(points[best])
        left = {row for row in vertices if slope[0] * points[row, 1] - slope[1] * points[row, 0] > 0 or row == best}
        assert set(np.flatnonzero(hull(*points.T))) == left


def test_equally_accurate_points_stay_in_the_papers_hull_alone() -> None:
    cost, accuracy = np.array([1.0, 3.0]), np.array([0.5, 0.5])
    assert hull(cost, accuracy).tolist() == [True, False]
    assert hull_paper(cost, accuracy).tolist() == [True, True]


@pytest.mark.parametrize("frontier", [hull, hull_paper])
def test_a_run_that_costs_and_solves_nothing_is_the_origin(frontier) -> None:
    assert not hull(np.zeros(1), np.zeros(1)).any()
    assert frontier(np.array([0.0, 2.0]), np.array([0.0, 0.4])).tolist()[1]
