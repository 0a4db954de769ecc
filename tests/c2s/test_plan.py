"""The design of the experiment, without Snakemake: which files there are at which scale."""

from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
from clone import ROOT

from raw2fig.config import SHIPPED, load, merge
from raw2fig.papers.c2s import plan
from raw2fig.papers.c2s.tissue import Prior
from raw2fig.provenance import _closure, step_digest

MSE_PAIR = "r1/models/grpo/mse_pair"
MAPS = ("annotation", "cells")


def section(name: str = "", **overlay: Any) -> dict[str, Any]:
    files = [SHIPPED, *([ROOT / "config" / f"{name}.yaml"] if name else [])]
    return merge(load(files)["c2s"], overlay)


def test_the_laptop_simulates_everything_and_trains_its_models() -> None:
    c2s = section()
    assert plan.simulated(c2s) == list(plan.EXPERIMENTS)
    assert plan.real(c2s) == plan.fetched(c2s) == []
    assert plan.oracle(c2s) == ["<results>/c2s/r{replicate}/data/oracle.h5ad"]
    assert plan.truth(c2s) == ["<results>/c2s/r0/data/drugs.truth.json"]
    assert plan.sizes(c2s) == ["XS", "S", "M", "L"]
    assert plan.base(c2s) == "<results>/c2s/r{replicate}/models/pretrain/M"
    assert plan.base(c2s, "spatial_sft", 7) == "<results>/c2s/r7/models/pretrain/S"
    assert plan.pretraining_logs(c2s, ["M"]) == [f"<results>/c2s/r{r}/models/pretrain/M.json" for r in (0, 1, 2)]
    assert plan.evaluated(c2s, "scaling") == [f"<results>/c2s/r{r}/evals/scaling.parquet" for r in (0, 1, 2)]
    assert plan.data_file(c2s, "reference") == []
    assert plan.missing_files(c2s) == {}
    assert plan.checks(c2s, "reference") == {}
    assert not plan.has_server(c2s)


def test_the_paper_s_scale_fetches_models_and_data() -> None:
    c2s = section("paper")
    assert plan.simulated(c2s) == ["spatial"]
    assert plan.real(c2s) == ["cytokine", "drugs"]
    assert plan.oracle(c2s) == plan.truth(c2s) == plan.pretraining_logs(c2s, plan.sizes(c2s)) == []
    assert plan.sizes(c2s) == ["410M", "1B", "2B", "27B"]
    assert plan.base(c2s) == plan.base(c2s, replicate=1) == "<results>/c2s/models/base/1B"
    assert plan.cells(c2s, "cytokine") == "<results>/c2s/data/cytokine.h5ad"
    assert plan.cells(c2s, "spatial", 1) == "<results>/c2s/r1/data/spatial.h5ad"
    assert plan.data_file(c2s, "cytokine") == "data/dong_2023.h5ad"
    assert plan.data_file(c2s, "reference") == "<results>/c2s/sources/reference.h5ad"
    assert plan.fetched(c2s) == [
        "<results>/c2s/sources/reference.json",
        "<results>/c2s/sources/drugs.json",
        *(f"<results>/c2s/models/base/{size}" for size in ("410M", "1B", "2B", "27B")),
    ]
    assert plan.has_server(c2s)


def test_models_that_another_file_names_can_be_left_out() -> None:
    c2s = section(base={"shapes": {"S": None}})
    assert plan.sizes(c2s) == ["XS", "M", "L"]
    assert plan.shapes(c2s) == {"XS": "16/1/2", "M": "64/3/4", "L": "96/4/6"}


def test_a_user_s_files(tmp_path: Path) -> None:
    (tmp_path / "mine.h5ad").touch()
    there, absent, folder = (str(tmp_path / name) for name in ("mine.h5ad", "none.h5ad", ""))
    found = {"source": "path", "sha256": "0" * 64}
    named = {"reference": there, "spatial": absent, "drugs": folder}
    c2s = section(**{name: {**found, "path": path} for name, path in named.items()})
    assert plan.missing_files(c2s) == {"spatial": absent, "drugs": folder}
    assert plan.data_file(c2s, "reference") == there
    assert plan.checks(c2s, "reference") == {"sha256": "0" * 64}
    assert plan.checks(c2s, "spatial") == {"sha256": "0" * 64, "radius": 20.0}
    # the checksum of a file that is fetched is checked there
    assert plan.checks(section(drugs={**found, "source": "url", "url": "https://x"}), "drugs") == {}


