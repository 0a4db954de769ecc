"""Does synergy pay, and only with redundancy? Logit of success, and mediation of the effect of a condition."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import model_validator

from raw2fig.errors import InputError
from raw2fig.papers.coordination.prompts import ConditionName
from raw2fig.settings import Field, Record, Seed, impossible
from raw2fig.stats import Z
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_tables, write_table

if TYPE_CHECKING:
    import pandas as pd

KINDS = dict.fromkeys(("game", "condition", "model"), "string") | {"horizon": "integer", "observed": "boolean"}
NUMBERS = ("success", "synergy", "redundancy", "i3", "ipw")
LEAST = 10
"""Solved and unsolved games there must be of each kind."""
NODES = 40
"""Nodes of the Gauss-Hermite rule."""
MOST_REPETITIONS = 100_000
"""More change no digit of an interval."""


class Regression(Record):
    """The regressors."""

    redundancy: Literal["redundancy", "i3"] = Field(
        description="What counts as redundancy: the median pairwise redundant information, or i3."
    )


class Mediation(Record):
    """The treatment whose effect is mediated."""

    treatment: ConditionName = Field(description="Condition whose effect is in question.")
    controls: list[ConditionName] = Field(min_length=1, description="Conditions that it is compared with.")
    repetitions: int = Field(ge=2, le=1_000_000, description="Number of repetitions of the simulation.")

    @model_validator(mode="after")
    def _compared(self) -> Any:
        if self.treatment in self.controls:
            raise impossible("controls", f"are {self.controls}", f"other conditions than {self.treatment}")
        return self


@step
def regression(*, early: list[Input], table: Output, regression: Regression) -> None:
    """Fit a logit of success on early synergy, redundancy and their product, with condition dummies and robust errors.

    Parameters
    ----------
    early
        Tables of the step early.
    table
        A row for each model, horizon and term: beta (per standard deviation), se (HC1), low, high, p, odds_ratio, n;
        NaN with the reason in note where there is no estimate. Conditions in which all games ended alike are left out:
        they say nothing about what success depends on.
    """
    import pandas as pd

    rows = []
    for (model, horizon), part in read_early(early).groupby(["model", "horizon"], sort=True):
        labels = {"model": model, "horizon": horizon}
        outcomes = part.groupby("condition")["success"].agg(["min", "max"])
        mixed = outcomes.index[outcomes["min"] < outcomes["max"]]
        for name in outcomes.index.difference(mixed):
            logging.warning("%s, horizon %s: all games of condition %s ended alike; left out", model, horizon, name)
        rows += [labels | row for row in interaction(part[part["condition"].isin(mixed)], regression.redundancy)]
    write_table(pd.DataFrame(rows), table)


@step
def mediation(
    *,
    early: list[Input],
    table: Output,
    mediation: Mediation,
    seed: Seed = 0,
) -> None:
    """Estimate how early synergy mediates the effect of a condition on success: mediated, direct and total effect.

    Parameters
    ----------
    early
        Tables of the step early.
    table
        A row for each model, horizon, method and effect: estimate, low, high, p, n; NaN with the reason in note where
        there is no estimate. Methods: simulation (statsmodels), linear (a * b, Sobel's error), quadrature (logit
        outcome).
    """
    import pandas as pd

    treatment, controls, repetitions = mediation.treatment, mediation.controls, mediation.repetitions

    frame = read_early(early)
    absent = {treatment, *controls} - set(frame["condition"])
    if absent:
        raise InputError(early[0], f"no games of condition {', '.join(sorted(absent))}", "treatment and controls")
    rows = []
    for (model, horizon), part in frame.groupby(["model", "horizon"], sort=True):
        chosen = part[part["condition"].isin([treatment, *controls])]
        treated = (chosen["condition"] == treatment).to_numpy(dtype=np.float64)
        found = mediate(chosen["success"].to_numpy(), chosen["synergy"].to_numpy(), treated, repetitions, seed)
        rows += [{"model": model, "horizon": horizon} | row for row in found]
    write_table(pd.DataFrame(rows), table)


def read_early(paths: Sequence[Path]) -> pd.DataFrame:
    """Games observed at each horizon, with known success."""

    kinds = KINDS | dict.fromkeys(NUMBERS, "number")
    frame = read_tables(paths, kinds, allow_nan=("condition", "model", *NUMBERS))
    frame = frame.fillna({"condition": "", "model": ""})
    unknown = int(frame["success"].isna().sum())
    if unknown:
        logging.warning("%d rows of games without success are left out", unknown)
    return frame[frame["observed"] & frame["success"].notna()]


def interaction(games: pd.DataFrame, redundancy: str = "redundancy") -> list[dict[str, Any]]:
    """Rows of success ~ z(synergy) * z(redundancy) + condition, weighted by ipw, errors HC1."""
    success = games["success"].to_numpy(dtype=np.float64)
    conditions = sorted(set(games["condition"]))[1:]
    z = [_standardised(games[name].to_numpy(dtype=np.float64)) for name in ("synergy", redundancy)]
    terms = {"intercept": np.ones(len(games)), "synergy": z[0], "redundancy": z[1], "interaction": z[0] * z[1]}
    terms |= {f"condition {name}": (games["condition"] == name).to_numpy(dtype=np.float64) for name in conditions}
    X = np.column_stack(list(terms.values()))
    note = _too_few(success)
    if not note and not all(values.any() for values in z):
        note = "synergy or redundancy does not vary"
    if not note and np.linalg.matrix_rank(X) < len(terms):
        note = "the terms are not independent"
    if note:
        nan = float("nan")
        empty = {"beta": nan, "se": nan, "low": nan, "high": nan, "p": nan, "odds_ratio": nan}
        return [{"term": name} | empty | {"n": len(games), "note": note} for name in terms]
    betas, errors = _weighted_logit(success, X, games["ipw"].to_numpy(dtype=np.float64))
    rows = []
    for name, beta, se in zip(terms, betas, errors, strict=True):
        row = {"term": name, "beta": beta, "se": se, "low": beta - Z * se, "high": beta + Z * se}
        row["p"] = _two_sided(beta / se)
        rows.append(row | {"odds_ratio": np.exp(beta), "n": len(games), "note": ""})
    return rows


def _weighted_logit(success: np.ndarray, X: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (k,) of the logit of `success` (n,) on X (n, k) with inverse-probability weights (n,), and their HC1
    errors: the square roots of the diagonal of n / (n - k) B (sum w^2 s s') B, where s is a game's score x (y - p) and
    B the inverse of the sum of w p (1 - p) x x'."""
    import statsmodels.api as sm

    # var_weights and not freq_weights, which would count games: their middle is the sum of w s s'
    family = sm.families.Binomial()
    fit = sm.GLM(success, X, family=family, var_weights=weights / weights.mean()).fit(cov_type="HC0")
    n, k = X.shape
    return fit.params, fit.bse * np.sqrt(n / (n - k))  # statsmodels has no factor for the HC1 of a GLM


