"""The rank fit and reconstruction against SciPy and reference values (acceptance checks 3, 4, 6)."""

import json
import math

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from c2s_settings import given
from scipy.sparse import csr_matrix
from scipy.stats import linregress, pearsonr, rankdata, spearmanr

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import normalise, recover_pbmc68k, write_cells
from raw2fig.papers.c2s.inverse import (
    LineFit,
    bootstrap_r2,
    fit_line,
    fit_ranks,
    rank_fit,
    rank_pairs,
    score_line,
)
from raw2fig.papers.c2s.reconstruction import reconstruct
from raw2fig.papers.c2s.sentences import UNKNOWN, as_ranked, rank_genes
from raw2fig.step import run_step


@pytest.fixture(scope="module")
def pbmc() -> csr_matrix:
    return recover_pbmc68k().X


def oracle_pairs(X: csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """log10(1 + rank) and expression of all non-zero pairs, cell after cell, ties in order of gene."""
    rows = [np.sort(row[row > 0])[::-1] for row in X.toarray().astype(np.float64)]
    return np.concatenate([np.log10(1 + np.arange(len(row))) for row in rows]), np.concatenate(rows)


def test_the_reference_values_on_pbmc68k(pbmc):
    assert fit_ranks(normalise(pbmc)).r2 == pytest.approx(0.915, abs=5e-4)
    assert fit_ranks(normalise(pbmc, 1e4)).r2 == pytest.approx(0.895, abs=5e-4)


@pytest.mark.parametrize("max_log_rank", [1.5, 3.0])
def test_fit_agrees_with_scipy(pbmc, max_log_rank):
    X = normalise(pbmc[:150])
    x, y = oracle_pairs(X)
    fit = fit_ranks(X, max_log_rank)
    near = x < max_log_rank
    line = linregress(x[near], y[near])
    assert (fit.slope, fit.intercept) == pytest.approx((line.slope, line.intercept), rel=1e-10)
    predicted = line.intercept + line.slope * x
    assert fit.r2 == pytest.approx(1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum(), abs=1e-10)
    assert fit.pearson == pytest.approx(pearsonr(predicted, y).statistic, abs=1e-10)
    assert fit.spearman == pytest.approx(spearmanr(predicted, y).statistic, abs=1e-10)
    assert fit.pairs == X.nnz == len(x)
    assert near.all() == (max_log_rank == 3.0)
    assert fit.intercept + fit.slope * math.log10(1 + fit.zero_rank) == pytest.approx(0, abs=1e-12)


def test_pairs_are_those_of_the_sentences(pbmc):
    X = normalise(pbmc[:20])
    pairs, ranked = rank_pairs(X, 3), rank_genes(X, None, 3)
    dense = X.toarray()
    np.testing.assert_array_equal(pairs.expression, dense[pairs.cells, ranked.genes].astype(np.float64))
    positions = np.concatenate([np.arange(n) for n in np.diff(ranked.indptr)])
    np.testing.assert_allclose(10**pairs.log_rank, 1 + positions)


def test_check_03_seeds_change_sentences_and_not_the_fit(pbmc):
    X = normalise(pbmc)
    first, second = (rank_genes(X, None, seed) for seed in (0, 1))
    assert (first.genes != second.genes).mean() > 0.5
    np.testing.assert_allclose(fit_ranks(X, seed=0), fit_ranks(X, seed=1), rtol=0, atol=1e-10)


def test_check_04_log_base_changes_the_scale_only(pbmc):
    X = normalise(pbmc)
    natural = csr_matrix((X.data.astype(np.float64) * np.log(10), X.indices, X.indptr), shape=X.shape)
    ten, e = fit_ranks(X), fit_ranks(natural)
    assert e.slope / ten.slope == pytest.approx(np.log(10), rel=1e-9)
    assert e.intercept / ten.intercept == pytest.approx(np.log(10), rel=1e-9)
    assert e.r2 == pytest.approx(ten.r2, abs=1e-9)
    assert e.zero_rank == pytest.approx(ten.zero_rank, rel=1e-9)


def test_check_06_reconstruction(pbmc):
    X = normalise(pbmc[:50])
    fit = fit_ranks(X)
    ranked = rank_genes(X, None, 1)
    free = reconstruct(ranked, X.shape[1], fit.slope, fit.intercept, clip=False)
    clipped = reconstruct(ranked, X.shape[1], fit.slope, fit.intercept)
    assert free.dtype == clipped.dtype == np.float32
    for cell in range(50):
        genes = ranked.genes[ranked.indptr[cell] : ranked.indptr[cell + 1]]
        np.testing.assert_array_equal(rankdata(-free[cell, genes]), 1 + np.arange(len(genes)))
        absent = np.setdiff1d(np.arange(X.shape[1]), genes)
        assert (free[cell, absent] == 0).all()
        assert (clipped[cell, absent] == 0).all()
    np.testing.assert_array_equal(clipped, np.maximum(free, 0))


def test_check_06_clipping_begins_at_the_zero_rank():
    n = 3000
    ranked = as_ranked([list(range(n))[::-1]])
    slope, intercept = -0.675689, 2.237853
    zero_rank = 10 ** (-intercept / slope) - 1
    assert zero_rank == pytest.approx(2050, abs=5)  # about 2,050 for the tutorial's fit
    free = reconstruct(ranked, n, slope, intercept, clip=False)[0, ::-1]
    clipped = reconstruct(ranked, n, slope, intercept)[0, ::-1]
    assert (free[math.ceil(zero_rank) + 1 :] < 0).all()
    assert (clipped[math.ceil(zero_rank) + 1 :] == 0).all()
    assert (clipped[: math.floor(zero_rank)] > 0).all()


def test_placeholders_take_a_position_and_give_nothing():
    expression = reconstruct(as_ranked([[2, UNKNOWN, 0], []]), 4, -1.0, 1.0, clip=False)
    np.testing.assert_allclose(expression, [[1 - np.log10(3), 0, 1, 0], [0, 0, 0, 0]], rtol=1e-6)


def test_a_line_is_recovered_exactly():
    ranks = np.log10(1 + np.arange(30))
    X = csr_matrix(np.stack([3 - 0.5 * ranks, 3 - 0.5 * ranks[::-1]]))
    assert fit_ranks(X) == pytest.approx((-0.5, 3.0, 1.0, 1.0, 1.0, 60, 1e6 - 1), rel=1e-9)


@pytest.mark.parametrize(
    ("rows", "max_log_rank", "problem"),
    [([[2, 0, 0]], 3.0, "fewer than two ranks"), ([[2, 1, 3]], 0.1, "fewer than two"), ([[1, 1]], 3.0, "same value")],
)
def test_no_line(rows, max_log_rank, problem):
    with pytest.raises(InputError, match=problem):
        fit_ranks(csr_matrix(np.array(rows, np.float32)), max_log_rank)


def test_bootstrap_equals_resampling_whole_cells(pbmc):
    """The sums per cell give the R2 of the very cells drawn; the interval covers the spread of such R2."""
    X = normalise(pbmc[:80])
    pairs = rank_pairs(X)
    slope, intercept = fit_line(pairs)
    estimate = bootstrap_r2(pairs, slope, intercept, seed=3, resamples=400)
    assert estimate.n == 80
    assert estimate.value == pytest.approx(score_line(pairs, slope, intercept).r2, abs=1e-12)
    draws = np.random.default_rng(3).multinomial(80, np.full(80, 1 / 80), 400)
    by_hand = [score_line(rank_pairs(X[np.repeat(np.arange(80), n)]), slope, intercept).r2 for n in draws[:60]]
    assert estimate.low < np.median(by_hand) < estimate.high
    full = [np.quantile(by_hand, q) for q in (0.025, 0.975)]
    assert (estimate.low, estimate.high) == pytest.approx(full, abs=0.3 * (estimate.high - estimate.low))


@pytest.fixture(scope="module")
def cells_file(pbmc, tmp_path_factory):
    adata = recover_pbmc68k()[:120].copy()
    adata.layers["counts"] = adata.X.copy()
    adata.X = normalise(adata.X)
    adata.obs["split"] = np.where(np.arange(120) % 5 == 0, "test", "train")
    path = tmp_path_factory.mktemp("cells") / "cells.h5ad"
    write_cells(adata, path)
    return path


def run(cells, folder, sample=500):
    paths = {"fit": folder / "fit.json", "pairs": folder / "pairs.parquet"}
    settings = given(LineFit, "rank_fit", sample=sample)
    run_step(rank_fit, {"cells": cells, **paths, "settings": settings, "seed": 0})
    return json.loads(paths["fit"].read_text()), pd.read_parquet(paths["pairs"])


def test_rank_fit_learns_from_training_cells_only(cells_file, tmp_path):
    fit, pairs = run(cells_file, tmp_path)
    adata = ad.read_h5ad(cells_file)
    train, test = (adata[(adata.obs["split"] == part).to_numpy()].X for part in ("train", "test"))
    expected = fit_ranks(train)
    for name in expected._fields:
        assert fit[name] == pytest.approx(getattr(expected, name), rel=1e-12)
        held_out = score_line(rank_pairs(test), expected.slope, expected.intercept)
        assert fit["test"][name] == pytest.approx(getattr(held_out, name), rel=1e-12)
    for part, cells in ((fit, 96), (fit["test"], 24)):
        assert part["cells"] == cells
        assert part["r2_ci"][0] < part["r2"] < part["r2_ci"][1]
    assert len(pairs) == 500
    assert set(pairs["split"]) == {"train", "test"}
    one = pairs.iloc[7]
    line = max(0, fit["intercept"] + fit["slope"] * one["log_rank"])
    assert one["reconstructed"] == pytest.approx(line, rel=1e-12)
    assert np.isclose(adata[one["cell"]].X.data, one["log_expression"]).any()


def test_rank_fit_repeats_to_the_byte_and_keeps_all_pairs_if_few(cells_file, tmp_path):
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder, sample in zip(folders, (500, 500, 10**9), strict=True):
        folder.mkdir()
        run(cells_file, folder, sample=sample)
    for name in ("fit.json", "pairs.parquet"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    assert len(pd.read_parquet(folders[2] / "pairs.parquet")) == ad.read_h5ad(cells_file).X.nnz


def test_rank_fit_without_training_or_without_held_out_cells(cells_file, tmp_path):
    adata = ad.read_h5ad(cells_file)
    for part in ("train", "test"):
        adata.obs["split"] = part
        write_cells(adata, tmp_path / f"{part}.h5ad")
    assert run(tmp_path / "train.h5ad", tmp_path)[0]["test"] is None
    (tmp_path / "fit.json").unlink()
    with pytest.raises(InputError, match="train"):
        run(tmp_path / "test.h5ad", tmp_path)
    with pytest.raises(InputError, match="sample"):
        run(cells_file, tmp_path, sample=0)
    assert not (tmp_path / "fit.json").exists()
