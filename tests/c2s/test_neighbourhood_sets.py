"""Sets of cells for the spatial tasks: geometry, matching, and what can and cannot decide the answer."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from anndata import AnnData
from c2s_settings import given
from scipy.spatial.distance import cdist
from simulator_reference import EFFECTS, synthetic, written

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import read_counts
from raw2fig.papers.c2s.neighbourhood_sets import neighbours_of_cells, sample_neighbourhoods, sample_niches
from raw2fig.papers.c2s.tissue import Neighbourhood, Tissue, simulate_tissue
from raw2fig.stats import auroc

RADIUS, N, SIZE = 20.0, 4, 600


@pytest.fixture(scope="module")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> AnnData:
    folder = tmp_path_factory.mktemp("tissue")
    simulate_tissue(
        raw=written(synthetic(), folder),
        effects=EFFECTS,
        spatial=folder / "tissue.h5ad",
        simulation=Tissue(cells=2400, effect_scale=1.0),
        neighbourhood=given(Neighbourhood, "spatial.neighbourhood"),
        replicate=0,
    )
    cells = read_counts(folder / "tissue.h5ad", ("niche", "split"))
    return cells[(cells.obs["split"] == "train").to_numpy()].copy()


def types_of(tissue: AnnData) -> np.ndarray:
    return tissue.obs["cell_type"].to_numpy().astype(str)


@pytest.mark.parametrize("matched", [True, False])
def test_positives_share_a_neighbourhood_and_negatives_never_do(tissue: AnnData, matched: bool) -> None:
    xy = tissue.obsm["spatial"]
    sets = sample_neighbourhoods(xy, types_of(tissue), RADIUS, N, SIZE, np.random.default_rng(0), matched)
    assert sets.cells.shape == (SIZE, N)
    assert sets.same.sum() == SIZE / 2
    for cells, same in zip(sets.cells, sets.same, strict=True):
        assert len(set(cells)) == N
        gaps = cdist(xy[cells], xy[cells])
        if same:
            assert (gaps <= RADIUS).all(axis=1).any()  # one of them is the centre
        else:
            assert gaps[np.triu_indices(N, 1)].min() > 2 * RADIUS


def compositions(sets_of_types: np.ndarray) -> Counter[tuple[str, ...]]:
    return Counter(tuple(sorted(row)) for row in sets_of_types)


def variation(a: Counter[tuple[str, ...]], b: Counter[tuple[str, ...]]) -> float:
    """Total variation between two distributions of compositions."""
    return sum(abs(a[key] / a.total() - b[key] / b.total()) for key in a | b) / 2


def test_composition_has_the_same_distribution_in_matched_negatives_only(tissue: AnnData) -> None:
    xy, types = tissue.obsm["spatial"], types_of(tissue)
    found = {}
    for matched in (True, False):
        sets = sample_neighbourhoods(xy, types, RADIUS, 3, 4000, np.random.default_rng(1), matched)
        found[matched] = variation(
            compositions(types[sets.cells[sets.same]]), compositions(types[sets.cells[~sets.same]])
        )
    # two samples of 2,000 from one distribution over the 35 compositions differ by about 0.04
    assert found[True] < 0.07
    assert found[False] > 0.15


def test_planted_signals_decide_matched_sets_and_nothing_does_without_them(tissue: AnnData) -> None:
    """Cells of one neighbourhood agree in the signals that they send and receive."""
    state = tissue.obsm["sent"] + tissue.obsm["received"]
    state = state - state.mean(axis=0)
    sets = sample_neighbourhoods(tissue.obsm["spatial"], types_of(tissue), RADIUS, N, 2000, np.random.default_rng(2))

    def agreement(state: np.ndarray) -> np.ndarray:
        inside = state[sets.cells]
        return (inside.sum(axis=1) ** 2 - (inside**2).sum(axis=1)).sum(axis=1)

    assert auroc(sets.same, agreement(state)) > 0.65
    shuffled = np.random.default_rng(3).permuted(state, axis=0)
    assert auroc(sets.same, agreement(shuffled)) == pytest.approx(0.5, abs=0.04)


def test_answers_and_places_carry_no_order(tissue: AnnData) -> None:
    """The centre is not always first, and the answers do not alternate."""
    xy = tissue.obsm["spatial"]
    sets = sample_neighbourhoods(xy, types_of(tissue), RADIUS, N, SIZE, np.random.default_rng(0))
    positives = sets.cells[sets.same]
    central = [cdist(xy[cells], xy[cells]).sum(axis=1).argmin() for cells in positives]
    assert np.bincount(central, minlength=N).min() > 0.15 * len(positives)
    assert 0.4 < (sets.same[1:] == sets.same[:-1]).mean() < 0.6


def test_neighbours_are_different_cells_within_a_radius(tissue: AnnData) -> None:
    xy = tissue.obsm["spatial"]
    centres, contexts = neighbours_of_cells(xy, RADIUS, 3, 200, np.random.default_rng(0))
    assert contexts.shape == (200, 3)
    for centre, context in zip(centres, contexts, strict=True):
        assert len({centre, *context}) == 4
        assert np.linalg.norm(xy[context] - xy[centre], axis=1).max() <= RADIUS


def test_niche_sets(tissue: AnnData) -> None:
    niche = tissue.obs["niche"].to_numpy().astype(str)
    sets = sample_niches(niche, N, SIZE, np.random.default_rng(0))
    assert sets.same.sum() == SIZE / 2
    assert all(len(set(cells)) == N for cells in sets.cells)
    assert [len(set(niche[cells])) == 1 for cells in sets.cells] == sets.same.tolist()
    assert len(set(niche[sets.cells[sets.same][:, 0]])) == 3


def test_same_seed_same_sets(tissue: AnnData) -> None:
    xy, types = tissue.obsm["spatial"], types_of(tissue)
    first, again, other = (
        sample_neighbourhoods(xy, types, RADIUS, N, 50, np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    assert np.array_equal(first.cells, again.cells)
    assert np.array_equal(first.same, again.same)
    assert not np.array_equal(first.cells, other.cells)


def test_impossible_sets_are_refused(tissue: AnnData, tmp_path: Path) -> None:
    xy, types = tissue.obsm["spatial"], types_of(tissue)
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="no cell has 49 neighbours"):
        sample_neighbourhoods(xy, types, RADIUS, 50, 10, rng)
    with pytest.raises(InputError, match="at least 2"):
        sample_neighbourhoods(xy, types, RADIUS, 1, 10, rng)
    with pytest.raises(InputError, match="two radii apart"):
        sample_neighbourhoods(xy[:30], types[:30], 1000.0, 3, 10, rng)
    with pytest.raises(InputError, match="niches"):
        sample_niches(np.full(20, "inner"), 3, 10, rng)
