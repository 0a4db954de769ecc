"""The tissue simulator: geometry, niches, planted signals, priors and the split by coordinates."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from anndata import AnnData
from c2s_settings import given
from scipy.spatial.distance import cdist
from simulator_reference import EFFECTS, assert_no_leak, gene_names, marked, synthetic, written

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import read_counts
from raw2fig.papers.c2s.simulate import read_reference
from raw2fig.papers.c2s.tissue import (
    SPACING,
    Neighbourhood,
    Tissue,
    composition,
    coordinate_split,
    interaction_prior,
    neighbourhoods,
    niche_membership,
    patches,
    place_cells,
    plant_signals,
    planted_interactions,
    read_tissue_effects,
    simulate_tissue,
)

RADIUS = 20.0


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(marked(synthetic()), tmp_path_factory.mktemp("raw"))


def run(
    raw: Path, path: Path, cells: int = 2400, effect_scale: float = 1.0, radius: float = RADIUS, replicate: int = 0
) -> AnnData:
    simulation = given(Tissue, "spatial.simulation", cells=cells, effect_scale=effect_scale)
    neighbourhood = given(Neighbourhood, "spatial.neighbourhood", radius=radius)
    simulate_tissue(
        raw=raw, effects=EFFECTS, spatial=path, simulation=simulation, neighbourhood=neighbourhood, replicate=replicate
    )
    return read_counts(path, ("niche", "split"))


@pytest.fixture(scope="module")
def tissue(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> AnnData:
    return run(raw, tmp_path_factory.mktemp("tissue") / "tissue.h5ad")


def test_neighbourhoods_are_those_of_brute_force() -> None:
    xy = np.random.default_rng(0).uniform(0, 200, (300, 2))
    expected = cdist(xy, xy) <= RADIUS
    np.fill_diagonal(expected, False)
    assert np.array_equal(neighbourhoods(xy, RADIUS).toarray(), expected)
    assert neighbourhoods(np.array([[0.0, 0.0], [99.0, 0.0]]), RADIUS).nnz == 0


def test_cells_are_spread_out_with_about_nine_neighbours() -> None:
    xy = place_cells(1000, RADIUS, np.random.default_rng(0))
    assert xy.shape == (1000, 2)
    distance = cdist(xy, xy)
    np.fill_diagonal(distance, np.inf)
    assert distance.min() > 0.3 * SPACING * RADIUS  # cells do not overlap
    assert 7 < neighbourhoods(xy, RADIUS).sum(axis=1).mean() < 10


def test_niche_membership_is_a_smooth_partition() -> None:
    xy = place_cells(2400, RADIUS, np.random.default_rng(0))
    membership = niche_membership(xy, RADIUS, 3)
    np.testing.assert_allclose(membership.sum(axis=1), 1)
    assert membership.min() > -1e-12
    near = neighbourhoods(xy, RADIUS / 2).tocoo()
    assert np.abs(membership[near.row] - membership[near.col]).max() < 0.7  # no jump between touching cells
    assert np.bincount(membership.argmax(axis=1)).min() > 600
    assert (niche_membership(xy, RADIUS, 1) == 1).all()


@pytest.mark.parametrize(("n_types", "n_niches"), [(5, 3), (3, 3), (2, 3), (1, 3), (7, 2)])
def test_composition_favours_the_types_dealt_to_a_niche(n_types: int, n_niches: int) -> None:
    shares = composition(n_types, n_niches, 0.7)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    for niche in range(min(n_types, n_niches)):
        if n_types > n_niches:
            assert shares[niche, niche::n_niches].sum() == pytest.approx(0.7)
        assert shares[niche].argmax() % n_niches == niche or n_types == 1


def test_patches_have_their_share_and_are_patchy() -> None:
    xy = place_cells(2400, RADIUS, np.random.default_rng(0))
    active = patches(xy, 3 * RADIUS, 0.4, np.random.default_rng(1))
    assert active.mean() == pytest.approx(0.4, abs=0.01)
    near = neighbourhoods(xy, RADIUS).tocoo()
    assert (active[near.row] == active[near.col]).mean() > 0.85  # 0.52 for independent cells


def test_no_training_cell_is_within_a_radius_of_a_test_cell(tissue: AnnData) -> None:
    xy, split = tissue.obsm["spatial"], tissue.obs["split"].to_numpy()
    assert cdist(xy[split == "train"], xy[split == "test"]).min() > RADIUS
    assert 0.2 < (split == "test").mean() < 0.3
    assert 2250 < tissue.n_obs < 2400  # the rest is the margin
    for part in ("train", "test"):
        assert set(tissue.obs["niche"][split == part]) == {"outer", "middle", "inner"}
    assert set(coordinate_split(xy, RADIUS)) <= {"train", "test", ""}


def test_signals_are_those_of_the_definition(raw: Path) -> None:
    reference, effects = read_reference(raw), read_tissue_effects(EFFECTS)
    interactions = planted_interactions(effects, reference.genes)
    rng = np.random.default_rng(3)
    xy = place_cells(400, RADIUS, rng)
    cell_type = rng.choice(reference.types, 400)
    signals = plant_signals(xy, cell_type, reference, interactions, effects, RADIUS, rng)
    distance = cdist(xy, xy)
    for k, interaction in enumerate(interactions):
        ligand, receptor = (reference.genes.index(gene) for gene in interaction[:2])
        mean = {t: np.asarray(reference.sources[t, "train"].profiles.mean(axis=0)).ravel() for t in reference.types}
        sender = max(reference.types, key=lambda t: mean[t][ligand])
        others = [t for t in reference.types if t != sender]
        limit = effects.receptor_share * max(mean[t][receptor] for t in others)
        assert set(cell_type[signals.sent[:, k]]) == {sender}
        for i in range(0, 400, 7):
            senders = signals.sent[:, k] & (distance[i] <= RADIUS)
            expected = min(1.0, senders.sum() / effects.saturation)
            receives = cell_type[i] != sender and mean[cell_type[i]][receptor] >= limit
            assert signals.received[i, k] == pytest.approx(expected if receives else 0)


def test_ligands_and_targets_are_raised_where_planted_and_nowhere_without_effect(
    raw: Path, tissue: AnnData, tmp_path: Path
) -> None:
    null = run(raw, tmp_path / "null.h5ad", effect_scale=0.0)
    effects = read_tissue_effects(EFFECTS)
    interactions = planted_interactions(effects, gene_names())
    assert [f"{i.ligand}-{i.receptor}" for i in interactions] == list(tissue.uns["interactions"])

    def change(cells: AnnData, gene: str, treated: np.ndarray, untreated: np.ndarray) -> float:
        """Log ratio of the gene's mean share, averaged over the types that have both; NaN without any."""
        column = cells.X[:, cells.var_names.get_loc(gene)].toarray().ravel()
        share = column / np.asarray(cells.X.sum(axis=1)).ravel()
        kinds = cells.obs["cell_type"].to_numpy()
        ratios = [
            np.log(share[treated & (kinds == t)].mean() / share[untreated & (kinds == t)].mean())
            for t in sorted(set(kinds))
            if min((untreated & (kinds == t)).sum(), (treated & (kinds == t)).sum()) > 15
        ]
        return float(np.mean(ratios)) if ratios else np.nan

    for cells, ligand_fold, target_fold in ((tissue, effects.ligand_fold, effects.target_fold), (null, 0, 0)):
        training = (cells.obs["split"] == "train").to_numpy()
        sent, received = cells.obsm["sent"], cells.obsm["received"]
        ligand, target = [], []
        for k, interaction in enumerate(interactions):
            full, no = received[:, k] == 1, received[:, k] == 0
            ligand.append(change(cells, interaction.ligand, training & (sent[:, k] == 1), training & (sent[:, k] == 0)))
            target += [change(cells, gene, training & full, training & no) for gene in interaction.targets]
        # the shift common to all genes of a cell costs a little of the planted change
        assert np.mean(ligand) == pytest.approx(ligand_fold, abs=0.25)
        assert np.isfinite(target).mean() > 0.5
        assert np.nanmean(target) == pytest.approx(target_fold, abs=0.35)


