"""The sigmoid law and its limits: checks 1, 5 and 6 of ScaleRL."""

import numpy as np
import pytest

from raw2fig.papers.scalerl.law import log_f, power_law, sigmoid

LAW = {"r0": 0.25, "a": 0.61, "b": 1.92, "c_mid": 2542.0}
"""The paper's 8B run (table 1), with an R_0 of ours."""


def test_check_1_middle_ends_and_monotone() -> None:
    assert sigmoid(LAW["c_mid"], **LAW) == pytest.approx((LAW["r0"] + LAW["a"]) / 2, abs=1e-15)
    assert sigmoid(0.0, **LAW) == LAW["r0"]
    assert sigmoid(1e30, **LAW) == pytest.approx(LAW["a"], abs=1e-12)
    assert (np.diff(sigmoid(np.geomspace(1, 1e6, 400), **LAW)) > 0).all()
    one, other = (sigmoid(LAW["c_mid"] * factor, **LAW) for factor in (0.2, 5))
    assert one + other == pytest.approx(LAW["r0"] + LAW["a"])  # a logistic curve in ln C


def test_check_5_the_line_of_figure_7_has_the_slope_b_and_leaves_out_what_is_not_on_it() -> None:
    compute = np.geomspace(300, 60_000, 30)
    score = sigmoid(compute, **LAW)
    x, y = log_f(compute, score, **LAW)
    np.testing.assert_allclose(y, LAW["b"] * np.log(compute), rtol=1e-9)
    assert np.polyfit(x, y, 1)[0] == pytest.approx(LAW["b"])
    score[[0, 7, 29]] = LAW["r0"], LAW["r0"] - 0.1, LAW["a"] + 0.01
    x, y = log_f(compute, score, **LAW)
    assert len(x) == len(y) == 27
    assert np.isfinite(y).all()


@pytest.mark.parametrize(("compute", "gap"), [(20_000, 1.3e-4), (50_000, 4e-6), (100_000, 3e-7)])
def test_check_6_the_power_law_is_the_limit(compute: float, gap: float) -> None:
    d = (LAW["a"] - LAW["r0"]) * LAW["c_mid"] ** LAW["b"]
    found = sigmoid(compute, **LAW) - power_law(compute, LAW["a"], d, LAW["b"])
    assert found == pytest.approx(gap, rel=0.2)
