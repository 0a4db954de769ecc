"""Panel, filters, split and held-out tiers."""

import itertools
import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import yaml
from c2s_settings import given, split_options
from scipy import sparse

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import Split, merge_types, normalise, read_cells, recover_pbmc68k, write_cells
from raw2fig.papers.c2s.preprocess import Filters, PanelSize, choose_panel, kept, panel, preprocess
from raw2fig.papers.c2s.programmes import read_programmes
from raw2fig.papers.c2s.tiers import Design, HeldOut, assign_tiers, cytokine_name, read_design, tier_of
from raw2fig.step import run_step

CONFIG = Path(__file__).parents[2] / "config" / "c2s"
CYTOKINES = ["none", "IFNB", "IFNG", "IFN3", "IL6", "TNF", "IFNB+IL6", "IFNB+IFNG"]


@pytest.fixture(scope="module")
def pbmc() -> anndata.AnnData:
    return merge_types(recover_pbmc68k())


@pytest.fixture
def raw(pbmc: anndata.AnnData, tmp_path: Path) -> Path:
    write_cells(pbmc, tmp_path / "raw.h5ad")
    return tmp_path / "raw.h5ad"


def run_preprocess(raw: Path, name: str = "cells", **options: Any) -> anndata.AnnData:
    cells, vocabulary = raw.with_name(f"{name}.h5ad"), raw.with_name(f"{name}.json")
    filters, split, held_out = split_options(options, Filters, Split, HeldOut)
    settings = {
        "filters": given(Filters, "preprocess", **{"min_genes": 200, **filters}),
        "split": given(Split, "reference.split", **split),
        "held_out": given(HeldOut, "held_out", **held_out),
    }
    run_step(preprocess, {"raw": raw, "cells": cells, "vocabulary": vocabulary, **settings, **options})
    read = read_cells(cells)
    assert json.loads(vocabulary.read_text()) == list(read.var_names)
    return read


def made_panel(raw: Path, size: int = 128) -> Path:
    path = raw.with_name("panel.json")
    run_step(
        panel, {"raw": raw, "programmes": CONFIG / "programmes.yaml", "panel": path, "choice": PanelSize(size=size)}
    )
    return path


# --- programmes and panel


def test_programmes_of_the_real_data(pbmc: anndata.AnnData) -> None:
    genes = set(pbmc.var_names)
    present = {name: genes & set(listed) for name, listed in read_programmes(CONFIG / "programmes.yaml").items()}
    listed = ["OAS1", "IRF7", "ISG20", "LY6E", "IFITM1", "IFITM2", "IFITM3", "IRF1", "BST2", "PSME2", "TAPBP", "IRF8"]
    assert present["interferon"] >= set(listed)
    assert len(present["interferon"]) == 18
    assert present["apoptosis"] == set(
        ["IL1B", "SOD2", "CD2", "HMOX1", "IRF1", "TIMP1", "TXNIP", "ANXA1", "SQSTM1", "IL18", "GPX1", "IFITM3", "ISG20"]
    )
    assert len(present["class_ii"]) == 11
    assert len(present["antigen_presentation"]) == 12
    assert len(present["nfkb"]) == 12
    # the surrogate is not the class II programme under another name
    assert not present["class_ii"] & present["antigen_presentation"]


def test_panel_of_the_real_data(raw: Path, pbmc: anndata.AnnData) -> None:
    first = made_panel(raw).read_bytes()
    read = json.loads(first)
    assert made_panel(raw).read_bytes() == first
    totals = dict(zip(pbmc.var_names, np.asarray(pbmc.X.sum(axis=0)).ravel(), strict=True))
    forced = set().union(*read["programmes"].values())
    assert len(set(read["genes"])) == 128
    assert forced < set(read["genes"])
    others = [gene for gene in read["genes"] if gene not in forced]
    assert min(totals[gene] for gene in others) >= max(totals[gene] for gene in totals if gene not in read["genes"])
    assert {"B2M", "HLA-A", "HLA-B", "HLA-C"} <= set(read["absent"]["antigen_presentation"])
    assert len(json.loads(made_panel(raw, size=0).read_text())["genes"]) == 765


