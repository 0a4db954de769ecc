"""FOSCTTM of pairs: the step, what is measured of it over replicates, the pairs it scores."""

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


def test_step(tmp_path: Path) -> None:
    tables = []
    for method, (a, b) in {"C2S": pairs(7, 0.5), "log-expression": (np.eye(7), np.eye(7)[::-1])}.items():
        tables.append(pd.DataFrame({"method": method, "pair": range(7), "single": list(a), "bulk": list(b)}))
    pd.concat(tables).to_parquet(tmp_path / "pairs.parquet")
    foscttm.foscttm(pairs=tmp_path / "pairs.parquet", scores=tmp_path / "scores.parquet", replicate=5)
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    assert scores[["replicate", "method", "pairs"]].to_numpy().tolist() == [[5, "C2S", 7], [5, "log-expression", 7]]
    expected = [metrics.foscttm(np.stack(table["single"]), np.stack(table["bulk"])) for table in tables]
    np.testing.assert_allclose(scores["value"], expected)


def test_replicates_are_what_is_counted() -> None:
    rows = [
        {"replicate": replicate, "method": method, "value": value + 0.1 * replicate, "pairs": 7}
        for replicate in range(3)
        for method, value in (("base", 0.2), ("model", 0.0))
    ]
    scores = pd.DataFrame(rows)
    found = matching(scores, "model")
    assert found[:1] + found[3:4] == (pytest.approx(0.1), 7)
    # t of two degrees of freedom; a share ends at 0
    assert (found.low, found.high) == (0, pytest.approx(0.1 + 4.302653 * 0.1 / 3**0.5))
    np.testing.assert_allclose(matching_change(scores, "base", "model")[:3], -0.2)


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
    uneven = pd.DataFrame({"method": "x", "pair": range(3), "single": [[1.0, 2]] * 3, "bulk": [[1.0, 2]] * 2 + [[1.0]]})
    uneven.to_parquet(tmp_path / "pairs.parquet")
    with pytest.raises(InputError, match="x: vectors of 1 and 2 numbers"):
        foscttm.foscttm(pairs=tmp_path / "pairs.parquet", scores=tmp_path / "scores.parquet", replicate=0)
