"""Regression and mediation on tables with planted effects, weights for games that ended early."""

import numpy as np
import pandas as pd
import pytest

from raw2fig.papers.coordination.early import observation_weights
from raw2fig.papers.coordination.regression import interaction, linear_acme, mediate, quadrature_acme

BETA = 0.24


def games(n: int, seed: int = 0) -> pd.DataFrame:
    """Success a logit of standardised synergy, redundancy and their product, and of the condition."""
    rng = np.random.default_rng(seed)
    synergy, redundancy = rng.standard_normal((2, n))
    condition = rng.choice(["persona", "plain", "tom"], n)
    eta = 0.1 * synergy - 0.05 * redundancy + BETA * synergy * redundancy + 0.3 * (condition == "tom")
    frame = pd.DataFrame({"condition": condition, "synergy": 0.02 * synergy + 0.1, "redundancy": 0.01 * redundancy})
    success = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
    return frame.assign(success=success, i3=rng.standard_normal(n), ipw=1.0)


def term(rows: list[dict], name: str) -> dict:
    return next(row for row in rows if row["term"] == name)


def test_check_18_the_planted_interaction_is_recovered() -> None:
    row = term(interaction(games(2000)), "interaction")
    assert abs(row["beta"] - BETA) < 2 * row["se"]
    assert row["se"] == pytest.approx(1 / np.sqrt(2000 / 4), rel=0.15)
    assert row["odds_ratio"] == pytest.approx(np.exp(row["beta"]))
    assert row["low"] < BETA < row["high"]


def test_intervals_of_the_interaction_cover_it() -> None:
    rows = [term(interaction(games(500, seed)), "interaction") for seed in range(60)]
    assert 0.85 <= np.mean([row["low"] <= BETA <= row["high"] for row in rows]) <= 1
    other = [term(interaction(games(500, seed), "i3"), "interaction")["p"] < 0.05 for seed in range(60)]
    assert np.mean(other) < 0.15


def test_weights_of_two_are_games_that_occur_twice() -> None:
    frame = games(600)
    twice = pd.concat([frame, frame.iloc[:200]])
    weighted = frame.assign(ipw=np.where(np.arange(600) < 200, 2.0, 1.0))
    # the same standardisation in both
    for name in ("synergy", "redundancy"):
        twice[name] = (twice[name] - frame[name].mean()) / frame[name].std()
        weighted[name] = (weighted[name] - frame[name].mean()) / frame[name].std()
    z = [term(interaction(one), "condition tom")["beta"] for one in (twice, weighted)]
    assert z[0] == pytest.approx(z[1], abs=0.01)


def test_errors_of_weighted_games_are_those_of_a_sandwich_written_out() -> None:
    """Weights that are probabilities' inverses are squared in the middle of the sandwich, and n / (n - k) is there."""
    frame = games(400).assign(ipw=np.random.default_rng(1).uniform(1, 6, 400))
    rows = interaction(frame)
    z = [(frame[name] - frame[name].mean()) / frame[name].std(ddof=0) for name in ("synergy", "redundancy")]
    dummies = [(frame["condition"] == name).astype(float) for name in ("plain", "tom")]
    X = np.column_stack([np.ones(400), *z, z[0] * z[1], *dummies])
    y, w = frame["success"].to_numpy(), frame["ipw"].to_numpy()
    beta = np.zeros(X.shape[1])
    for _ in range(30):  # Newton's method on the weighted likelihood
        p = 1 / (1 + np.exp(-X @ beta))
        bread = np.linalg.inv(sum(w[i] * p[i] * (1 - p[i]) * np.outer(X[i], X[i]) for i in range(400)))
        beta = beta + bread @ sum(w[i] * (y[i] - p[i]) * X[i] for i in range(400))
    scores = [w[i] * (y[i] - p[i]) * X[i] for i in range(400)]
    covariance = 400 / (400 - X.shape[1]) * bread @ sum(np.outer(s, s) for s in scores) @ bread
    assert [row["beta"] for row in rows] == pytest.approx(beta, rel=1e-6)
    assert [row["se"] for row in rows] == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-6)


def test_the_scale_of_the_weights_is_of_no_account() -> None:
    frame = games(400).assign(ipw=np.random.default_rng(1).uniform(1, 6, 400))
    one, other = (term(interaction(part), "interaction") for part in (frame, frame.assign(ipw=10 * frame["ipw"])))
    assert [one[key] for key in ("beta", "se", "p")] == pytest.approx([other[key] for key in ("beta", "se", "p")])