def test_models_of_a_replicate_and_their_names_go_together() -> None:
    c2s = section()
    assert plan.methods(c2s) == ["SFT", "GRPO mse_pair", "GRPO kendall", "GRPO mmd"]
    assert len(plan.predictors(c2s)) == len(plan.methods(c2s))
    assert plan.rewarded(c2s, suffix=".json")[0] == "<results>/c2s/r{replicate}/models/grpo/mse_pair.json"
    assert plan.grpo_logs(c2s)[2:4] == [f"<results>/c2s/{name}.json" for name in ("r0/models/grpo/mmd", MSE_PAIR)]
    assert plan.shown(c2s, "cells") == "<results>/c2s/r0/evals/umap.cells.parquet"


@pytest.mark.parametrize("scale", ["", "smoke", "gpu"])
def test_all_arms_of_a_replicate_lie_in_its_folder_and_start_from_its_models(scale: str) -> None:
    c2s = section(scale)
    made = [*plan.data(c2s), *plan.models(c2s), *plan.evaluations(c2s)]
    for replicate in c2s["replicates"]:
        here = f"<results>/c2s/r{replicate}/"
        arms = [*plan.spatial(c2s, replicate), *plan.predictors(c2s, replicate), *plan.corpora(c2s, replicate)]
        starts = [plan.base(c2s, task, replicate) for task in ("base", "spatial_sft")]
        assert all(path.startswith(here) for path in [*arms, *starts])
        # the same files as of every other replicate, but for the maps, which the first alone has
        names = {path.removeprefix(here) for path in made if path.startswith(here)}
        rest = {path.partition("/r0/")[2] for path in made if "/r0/" in path}
        assert rest - names == (set() if replicate == 0 else {f"evals/umap.{name}.parquet" for name in MAPS})
        assert names <= rest
    # what is not of a replicate is real
    once = [path for path in made if not path.startswith("<results>/c2s/r")]
    assert sorted(path.rpartition("/")[2] for path in once) == [
        "annotation.baselines.parquet",
        "panel_fit.json",
        "rank_fit.json",
        "reference.h5ad",
    ]


def test_every_prior_has_a_corpus_among_all_corpora() -> None:
    c2s = section("gpu")
    assert list(get_args(Prior)) == plan.priors(c2s)
    assert set(plan.spatial_corpora(c2s, 1)) < set(plan.corpora(c2s, 1)) <= set(plan.data(c2s))
    assert plan.spatial(section(), 1) == ["<results>/c2s/r1/models/spatial/none"]
    files = [*plan.data(c2s), *plan.models(c2s), *plan.evaluations(c2s)]
    assert all(one != other for one, other in pairwise(sorted(files)))


def test_the_curve_over_planted_effects_has_the_claims_own_point() -> None:
    c2s = section()
    assert plan.effects(c2s) == plan.planted(c2s, "answers") == []
    c2s["spatial_sft"]["effects"] = [1.5, 0]
    c2s["replicates"] = [4, 5]
    assert plan.effects(c2s) == [0, 1.0, 1.5]
    assert plan.planted(c2s, "baseline") == [
        f"<results>/c2s/{name}"
        for name in (
            *("r4/effects/0/baseline.parquet", "r5/effects/0/baseline.parquet"),
            *("r4/evals/spatial.baseline.parquet", "r5/evals/spatial.baseline.parquet"),
            *("r4/effects/1.5/baseline.parquet", "r5/effects/1.5/baseline.parquet"),
        )
    ]


@pytest.mark.parametrize(
    ("step", "module"),
    [
        ("simulate-drugs", "raw2fig.stats"),
        ("foscttm", "raw2fig.stats"),
        ("screen", "raw2fig.stats"),
        ("grpo", "raw2fig.stats"),
        ("corpus-tissue", "raw2fig.lm.models"),
        ("tokenizer", "raw2fig.lm.finetune"),
        ("perturbation-baseline", "raw2fig.lm.generate"),
        ("evaluate-perturbation", "raw2fig.lm.generate"),
        ("grpo", "raw2fig.plotting"),
        ("fig-summary", "raw2fig.papers.c2s.claims"),
    ],
)
def test_a_step_does_not_depend_on(step: str, module: str) -> None:
    """What is measured, drawn or trained elsewhere makes no data or model anew."""
    from raw2fig.cli import commands, groups

    command = commands(groups()["c2s"])[step]
    assert step_digest("c2s", step)
    names = {entry[:-64] for entry in _closure([(command.module, command.function)])}
    assert command.module in names
    assert module not in names