def mediate(
    success: np.ndarray, synergy: np.ndarray, treated: np.ndarray, repetitions: int = 1000, seed: int = 0
) -> list[dict[str, Any]]:
    """Rows of the mediated (acme), direct (ade) and total effect of `treated` on `success` through `synergy`, all (n,),
    in probability: by statsmodels' simulation, by the product of two linear regressions, and by quadrature."""
    note = _too_few(success) or _separated(success, treated)
    if not note and not (_standardised(synergy).any() and treated.any() and not treated.all()):
        note = "synergy or treatment does not vary"
    if note:
        nan = float("nan")
        effects = [("simulation", name) for name in ("acme", "ade", "total")]
        effects += [("linear", "acme"), ("quadrature", "acme")]
        empty = {"estimate": nan, "low": nan, "high": nan, "p": nan, "n": len(success), "note": note}
        return [{"method": method, "effect": effect} | empty for method, effect in effects]
    if not 1 <= repetitions <= MOST_REPETITIONS:
        raise InputError("repetitions", f"is {repetitions}", f"at least 1, at most {MOST_REPETITIONS}")
    rows = _simulated(success, synergy, treated, repetitions, seed)
    estimate, error = linear_acme(success, synergy, treated)
    rows.append({"method": "linear", "effect": "acme", "estimate": estimate})
    rows[-1] |= {"low": estimate - Z * error, "high": estimate + Z * error, "p": _two_sided(estimate / error)}
    nan = float("nan")
    rows.append({"method": "quadrature", "effect": "acme", "estimate": quadrature_acme(success, synergy, treated)})
    rows[-1] |= {"low": nan, "high": nan, "p": nan}
    return [row | {"n": len(success), "note": ""} for row in rows]