def test_panel_choice_does_not_depend_on_the_order_of_genes() -> None:
    abundance = {"A": 5.0, "B": 5.0, "C": 9.0, "D": 0.0, "E": 1.0}
    programmes = {"p": ["D", "Z"], "q": ["D", "E"]}
    chosen = choose_panel(abundance, programmes, 4)
    assert chosen.genes == ["C", "A", "E", "D"]
    assert chosen.programmes == {"p": ["D"], "q": ["D", "E"]}
    assert chosen.absent == {"p": ["Z"], "q": []}
    for order in itertools.permutations(abundance):
        assert choose_panel({gene: abundance[gene] for gene in order}, programmes, 4) == chosen
    assert choose_panel(abundance, programmes, 0).genes == ["C", "A", "B", "E", "D"]


@pytest.mark.parametrize(
    ("programmes", "size", "message"),
    [
        ({"p": ["A", "B"]}, 1, "size: 1 is less than the 2 genes of the programmes"),
        ({"p": ["X", "Y"]}, 2, "no gene of programme 'p' is in the data"),
        ({"p": ["A"]}, -1, "size: -1"),
    ],
)
def test_panels_that_cannot_be(programmes: dict[str, list[str]], size: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose_panel({"A": 1, "B": 2, "C": 3}, programmes, size)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no programmes"),
        ("p: [A, B]", "programme 'p' has no list of gene names"),
        ("p: {genes: []}", "programme 'p' has no list of gene names"),
        ("p: {genes: [A, 1]}", "programme 'p' has no list of gene names"),
        ("p: {genes: [Abc, ABC]}", "programme 'p' names ABC twice"),
        ("p: {genes: [A", "cannot be read"),
    ],
)
def test_programme_files_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(InputError, match=f"p.yaml: {message}"):
        read_programmes(tmp_path / "p.yaml")


# --- filters and normalisation


@pytest.mark.parametrize("panel_columns", [[], [4]])
def test_filters_by_brute_force(panel_columns: Sequence[int]) -> None:
    counts = np.random.default_rng(2).poisson(0.4, size=(40, 12))
    counts[:, 4] = 0
    names = [f"G{i}" for i in range(12)]
    cells, genes = kept(sparse.csr_matrix(counts), names, 5, 9, [names[i] for i in panel_columns])
    expected = [sum(value > 0 for value in row) >= 5 for row in counts]
    assert list(cells) == expected
    left = counts[np.array(expected)]
    assert list(genes) == [(left[:, g] > 0).sum() >= 9 or g in panel_columns for g in range(12)]
    assert 0 < sum(cells) < 40
    assert 0 < sum(genes) < 12


def test_all_genes_when_there_is_no_panel(raw: Path, pbmc: anndata.AnnData, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    read = run_preprocess(raw, min_genes=200, min_cells=3)
    counts = pbmc.X[pbmc.X.getnnz(axis=1) >= 200]
    counts = counts[:, counts.getnnz(axis=0) >= 3]
    assert read.shape == counts.shape
    assert read.n_obs < 687
    assert read.n_vars < 765
    assert np.array_equal(read.layers["counts"].toarray(), counts.toarray())
    assert np.array_equal(read.X.toarray(), normalise(counts).toarray())
    assert f"dropped {687 - read.n_obs} of 687 cells (fewer than 200 genes)" in caplog.text
    assert f"dropped {765 - read.n_vars} of 765 genes (fewer than 3 cells)" in caplog.text
    assert read.uns["preprocess"]["target"] == np.median(np.asarray(counts.sum(axis=1)))


def test_a_panel_is_a_part_of_what_all_genes_give(raw: Path) -> None:
    chosen = made_panel(raw)
    whole = run_preprocess(raw, "whole", min_genes=0, min_cells=0)
    part = run_preprocess(raw, "part", min_genes=0, min_cells=0, panel=chosen)
    assert list(part.var_names) == json.loads(chosen.read_text())["genes"]
    # normalised over all genes, not over the panel
    assert np.array_equal(part.X.toarray(), whole[:, part.var_names].X.toarray())
    assert np.array_equal(part.layers["counts"].toarray(), whole[:, part.var_names].layers["counts"].toarray())
    assert part.obs["split"].tolist() == whole.obs["split"].tolist()


def test_a_rare_gene_stays_if_the_panel_has_it(raw: Path) -> None:
    chosen = raw.with_name("panel.json")
    chosen.write_text(json.dumps({"genes": ["IL18", "LYZ", "ISG15"]}))
    read = run_preprocess(raw, panel=chosen, min_genes=0, min_cells=100)
    assert list(read.var_names) == ["IL18", "LYZ"]
    assert (np.diff(read.X.indptr) > 0).all()


def test_target_and_bytes(raw: Path) -> None:
    a = run_preprocess(raw, "a", target=1e4, min_genes=0, min_cells=0)
    run_preprocess(raw, "b", target=1e4, min_genes=0, min_cells=0)
    assert raw.with_name("a.h5ad").read_bytes() == raw.with_name("b.h5ad").read_bytes()
    np.testing.assert_allclose((10.0 ** a.X.toarray().astype(float) - 1).sum(axis=1), 1e4, rtol=1e-5)


def test_split_is_stratified_or_the_datas_own(raw: Path, pbmc: anndata.AnnData) -> None:
    read = run_preprocess(raw, min_genes=0, test_share=0.25, seed=1)
    for kind, split in read.obs.groupby("cell_type")["split"]:
        assert (split == "test").sum() == round(0.25 * len(split)), kind
    other = run_preprocess(raw, min_genes=0, test_share=0.25, seed=2)
    assert (other.obs["split"] != read.obs["split"]).any()
    own = pbmc.copy()
    own.obs["split"] = ["test", *["train"] * 686]
    write_cells(own, raw)
    assert run_preprocess(raw, min_genes=0).obs["split"].tolist() == own.obs["split"].tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_genes": 10_000}, "0 cells and 0 genes are left of 687 and 765"),
        ({"min_genes": 0, "min_cells": 688}, "687 cells and 0 genes are left"),
        ({"min_genes": 0, "test_share": 1.5}, "test_share: is 1.5; expected less than 1"),
        ({"min_genes": 0, "tiers": CONFIG / "tiers.yaml"}, "no obs column 'cytokine'"),
    ],
)
def test_what_cannot_be_preprocessed(raw: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run_preprocess(raw, **options)
    assert not raw.with_name("cells.h5ad").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [("[1]", "no list 'genes'"), ('{"genes": ["ISG15"]}', "no gene of the panel is in the data"), ("{", "cannot be")],
)
def test_panel_files_that_do_not_serve(raw: Path, text: str, message: str) -> None:
    raw.with_name("panel.json").write_text(text)
    with pytest.raises(InputError, match=message):
        run_preprocess(raw, panel=raw.with_name("panel.json"))


