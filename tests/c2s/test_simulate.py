"""Simulated cells: sources and neighbours inside one split, exact profiles, planted effects recovered (check 18)."""

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cdist
from simulator_reference import EFFECTS, marked, pbmc68k, synthetic, weighted_slope, written

from raw2fig.errors import InputError
from raw2fig.papers.c2s import simulate
from raw2fig.papers.c2s.simulate import (
    assemble,
    condition_rng,
    draw,
    gene_vector,
    nearest_cells,
    read_reference,
    read_section,
    require_genes,
    simulate_cells,
    source,
    well_formed,
)


@pytest.fixture
def counts() -> csr_matrix:
    return csr_matrix(np.random.default_rng(0).poisson(2.0, (25, 30)).astype(np.float32))


def shares(counts: csr_matrix) -> np.ndarray:
    dense = counts.toarray().astype(np.float64)
    return dense / dense.sum(axis=1, keepdims=True)


def brute_neighbours(counts: csr_matrix, k: int) -> np.ndarray:
    distance = cdist(np.sqrt(shares(counts)), np.sqrt(shares(counts)))
    np.fill_diagonal(distance, np.inf)
    return np.argsort(distance, axis=1)[:, :k]


def test_nearest_cells_are_those_of_brute_force(counts: csr_matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "_BLOCK", 7)  # several blocks
    found = nearest_cells(csr_matrix(shares(counts)), 8)
    assert np.array_equal(np.sort(found), np.sort(brute_neighbours(counts, 8)))


def test_a_profile_is_half_the_cell_and_half_the_mean_of_its_neighbours(counts: csr_matrix) -> None:
    origin = source(counts, neighbours=8, mix=0.5)
    expected = 0.5 * shares(counts) + 0.5 * shares(counts)[brute_neighbours(counts, 8)].mean(axis=1)
    np.testing.assert_allclose(origin.profiles.toarray(), expected, atol=1e-12)
    np.testing.assert_array_equal(origin.library, counts.toarray().sum(axis=1))


def test_without_mixing_a_profile_is_the_cell(counts: csr_matrix) -> None:
    np.testing.assert_allclose(source(counts, mix=0.0).profiles.toarray(), shares(counts), atol=1e-12)


@pytest.mark.parametrize("n_cells", [1, 2, 5])
def test_few_cells_use_all_the_others_as_neighbours(counts: csr_matrix, n_cells: int) -> None:
    few = counts[:n_cells]
    own = shares(few)
    others = (own.sum(axis=0) - own) / (n_cells - 1) if n_cells > 1 else own
    np.testing.assert_allclose(source(few).profiles.toarray(), (own + others) / 2, atol=1e-12)


def test_empty_cells_are_ignored_and_no_cells_refused(counts: csr_matrix) -> None:
    emptied = counts.tolil()
    emptied[3] = 0
    assert len(source(emptied.tocsr()).library) == 24
    with pytest.raises(InputError, match="no cell with counts"):
        source(csr_matrix((4, 30)))
    with pytest.raises(InputError, match="mix"):
        source(counts, mix=1.5)


def test_drawn_cells_have_integer_counts_and_library_sizes_of_the_source(
    counts: csr_matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulate, "_BLOCK", 16)
    cells = simulate_cells(counts, np.zeros(30), 50, np.random.default_rng(1))
    assert cells.shape == (50, 30)
    assert cells.dtype == np.int32
    totals = np.asarray(cells.sum(axis=1)).ravel()
    assert set(totals) <= set(counts.toarray().sum(axis=1))
    assert len(set(totals)) > 5
    assert simulate_cells(counts, np.zeros(30), 0, np.random.default_rng(1)).shape == (0, 30)


def test_one_vector_equals_the_same_row_for_each_cell_and_other_shapes_are_refused(counts: csr_matrix) -> None:
    origin, fold = source(counts), np.linspace(-1, 1, 30)
    once = draw(origin, fold, 40, np.random.default_rng(2))
    rows = draw(origin, np.tile(fold, (40, 1)), 40, np.random.default_rng(2))
    assert (once != rows).nnz == 0
    with pytest.raises(InputError, match="log_fold"):
        draw(origin, np.zeros((3, 30)), 40, np.random.default_rng(2))


def test_rows_of_log_fold_reach_their_own_cell(counts: csr_matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "_BLOCK", 16)  # several blocks
    fold = np.zeros((40, 30))
    fold[np.arange(40), np.arange(40) % 30] = 8.0
    cells = draw(source(counts), fold, 40, np.random.default_rng(3)).toarray()
    assert np.array_equal(cells.argmax(axis=1), np.arange(40) % 30)