def _simulated(
    success: np.ndarray, synergy: np.ndarray, treated: np.ndarray, repetitions: int, seed: int
) -> list[dict[str, Any]]:
    import pandas as pd
    import statsmodels.api as sm
    from statsmodels.stats.mediation import Mediation

    data = pd.DataFrame({"one": 1.0, "success": success, "synergy": synergy, "treated": treated})
    outcome = sm.GLM(data["success"], data[["one", "treated", "synergy"]], family=sm.families.Binomial())
    mediator = sm.OLS(data["synergy"], data[["one", "treated"]])
    fit = Mediation(outcome, mediator, "treated", "synergy").fit(n_rep=repetitions, rng=np.random.default_rng(seed))
    summary = fit.summary()
    names = {"acme": "ACME (average)", "ade": "ADE (average)", "total": "Total effect"}
    columns = {"estimate": "Estimate", "low": "Lower CI bound", "high": "Upper CI bound", "p": "P-value"}
    return [
        {"method": "simulation", "effect": effect}
        | {key: float(summary.loc[name, column]) for key, column in columns.items()}
        for effect, name in names.items()
    ]


def linear_acme(success: np.ndarray, synergy: np.ndarray, treated: np.ndarray) -> tuple[float, float]:
    """a * b of two least-squares fits, synergy on treatment and success on both, and Sobel's standard error."""
    one = np.ones(len(success))
    (_, a), (_, a_error) = _least_squares(np.column_stack([one, treated]), synergy)
    (_, _, b), (_, _, b_error) = _least_squares(np.column_stack([one, treated, synergy]), success)
    return float(a * b), float(np.hypot(a * b_error, b * a_error))


def quadrature_acme(success: np.ndarray, synergy: np.ndarray, treated: np.ndarray) -> float:
    """The simulation's expectation at the fitted coefficients, success a logit in treatment and synergy: `acme_of`."""
    import statsmodels.api as sm

    one = np.ones(len(success))
    (level, a), _ = _least_squares(np.column_stack([one, treated]), synergy)
    spread = np.sqrt(((synergy - level - a * treated) ** 2).sum() / (len(success) - 2))
    beta = sm.GLM(success, np.column_stack([one, treated, synergy]), family=sm.families.Binomial()).fit().params
    return acme_of(beta, float(level), float(a), float(spread))


def acme_of(beta: Sequence[float] | np.ndarray, level: float, a: float, spread: float) -> float:
    """Average over both treatments t of E[P(success | t, S(1))] - E[P(success | t, S(0))], where logit P is
    beta[0] + beta[1] t + beta[2] S and S(t) normal about level + a t, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)

    def expected(t: int, mediated: int) -> float:
        eta = beta[0] + beta[1] * t + beta[2] * (level + a * mediated + spread * nodes)
        return float((weights / (1 + np.exp(-eta))).sum() / weights.sum())

    return (expected(0, 1) - expected(0, 0) + expected(1, 1) - expected(1, 0)) / 2


def _least_squares(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and their standard errors."""
    inverse = np.linalg.inv(X.T @ X)
    beta = inverse @ X.T @ y
    variance = ((y - X @ beta) ** 2).sum() / (len(y) - X.shape[1])
    return beta, np.sqrt(variance * np.diag(inverse))


def _standardised(values: np.ndarray) -> np.ndarray:
    """z of values (n,), 0 throughout where they differ by no more than rounding."""
    spread = values.std()
    return (values - values.mean()) / spread if spread > 1e-9 else np.zeros_like(values)


def _too_few(success: np.ndarray) -> str:
    solved = int(success.sum())
    rarer = min(solved, len(success) - solved)
    return f"{rarer} games of the rarer outcome, fewer than {LEAST}" if rarer < LEAST else ""


def _separated(success: np.ndarray, groups: Sequence[Any] | np.ndarray) -> str:
    """A condition all of whose games ended alike has no finite coefficient."""
    labels = np.asarray(groups)
    for name in sorted(set(labels.tolist())):
        if len(set(success[labels == name])) < 2:
            return f"all games of condition {name} ended alike"
    return ""


def _two_sided(z: float) -> float:
    from scipy.stats import norm

    return float(2 * norm.sf(abs(z)))
