"""Somebody else's columns and words in ours; the shipped label files; reading a file with them."""

import hashlib
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import yaml
from c2s_settings import given

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import Split, read_counts
from raw2fig.papers.c2s.labels import read_labels, relabel
from raw2fig.papers.c2s.reference import Reading, reference
from raw2fig.papers.c2s.tiers import read_design
from raw2fig.step import run_step

CONFIG = Path(__file__).parents[2] / "config/c2s"
OBS = pd.DataFrame(
    {
        "stim": pd.Categorical(["No stimulation", "IFNb", "Rhinovirus", "IFNb"]),
        "time": pd.Categorical(["acute", "acute", "acute", "chronic"]),
        "dose": [0.0, np.nan, 10.0, 10000.0],
        "donor": ["A29", "A31", "A29", "A35"],
    },
    index=["a", "b", "c", "d"],
)


def test_values_rename_and_drop() -> None:
    values = {"No stimulation": "none", "IFNb": "IFNB", "Rhinovirus": None}
    made, keep = relabel(OBS, {"cytokine": {"column": "stim", "values": values}}, "file")
    assert made["cytokine"][keep].tolist() == ["none", "IFNB", "IFNB"]
    assert keep.tolist() == [True, True, False, True]
    assert list(OBS.columns) == ["stim", "time", "dose", "donor"]


def test_untreated_cells_have_no_exposure() -> None:
    labels = {"cytokine": {"column": "stim", "rename": {"No stimulation": "none"}}, "exposure": {"column": "time"}}
    made, keep = relabel(OBS, labels, "file")
    assert keep.all()
    assert made["exposure"].tolist() == ["none", "acute", "acute", "chronic"]
    assert made["cytokine"].tolist() == ["none", "IFNb", "Rhinovirus", "IFNb"]


def test_keep_and_constant() -> None:
    labels: dict[str, dict[str, Any]] = {
        "donor": {"column": "donor", "keep": ["A29", "A31"]},
        "dose": {"column": "dose", "keep": [0, float("nan"), 10000]},
        "context": {"constant": "neutral"},
    }
    made, keep = relabel(OBS, labels, "file")
    assert keep.tolist() == [True, True, False, False]
    assert set(made["context"]) == {"neutral"}


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({"cytokine": {"column": "stimulus"}}, "no obs column 'stimulus'"),
        (
            {"cytokine": {"column": "stim", "values": {"No stimulation": "none", "IFNb": "IFNB"}}},
            "'Rhinovirus' has no label",
        ),
        ({"donor": {"column": "donor", "keep": ["B1"]}}, "no cell is left"),
    ],
)
def test_what_does_not_fit_the_data_is_refused(labels: dict[str, dict[str, Any]], found: str) -> None:
    with pytest.raises(InputError, match=found):
        relabel(OBS, labels, "file")


@pytest.mark.parametrize(
    "text", ["[]", "{}", "cytokine: stim", "cytokine: {column: stim, value: {}}", "a: {constant: 1, column: b}"]
)
def test_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.yaml").write_text(text)
    with pytest.raises(InputError, match=r"labels\.yaml"):
        read_labels(tmp_path / "labels.yaml")


def test_the_shipped_labels_make_the_columns_that_the_steps_need() -> None:
    needed = {
        "dong_2023": {"cell_type", "cytokine", "exposure"},
        "dominguez_conde_2022": {"cell_type", "tissue", "donor"},
        "sciplex3": {"cell_type", "drug", "drug_class", "context", "seen"},
    }
    found = {path.stem: read_labels(path) for path in (CONFIG / "labels").glob("*.yaml")}
    assert found.keys() == needed.keys()
    assert all(needed[name] <= labels.keys() for name, labels in found.items())
    # cytokines are called as in the held-out design, so that none of it is missed by its name
    design = read_design(CONFIG / "tiers.yaml", "paper")
    named = set(found["dong_2023"]["cytokine"]["values"].values())
    assert {"none", "IFNB", "IFNG", "IFNA2", "TNF", "IFNB+IFNG"} == named
    held_out = {cytokine for _, cytokine in design.tier2} | {cytokine for _, cytokine, _ in design.tier3}
    assert len(named & held_out) >= 4
    assert {kind for kind, _ in design.tier2} <= set(found["dong_2023"]["cell_type"]["values"].values())


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """A file with other columns, and coordinates."""
    counts = np.random.default_rng(0).poisson(2.0, (40, 5)).astype(np.float32)
    obs = pd.DataFrame({"kind": ["x", "y", "z", "x"] * 10}, index=[f"c{i}" for i in range(40)])
    made = anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=list("ABCDE")))
    made.obsm["spatial"] = np.stack([np.arange(40.0), np.zeros(40)], axis=1)
    made.write_h5ad(tmp_path / "mine.h5ad")
    labels = {"cell_type": {"column": "kind", "values": {"x": "T", "y": "B", "z": None}}}
    (tmp_path / "labels.yaml").write_text(yaml.safe_dump(labels))
    return tmp_path / "mine.h5ad"


def read(cells: Path, **options: Any) -> anndata.AnnData:
    raw = cells.with_name("raw.h5ad")
    settings = {"reading": given(Reading, "reference.reading"), "split": given(Split, "reference.split")}
    given_files = {"raw": raw, "path": cells, "labels": cells.with_name("labels.yaml")}
    run_step(reference, {**given_files, **settings, **options})
    return read_counts(raw, ["split"])


def test_a_file_is_read_with_labels(cells: Path) -> None:
    found, whole = read(cells), anndata.read_h5ad(cells)
    kept = whole[whole.obs["kind"] != "z"]
    assert found.obs_names.tolist() == kept.obs_names.tolist()
    assert np.array_equal(found.X.toarray(), kept.X)
    assert found.obs["cell_type"].value_counts().to_dict() == {"T": 20, "B": 10}
    assert np.array_equal(found.obsm["spatial"], kept.obsm["spatial"])


def test_with_a_radius_cells_are_split_by_place(cells: Path) -> None:
    found = read(cells, radius=4.0)
    x = found.obsm["spatial"][:, 0]
    test = (found.obs["split"] == "test").to_numpy()
    assert x[test].min() - x[~test].max() > 4.0
    assert 0.15 < test.mean() < 0.35
    mixed = read(cells)
    assert mixed.obsm["spatial"][(mixed.obs["split"] == "test").to_numpy(), 0].min() < x[~test].max()


def test_the_checksum_of_a_file_at_a_path(cells: Path) -> None:
    read(cells, sha256=hashlib.sha256(cells.read_bytes()).hexdigest())
    cells.with_name("raw.h5ad").unlink()
    with pytest.raises(InputError, match="sha256"):
        read(cells, sha256="0" * 64)
    assert not cells.with_name("raw.h5ad").exists()
