"""The planted effects are those that are looked for, and an analysis that is off does not find them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from game_tools import call

from raw2fig.papers.coordination import planted
from raw2fig.papers.coordination.regression import acme_of, quadrature_acme


def found(folder: Path) -> pd.DataFrame:
    words = ("--tables", 20, "--groups", 1000, "--mediated-groups", 400, "--draws", 60)
    assert call("planted", *words, "--table", folder / "planted.csv") == 0
    return pd.read_csv(folder / "planted.csv").set_index("analysis")


def test_check_18_what_is_planted_is_found(tmp_path: Path) -> None:
    table = found(tmp_path)
    assert (table["within"] >= 16).all()
    assert table.loc["interaction", "mean"] == pytest.approx(0.24, abs=0.06)
    assert table.loc["acme", "mean"] == pytest.approx(table.loc["acme", "truth"], abs=0.01)


def test_a_wrong_estimate_is_not_within_its_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted, "BETA", 0.6)
    estimate, error = planted._interaction(1000, np.random.default_rng(0))
    assert abs(estimate - 0.24) > 2 * error
    assert abs(estimate - 0.6) < 3 * error


def test_the_planted_mediated_effect_is_the_limit_of_large_tables() -> None:
    rng = np.random.default_rng(0)
    treated = np.resize([0.0, 1.0], 200_000)
    synergy = planted.SHIFT * treated + rng.standard_normal(len(treated))
    eta = planted.DIRECT * treated + planted.SLOPE * synergy
    success = (rng.random(len(treated)) < 1 / (1 + np.exp(-eta))).astype(float)
    truth = acme_of((0.0, planted.DIRECT, planted.SLOPE), 0.0, planted.SHIFT, 1.0)
    assert quadrature_acme(success, synergy, treated) == pytest.approx(truth, abs=0.002)
    assert truth == pytest.approx(0.034, abs=0.001)