def test_no_source_cell_crosses_the_split(tissue: AnnData) -> None:
    assert_no_leak(tissue)


def test_priors_are_partial_and_noisy_as_stated() -> None:
    effects, genes = read_tissue_effects(EFFECTS), gene_names()
    genes = sorted({*genes, *(gene for pairs in effects.priors.values() for pair in pairs for gene in pair)})
    planted = planted_interactions(effects, genes)
    binding = {(i.ligand, i.receptor) for i in planted}
    downstream = {(i.receptor, gene) for i in planted for gene in i.targets}
    assert (len(binding), len(downstream)) == (8, 24)
    cpdb, biogrid = (set(interaction_prior(effects, name, genes)) for name in ("cpdb", "biogrid"))
    assert (len(cpdb & binding), len(cpdb - binding)) == (6, 3)
    found = (len(biogrid & binding), len(biogrid & downstream), len(biogrid - binding - downstream))
    assert found == (4, 12, 16)
    both = interaction_prior(effects, "both", genes)
    assert len(both) == len(set(both))
    assert set(both) == cpdb | biogrid
    assert interaction_prior(effects, "none", genes) == []
    assert set(interaction_prior(effects, "both", ["MIF", "CD74", "NPM1"])) == {("MIF", "CD74"), ("CD74", "NPM1")}


def test_a_replicate_gives_the_same_bytes_and_another_one_another_tissue(raw: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.h5ad" for name in "abc"]
    for path, replicate in zip(paths, (1, 1, 2), strict=True):
        run(raw, path, cells=150, replicate=replicate)
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again
    assert first != other


@pytest.mark.parametrize("types", [("Hepatocyte", "Kupffer"), ("unknown",)])
def test_a_reference_with_other_types_works(types: tuple[str, ...], tmp_path: Path) -> None:
    cells = run(written(synthetic(types=types), tmp_path), tmp_path / "tissue.h5ad", cells=300)
    assert set(cells.obs["cell_type"]) == set(types)
    if len(types) > 1:  # one type has nobody to signal to
        assert cells.obsm["received"].sum() > 0


def test_bad_input_is_refused(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cells: is 10; expected at least 100"):
        run(raw, tmp_path / "x.h5ad", cells=10)
    with pytest.raises(InputError, match=r"radius: is -1\.0; expected more than 0"):
        run(raw, tmp_path / "x.h5ad", radius=-1.0)
    adata = synthetic()
    (tmp_path / "few").mkdir()
    few = written(adata[:, adata.var_names.str.startswith("FILLER")].copy(), tmp_path / "few")
    with pytest.raises(InputError, match="no planted interaction"):
        run(few, tmp_path / "x.h5ad")
    content = yaml.safe_load(EFFECTS.read_text())
    del content["tissue"]["interactions"][0]["receptor"]
    (tmp_path / "effects.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="'tissue' is malformed"):
        read_tissue_effects(tmp_path / "effects.yaml")