def mediated(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Treatment raises synergy by 0.5, synergy raises the logit of success by 0.8."""
    rng = np.random.default_rng(seed)
    treated = np.repeat([0.0, 1.0], n // 2)
    synergy = 0.5 * treated + rng.standard_normal(n)
    success = (rng.random(n) < 1 / (1 + np.exp(-(0.8 * synergy - 0.2)))).astype(float)
    return success, synergy, treated


def test_check_18_linear_mediation_is_the_product_and_the_difference_of_coefficients() -> None:
    success, synergy, treated = mediated(800)
    one = np.ones(800)
    total = np.linalg.lstsq(np.column_stack([one, treated]), success, rcond=None)[0][1]
    direct = np.linalg.lstsq(np.column_stack([one, treated, synergy]), success, rcond=None)[0][1]
    assert linear_acme(success, synergy, treated)[0] == pytest.approx(total - direct, abs=1e-9)


def test_check_18_simulated_mediation_is_that_by_quadrature_and_near_the_planted_one() -> None:
    success, synergy, treated = mediated(2000)
    rows = {(row["method"], row["effect"]): row for row in mediate(success, synergy, treated, 300)}
    quadrature = quadrature_acme(success, synergy, treated)
    assert rows["simulation", "acme"]["estimate"] == pytest.approx(quadrature, abs=0.01)
    assert rows["quadrature", "acme"]["estimate"] == quadrature
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(400_000)
    p = [(1 / (1 + np.exp(-(0.8 * (0.5 * t + noise) - 0.2)))).mean() for t in (0, 1)]
    planted = p[1] - p[0]
    assert rows["simulation", "acme"]["low"] < planted < rows["simulation", "acme"]["high"]
    assert rows["linear", "acme"]["low"] < planted < rows["linear", "acme"]["high"]
    ade, total = rows["simulation", "ade"]["estimate"], rows["simulation", "total"]["estimate"]
    assert total == pytest.approx(rows["simulation", "acme"]["estimate"] + ade, abs=1e-9)
    again = mediate(success, synergy, treated, 300)
    assert [row["estimate"] for row in again] == [row["estimate"] for row in rows.values()]


def test_the_linear_mediated_effect_has_the_two_sided_p_of_its_normal() -> None:
    """95 % intervals and p = 0.05 are the same border: at an estimate of z errors, p is what lies beyond both."""
    from math import erfc, sqrt

    row = next(row for row in mediate(*mediated(400), 20) if row["method"] == "linear")
    error = (row["high"] - row["low"]) / (2 * 1.959963984540054)
    assert row["p"] == pytest.approx(erfc(abs(row["estimate"]) / error / sqrt(2)), rel=1e-6)


def test_what_has_no_estimate_says_why() -> None:
    frame = games(100)
    alike = interaction(frame.assign(success=1.0))
    assert {row["note"] for row in alike} == {"0 games of the rarer outcome, fewer than 10"}
    assert np.isnan([row["beta"] for row in alike]).all()
    flat = interaction(frame.assign(synergy=0.1))
    assert {row["note"] for row in flat} == {"synergy or redundancy does not vary"}
    success, synergy, treated = mediated(100)
    assert {row["note"] for row in mediate(np.ones(100), synergy, treated)} == {
        "0 games of the rarer outcome, fewer than 10"
    }
    assert {row["note"] for row in mediate(success, np.ones(100), treated)} == {"synergy or treatment does not vary"}


def test_observed_games_stand_for_those_that_are_not() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4000, 2))
    observed = rng.random(4000) < 1 / (1 + np.exp(-(0.5 + x[:, 0])))
    weights = observation_weights(observed, x)
    assert np.isnan(weights[~observed]).all()
    assert weights[observed].min() >= 1
    plain, weighted = x[observed, 0].mean(), np.average(x[observed, 0], weights=weights[observed])
    assert plain > 0.2
    assert abs(weighted - x[:, 0].mean()) < 0.06
    assert np.nansum(weights) == pytest.approx(4000, rel=0.03)
    assert observation_weights(np.ones(5, dtype=bool), x[:5]).tolist() == [1] * 5
    separated = observation_weights(x[:, 0] > 0, x)  # a condition that always lasts has finite weights too
    assert np.isfinite(separated[x[:, 0] > 0]).all()