def test_command_line_refuses_in_one_line_with_status_2(tmp_path: Path) -> None:
    made = anndata.AnnData(
        np.array([[1.5, 2.0]]), obs=pd.DataFrame({"cell_type": ["B"]}, index=["a"]), var=pd.DataFrame(index=["A", "B"])
    )
    made.write_h5ad(tmp_path / "raw.h5ad")
    flags = ["--raw", "raw.h5ad", "--cells", "cells.h5ad", "--vocabulary", "vocabulary.json"]
    done = subprocess.run(
        [sys.executable, "-m", "raw2fig", "c2s", "preprocess", *flags],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        check=False,
    )
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert len(lines) == 1
    assert "raw.h5ad: the count matrix has values that are not integers (such as 1.5)" in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["raw.h5ad"]


# --- held-out tiers


def test_paper_design_is_the_papers() -> None:
    assert read_design(CONFIG / "tiers.yaml", "paper") == Design(
        frozenset({"IFNB+IL6"}),
        frozenset({("B", "IFN3"), ("CD4 T", "IFNG"), ("CD8 T", "IFNA2"), ("DC", "IFNB"), ("NK", "IL6")}),
        frozenset(
            {
                ("B", "IFNB", "acute"),
                ("CD4 T", "IFNB+IFNG", "acute"),
                ("CD8 T", "TNF", "chronic"),
                ("NK", "IFN3", "chronic"),
            }
        ),
    )


def test_tiers_of_conditions() -> None:
    design = read_design(CONFIG / "tiers.yaml", "laptop")
    expected = {
        ("T", "IFNB+IL6", "chronic"): "tier1",
        ("B", "IL6 + IFNB", "acute"): "tier1",
        ("T", "IFNG", "acute"): "tier2",
        ("T", "IFNG", "chronic"): "tier2",
        ("B", "IFNG", "chronic"): "seen",
        ("T", "IFNG+IFNB", "acute"): "tier3",
        ("T", "IFNB+IFNG", "chronic"): "seen",
        ("Mono", "TNF", "chronic"): "tier3",
        ("Mono", "TNF", "acute"): "seen",
        ("T", "none", "none"): "seen",
    }
    assert {condition: tier_of(*condition, design) for condition in expected} == expected


def test_tier_3_of_the_laptop_leaves_its_other_exposure_to_training() -> None:
    design = read_design(CONFIG / "tiers.yaml", "laptop")
    other = {"acute": "chronic", "chronic": "acute"}
    for kind, cytokine, exposure in design.tier3:
        assert tier_of(kind, cytokine, other[exposure], design) == "seen"
    assert {kind for kind, _ in design.tier2} == {"Mono", "DC", "B", "T", "NK"}


