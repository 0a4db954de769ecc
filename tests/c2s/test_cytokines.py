"""The cytokine simulator: the planted table is as it was designed, and cells follow it without crossing the split."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from c2s_settings import given
from simulator_reference import (
    EFFECTS,
    TIERS,
    TYPES,
    assert_no_leak,
    marked,
    pbmc68k,
    synthetic,
    weighted_slope,
    written,
)

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import read_counts
from raw2fig.papers.c2s.cytokines import (
    CytokineEffects,
    Treatment,
    log_fold_change,
    read_effects,
    simulate_cytokines,
    stimuli,
)
from raw2fig.papers.c2s.simulate import gene_vector, read_reference
from raw2fig.papers.c2s.tiers import read_design, tier_of
from raw2fig.tables import read_json

TINY = CytokineEffects(
    weights={"A": {"G1": 1.0, "G2": 2.0}, "B": {"G2": 1.0, "G3": -1.0}},
    synergy={"A+B": {"G1": 0.5}},
    pair_scale=0.8,
    sensitivity={"Mono": 1.1},
    default_sensitivity=1.0,
    exposure={"acute": 1.0, "chronic": 0.6},
)
GENES = ["G1", "G2", "G3", "G4"]


DEFAULT = {"n_train": 200, "n_test": 64}
"""Cells of a condition."""


def run(raw: Path, folder: Path, replicate: int = 0, **options: float) -> tuple[Path, Path, Path]:
    folder.mkdir(exist_ok=True)
    paths = folder / "cytokine.h5ad", folder / "oracle.h5ad", folder / "truth.json"
    simulate_cytokines(
        raw=raw,
        effects=EFFECTS,
        cytokine=paths[0],
        oracle=paths[1],
        truth=paths[2],
        simulation=given(Treatment, "cytokine.simulation", **DEFAULT | options),
        replicate=replicate,
    )
    return paths


def test_single_pair_exposure_and_sensitivity_are_exact() -> None:
    def fold(*condition: str) -> list[float]:
        return log_fold_change(*condition, TINY, GENES).tolist()  # type: ignore[arg-type]

    assert fold("T", "A", "acute") == [1.0, 2.0, 0.0, 0.0]
    assert fold("Mono", "A", "acute") == pytest.approx([1.1, 2.2, 0.0, 0.0])
    assert fold("T", "B", "chronic") == pytest.approx([0.0, 0.6, -0.6, 0.0])
    assert fold("T", "A+B", "acute") == pytest.approx([0.8 * 1 + 0.5, 0.8 * 3, -0.8, 0.0])
    assert fold("Mono", "A+B", "chronic") == pytest.approx([1.1 * 0.6 * v for v in (1.3, 2.4, -0.8, 0.0)])
    assert fold("T", "B + A", "acute") == fold("T", "A+B", "acute")
    assert fold("Mono", "none", "none") == [0.0] * 4


@pytest.mark.parametrize(
    ("cytokine", "exposure", "problem"),
    [
        ("C", "acute", "cytokine: 'C'"),
        ("A+A", "acute", "A\\+A"),
        ("A", "none", "exposure: 'none'"),
        ("A", "late", "late"),
    ],
)
def test_unknown_conditions_are_refused(cytokine: str, exposure: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        log_fold_change("T", cytokine, exposure, TINY, GENES)


def test_the_table_is_the_one_that_was_designed() -> None:
    effects = read_effects(EFFECTS)
    assert set(effects.weights) == {"IFNB", "IFNG", "IFN3", "IL6", "TNF"}
    assert all(0.6 <= value <= 1.1 for value in effects.sensitivity.values())
    assert set(effects.sensitivity) == set(TYPES)
    assert effects.default_sensitivity == 1.0
    assert effects.exposure == {"acute": 1.0, "chronic": 0.6}
    assert effects.pair_scale == 0.8
    assert all(min(extra.values()) > 0 for extra in effects.synergy.values())


def test_members_of_every_pair_are_seen_in_another_pair() -> None:
    pairs = [pair.split("+") for pair in read_effects(EFFECTS).synergy]
    times = Counter(member for pair in pairs for member in pair)
    assert ["IFNB", "IL6"] in pairs
    assert min(times.values()) >= 2


def test_cytokines_differ_in_direction() -> None:
    """No two stimulations have proportional effects, else a model could not tell them apart."""
    effects, genes = read_effects(EFFECTS), list(pbmc68k().var_names)
    vectors = np.stack([log_fold_change("T", name, "acute", effects, genes) for name in stimuli(effects)])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    off_diagonal = (vectors @ vectors.T)[~np.eye(len(vectors), dtype=bool)]
    assert off_diagonal.max() < 0.97


def test_every_held_out_condition_of_the_laptop_design_is_simulated() -> None:
    effects, design = read_effects(EFFECTS), read_design(TIERS, "laptop")
    conditions = [(t, s, e) for t in TYPES for s in stimuli(effects) for e in effects.exposure]
    tiers = Counter(tier_of(*condition, design) for condition in conditions)
    assert tiers["tier1"] == 5 * 2 * len(design.tier1)
    assert tiers["tier2"] == 2 * len(design.tier2)
    assert tiers["tier3"] == len(design.tier3)


def test_the_step_writes_all_conditions_oracle_and_truth(tmp_path: Path) -> None:
    raw = written(marked(synthetic()), tmp_path)
    cytokine, oracle, truth = run(raw, tmp_path / "out", n_train=6, n_test=4)
    cells, fresh = read_counts(cytokine, ("cytokine", "exposure", "split")), read_counts(oracle, ("cytokine",))
    condition = ["cell_type", "cytokine", "exposure"]
    sizes = cells.obs.groupby([*condition, "split"], observed=True).size()
    assert len(sizes) == 2 * 5 * (1 + 9 * 2)
    assert set(sizes.xs("train", level="split")) == {6}
    assert set(sizes.xs("test", level="split")) == {4}
    assert (fresh.obs.groupby(condition, observed=True).size() == 4).all()
    assert {tuple(row) for row in fresh.obs[condition].to_numpy()} == {
        tuple(row) for row in cells.obs[condition].to_numpy()
    }
    assert ((cells.obs["cytokine"] == "none") == (cells.obs["exposure"] == "none")).all()

    assert_no_leak(cells)
    assert_no_leak(fresh)
    assert set(fresh.obs["split"]) == {"train"}  # the oracle knows the truth, not the test cells
    train = {row.tobytes() for row in cells.X.toarray()}
    assert not train & {row.tobytes() for row in fresh.X.toarray()}

    effects, planted = read_effects(EFFECTS), read_json(truth)["conditions"]
    assert len(planted) == len(sizes) / 2
    for entry in planted:
        expected = log_fold_change(*(entry[name] for name in condition), effects, list(cells.var_names))
        np.testing.assert_allclose(gene_vector(entry["log_fold"], list(cells.var_names)), expected)


def test_check_18_simulated_cytokines_follow_the_truth_on_real_cells(tmp_path: Path) -> None:
    """Of each cell type, mean over all conditions: slope 1 +- 0.1; with effect 0, slope and mean 0.

    Against the expected shares of untreated cells: simulated controls would add the same noise to all conditions.
    """
    raw = written(pbmc68k(), tmp_path)
    effects, reference = read_effects(EFFECTS), read_reference(raw)
    measured = {}
    for scale in (1.0, 0.0):
        path, _, truth = run(raw, tmp_path / f"scale{scale}", n_train=60, n_test=1, effect_scale=scale)
        cells = read_counts(path, ("cytokine", "exposure", "split"))
        genes, labels = list(cells.var_names), cells.obs[["cell_type", "cytokine", "exposure", "split"]]
        summed = {key: cells.X[rows].sum(axis=0).A1 for key, rows in labels.groupby(list(labels)).indices.items()}
        for name in TYPES:
            arms = [key for key in summed if key[0] == name and key[3] == "train" and key[1] != "none"]
            origin = reference.sources[name, "train"]
            control = 60 * origin.library.mean() * np.asarray(origin.profiles.mean(axis=0)).ravel()
            found = [weighted_slope(log_fold_change(*key[:3], effects, genes), summed[key], control) for key in arms]
            measured[scale, name] = np.mean(found, axis=0)
            if scale == 0:
                assert np.abs(found)[:, 1].max() < 0.05
        assert bool(any(entry["log_fold"] for entry in read_json(truth)["conditions"])) == (scale > 0)
    for name in TYPES:
        assert measured[1.0, name][0] == pytest.approx(1, abs=0.1), name
        assert measured[0.0, name][0] == pytest.approx(0, abs=0.1), name
        assert measured[0.0, name][1] == pytest.approx(0, abs=0.02), name


def test_a_replicate_gives_the_same_bytes_and_another_one_other_cells(tmp_path: Path) -> None:
    raw = written(synthetic(), tmp_path)
    first, again, other = (
        [path.read_bytes() for path in run(raw, tmp_path / name, n_train=2, n_test=2, replicate=replicate)]
        for name, replicate in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]
    assert first[2] == other[2]


def test_a_reference_with_other_types_works_at_the_default_sensitivity(tmp_path: Path) -> None:
    raw = written(synthetic(types=("Hepatocyte", "unknown"), cells=5), tmp_path)
    path, _, truth = run(raw, tmp_path / "out", n_train=3, n_test=2)
    cells = read_counts(path, ("cytokine",))
    assert set(cells.obs["cell_type"]) == {"Hepatocyte", "unknown"}
    entry = next(e for e in read_json(truth)["conditions"] if e["cytokine"] == "TNF" and e["exposure"] == "acute")
    assert entry["log_fold"]["NFKBIA"] == pytest.approx(1.2)


def test_a_reference_without_the_genes_of_a_cytokine_is_refused(tmp_path: Path) -> None:
    effects = read_effects(EFFECTS)
    adata = synthetic()
    raw = written(adata[:, ~adata.var_names.isin(effects.weights["TNF"])].copy(), tmp_path)
    with pytest.raises(InputError, match=r"raw\.h5ad: no gene of 'TNF'"):
        run(raw, tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda section: section.pop("exposure"), "exposure"),
        (lambda section: section["single"]["TNF"].update(nosuchset=1.0), "nosuchset"),
        (lambda section: section["single"]["TNF"].update(isg="strong"), "strong"),
        (lambda section: section["pairs"]["synergy"].update({"IL6+IFNB": 0.1}), r"IL6\+IFNB"),
        (lambda section: section["pairs"]["synergy"].update({"IL6+XX": 0.1}), r"IL6\+XX"),
    ],
)
def test_a_malformed_table_is_refused(tmp_path: Path, change: object, problem: str) -> None:
    content = yaml.safe_load(EFFECTS.read_text())
    change(content["cytokines"])  # type: ignore[operator]
    path = tmp_path / "effects.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=problem):
        read_effects(path)
