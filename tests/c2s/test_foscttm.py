"""FOSCTTM of pairs: pseudovalues against the metric and an exact bootstrap, the step, the pairs it scores."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from raw2fig.errors import InputError
from raw2fig.papers.c2s import foscttm, metrics
from raw2fig.papers.c2s.annotate import bulk_expression
from raw2fig.papers.c2s.counts import normalise
from raw2fig.papers.c2s.measures import matching, matching_change


def pairs(n: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, 6))
    return a, a + noise * rng.normal(size=a.shape)


def closer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Share of the two comparisons of pair i with pair j that j wins, (n, n); straight from the definition."""
    cosine = np.array([[x @ y / np.sqrt((x @ x) * (y @ y)) for y in b] for x in a])
    match = np.diag(cosine)[:, None]
    return (np.heaviside(cosine - match, 0) + np.heaviside(cosine.T - match, 0)) / 2


@pytest.mark.parametrize("noise", [0.1, 1.0, 3.0])
def test_pseudovalues_have_the_foscttm_as_mean(noise: float) -> None:
    a, b = pairs(12, noise)
    values = foscttm.pseudovalues(a, b)
    assert values.mean() == pytest.approx(metrics.foscttm(a, b))
    wins = closer(a, b)
    assert values.mean() == pytest.approx(wins.sum() / (12 * 11))


def test_perfect_pairs_have_no_spread() -> None:
    a, _ = pairs(8, 0)
    np.testing.assert_allclose(foscttm.pseudovalues(a, 3 * a), 0, atol=1e-12)
    scores = pd.DataFrame({"method": "x", "pair": range(8), "value": foscttm.pseudovalues(a, 3 * a)})
    assert matching(scores, "x")[:4] == (0, 0, 0, 8)


def test_their_spread_is_that_of_resampled_pairs() -> None:
    """The bootstrap itself: F over resampled pairs, a pair not being compared with copies of itself."""
    n = 40
    rng = np.random.default_rng(0)
    kind = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    centre = 3 * rng.normal(size=(3, 6))[kind]
    a, b = centre + rng.normal(size=(n, 6)), centre + 0.3 * rng.normal(size=(n, 6))
    wins, apart = closer(a, b), 1 - np.eye(n)
    drawn = rng.multinomial(n, np.full(n, 1 / n), 4000).astype(float)
    exact = np.einsum("ri,ij,rj->r", drawn, wins * apart, drawn) / np.einsum("ri,ij,rj->r", drawn, apart, drawn)
    linear = drawn @ foscttm.pseudovalues(a, b) / n
    assert np.std(linear) == pytest.approx(np.std(exact), rel=0.1)
    assert np.corrcoef(linear, exact)[0, 1] > 0.9
    # what a pair scores against partners that stay as they are is not enough
    fixed = drawn @ wins.sum(axis=1) / (n * (n - 1))
    assert np.std(fixed) < 0.85 * np.std(exact)


def test_change_is_paired_and_keeps_its_sign() -> None:
    table = pd.concat(
        [
            pd.DataFrame({"method": method, "pair": range(6), "value": 0.2 + 0.1 * np.arange(6) + shift})
            for method, shift in (("base", 0.0), ("model", -0.05))
        ]
    )
    estimate = matching_change(table.sample(frac=1, random_state=0), "base", "model")
    np.testing.assert_allclose(estimate[:3], -0.05)
    assert estimate.n == 6


def test_intervals_stay_within_0_and_1() -> None:
    scores = pd.DataFrame({"method": "x", "pair": range(4), "value": [-0.5, 0.6, 0.1, 0.2]})
    estimate = matching(scores, "x")
    assert (estimate.low, estimate.value) == (0, pytest.approx(0.1))
    scores["value"] += 0.85
    assert matching(scores, "x").high == 1


def test_step(tmp_path: Path) -> None:
    tables = []
    for method, (a, b) in {"C2S": pairs(7, 0.5), "log-expression": (np.eye(7), np.eye(7)[::-1])}.items():
        tables.append(pd.DataFrame({"method": method, "pair": range(7), "single": list(a), "bulk": list(b)}))
    pd.concat(tables).to_parquet(tmp_path / "pairs.parquet")
    foscttm.foscttm(pairs=tmp_path / "pairs.parquet", scores=tmp_path / "scores.parquet")
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    assert scores.groupby("method")["pair"].apply(list).to_dict() == {
        name: list(range(7)) for name in ("C2S", "log-expression")
    }
    for method, table in zip(("C2S", "log-expression"), tables, strict=True):
        expected = metrics.foscttm(np.stack(table["single"]), np.stack(table["bulk"]))
        assert matching(scores, method).value == pytest.approx(expected)


def test_bulks_are_on_the_scale_of_cells() -> None:
    """Cells that differ in depth alone are one expression, and so are sums of them."""
    profiles = np.random.default_rng(0).poisson(2, (3, 20)) + 1
    depths = np.array([1, 2, 5, 3])
    counts = csr_matrix((depths[:, None, None] * profiles).reshape(12, 20).astype(np.float32))
    # the totals of the file are over more genes than these
    cells = normalise(counts, 5000)[:, :12]
    profiles_of = [np.arange(kind, 12, 3) for kind in range(3)]
    bulk = bulk_expression(cells, counts[:, :12], profiles_of).toarray()
    single = cells[:3].toarray()
    cosine = (bulk * single).sum(1) / np.linalg.norm(bulk, axis=1) / np.linalg.norm(single, axis=1)
    np.testing.assert_allclose(cosine, 1, atol=1e-3)
    # of the middle total, the same numbers
    totals = (10**single - 1).sum(axis=1)
    middle = np.argsort(totals)[1]
    np.testing.assert_allclose(bulk[middle], single[middle], rtol=1e-5)


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 of them"):
        foscttm.pseudovalues(*pairs(2, 1.0))
    uneven = pd.DataFrame({"method": "x", "pair": range(3), "single": [[1.0, 2]] * 3, "bulk": [[1.0, 2]] * 2 + [[1.0]]})
    uneven.to_parquet(tmp_path / "pairs.parquet")
    with pytest.raises(InputError, match="x: vectors of 1 and 2 numbers"):
        foscttm.foscttm(pairs=tmp_path / "pairs.parquet", scores=tmp_path / "scores.parquet")