@pytest.mark.parametrize("name", ["IFNB+IL6", "IL6+IFNB", "IL6 + IFNB"])
def test_pairs_have_one_name(name: str) -> None:
    assert cytokine_name(name) == "IFNB+IL6"


def conditions(pbmc: anndata.AnnData) -> anndata.AnnData:
    """Real cells, four of each type and condition, as if they had been treated; half of them test cells."""
    triples = [
        (kind, cytokine, exposure)
        for kind in ("Mono", "DC", "B", "T", "NK")
        for cytokine in CYTOKINES
        for exposure in (("none",) if cytokine == "none" else ("acute", "chronic"))
        for _ in range(4)
    ]
    obs = pd.DataFrame(triples, columns=["cell_type", "cytokine", "exposure"])
    obs["split"] = ["train", "test"] * (len(obs) // 2)
    obs.index = [f"sim{i}" for i in range(len(obs))]
    return anndata.AnnData(pbmc.X[: len(obs)], obs=obs, var=pbmc.var)


@pytest.mark.parametrize("own_split", [True, False])
def test_check_17_no_held_out_condition_is_in_training(raw: Path, pbmc: anndata.AnnData, own_split: bool) -> None:
    made = conditions(pbmc)
    if not own_split:
        del made.obs["split"]
    write_cells(made, raw)
    read = run_preprocess(raw, min_genes=0, tiers=CONFIG / "tiers.yaml", design="laptop")
    train = read.obs[read.obs["split"] == "train"]
    triples = set(zip(train["cell_type"], train["cytokine"], train["exposure"], strict=True))
    assert set(train["tier"]) == {"seen"}
    assert not {triple for triple in triples if "IFNB+IL6" in triple}
    assert not {t for t in triples if t[:2] in {("B", "IFN3"), ("T", "IFNG"), ("DC", "IFNB"), ("NK", "IL6")}}
    assert not triples & {("B", "IFNB", "acute"), ("T", "IFNB+IFNG", "acute"), ("NK", "IFN3", "chronic")}
    assert triples >= {("B", "IFNB", "chronic"), ("T", "IFNB+IFNG", "chronic"), ("NK", "IFN3", "acute")}
    held_out = read.obs[read.obs["tier"] != "seen"]
    assert set(held_out["split"]) == {"test"}
    # 5 types x 2 exposures; 5 x 2; 4 conditions; four cells of each
    assert held_out["tier"].value_counts().to_dict() == {"tier1": 40, "tier2": 40, "tier3": 16}
    assert "test" in set(read.obs.loc[read.obs["tier"] == "seen", "split"])


def test_held_out_conditions_that_the_data_lack_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    obs = pd.DataFrame({"cell_type": ["NK", "NK"], "cytokine": ["IL6", "none"], "exposure": ["acute", "none"]})
    assert assign_tiers(obs, read_design(CONFIG / "tiers.yaml", "paper")) == ["tier2", "seen"]
    assert "held out in tier1 but not in the data: IFNB+IL6" in caplog.text
    assert "held out in tier2 but not in the data: B IFN3, CD4 T IFNG, CD8 T IFNA2, DC IFNB" in caplog.text
    assert "NK IL6" not in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tier1": None}, "malformed"),
        ({"tier2": ["IFNB"]}, "malformed"),
        ({"tier3": {"B": "IFNB"}}, "malformed"),
        ({"tier1": ["none"]}, "holds out the control"),
        ({"tier3": {"B": {"cytokine": "IL6", "exposure": "acute"}}}, "tier 3 entry B acute IL6 is in another tier"),
        ({"tier3": {"B": {"cytokine": "IFNB", "exposure": "acute"}}}, "tier 3 entry B acute IFNB is in another tier"),
    ],
)
def test_designs_that_are_none(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    design = {"tier1": ["IFNB"], "tier2": {"B": "IL6"}, "tier3": {"T": {"cytokine": "IL6", "exposure": "acute"}}}
    path = tmp_path / "tiers.yaml"
    path.write_text(yaml.safe_dump({"mine": design}))
    assert read_design(path, "mine").tier3 == {("T", "IL6", "acute")}
    path.write_text(yaml.safe_dump({"mine": design | change}))
    with pytest.raises(InputError, match=message):
        read_design(path, "mine")
    with pytest.raises(InputError, match="no design 'yours'; expected one of those there are: mine"):
        read_design(path, "yours")