def test_a_silent_gene_stays_silent(counts: csr_matrix) -> None:
    silent = counts.tolil()
    silent[:, 4] = 0
    cells = simulate_cells(silent.tocsr(), np.full(30, 3.0), 100, np.random.default_rng(4))
    assert cells[:, 4].sum() == 0


def test_check_18_slope_of_measured_on_planted_is_1_and_null_mean_is_0() -> None:
    """On real cells: random planted vectors, every type, both splits; 300 cells of each arm."""
    adata, rng = pbmc68k(), np.random.default_rng(5)
    slopes, means = [], []
    for cell_type in ("B", "DC", "Mono", "NK", "T"):
        for split in ("train", "test"):
            rows = ((adata.obs["cell_type"] == cell_type) & (adata.obs["split"] == split)).to_numpy()
            origin = source(adata.X[rows])
            planted = rng.normal(0, 1, adata.n_vars) * (rng.random(adata.n_vars) < 0.2)
            arms = [draw(origin, fold, 300, rng).sum(axis=0).A1 for fold in (planted, 0 * planted, 0 * planted)]
            slopes.append(weighted_slope(planted, arms[0], arms[1])[0])
            means.append(weighted_slope(planted, arms[2], arms[1])[1])
    np.testing.assert_allclose(slopes, 1, atol=0.1)
    np.testing.assert_allclose(means, 0, atol=0.02)


def test_reference_keeps_types_and_splits_apart(tmp_path_factory: pytest.TempPathFactory) -> None:
    reference = read_reference(written(marked(synthetic()), tmp_path_factory.mktemp("raw")))
    assert reference.types == ["B", "DC", "Mono", "NK", "T"]
    for (cell_type, split), origin in reference.sources.items():
        present = {name for name, total in zip(reference.genes, origin.profiles.sum(axis=0).A1, strict=True) if total}
        marks = {name for name in present if name.startswith("MARK-")}
        assert marks == {f"MARK-{cell_type}-{split}".upper()}
        assert len(origin.library) == (6 if split == "test" else 24)


def test_reference_of_many_cells_is_subsampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "MAX_SOURCE_CELLS", 10)
    path = written(synthetic(), tmp_path)
    first, again = read_reference(path, seed=1), read_reference(path, seed=1)
    assert [len(origin.library) for origin in first.sources.values()] == [10, 6] * 5
    assert all((first.sources[key].profiles != again.sources[key].profiles).nnz == 0 for key in first.sources)
    other = read_reference(path, seed=2)
    assert (first.sources["B", "train"].profiles != other.sources["B", "train"].profiles).nnz > 0


def test_reference_without_split_or_without_test_cells_of_a_type_is_refused(tmp_path: Path) -> None:
    adata = synthetic()
    adata.obs.loc[adata.obs["cell_type"] == "NK", "split"] = "train"
    with pytest.raises(InputError, match="'NK' has no test cells"):
        read_reference(written(adata, tmp_path))
    del adata.obs["split"]
    with pytest.raises(InputError, match="'split'"):
        read_reference(written(adata, tmp_path))


def test_generators_depend_on_seed_and_words_only() -> None:
    values = {
        condition_rng(seed, *words).integers(2**40) for seed in (0, 1) for words in (("a", "b"), ("ab",), ("a", "c"))
    }
    assert len(values) == 6
    assert condition_rng(0, "a", "b").integers(2**40) == condition_rng(0, "a", "b").integers(2**40)


def test_gene_vector_and_missing_programmes() -> None:
    assert gene_vector({"B": 2.0, "X": 1.0}, ["A", "B"]).tolist() == [0.0, 2.0]
    require_genes({"one": ["A", "Q"]}, ["A", "B"], "here")
    with pytest.raises(InputError, match="here: no gene of 'two'"):
        require_genes({"one": ["A"], "two": ["Q", "R"]}, ["A", "B"], "here")


def test_assemble_repeats_the_labels_of_a_block() -> None:
    blocks = [
        (csr_matrix([[1, 0], [2, 3]]), {"kind": "x"}),
        (csr_matrix((0, 2)), {"kind": "y"}),
        (csr_matrix([[0, 4]]), {"kind": "z"}),
    ]
    adata = assemble(blocks, ["A", "B"])
    assert adata.X.toarray().tolist() == [[1, 0], [2, 3], [0, 4]]
    assert list(adata.obs["kind"]) == ["x", "x", "z"]
    assert adata.obs_names.is_unique


def test_effects_file_problems_name_the_section(tmp_path: Path) -> None:
    assert read_section(EFFECTS, "tissue")["niches"]
    with pytest.raises(InputError, match=r"effects\.yaml: no section 'weather'"):
        read_section(EFFECTS, "weather")
    with pytest.raises(InputError, match="section 'drugs' is malformed"), well_formed(EFFECTS, "drugs"):
        {}["missing"]
