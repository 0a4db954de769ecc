"""The section c2s of the configuration: what cannot be meant is refused, with the key and what would do."""

import re
from pathlib import Path
from typing import Any

import pytest
from clone import ROOT

from raw2fig.config import SHIPPED, load, merge
from raw2fig.errors import InputError
from raw2fig.papers.c2s.settings import Settings
from raw2fig.settings import read


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def section(*files: str, **overlay: Any) -> dict[str, Any]:
    whole = load([SHIPPED, *(ROOT / "config" / f"{name}.yaml" for name in files)])
    return merge(whole["c2s"], overlay)


@pytest.mark.parametrize("files", [(), ("smoke",), ("gpu",), ("paper",)])
def test_the_shipped_sections_are_read(files: tuple[str, ...]) -> None:
    settings = read(Settings, section(*files), "c2s")
    assert settings.base.size in settings.base.names()


def test_numbers_may_arrive_as_text() -> None:
    """As `snakemake --config` hands them on."""
    overlay: dict[str, Any] = {"panel": {"size": "100"}, "grpo": {"selection": {"other_lrs": ["1e-5"]}}}
    settings = read(Settings, section(**overlay), "c2s")
    assert settings.panel.size == 100
    assert settings.grpo.selection.other_lrs == [1e-5]


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"bases": 1}, "bases: unknown key; expected 'base'"),
        ({"base": {"shapes": {"M": "33/1/2"}}}, "base.shapes.M: is '33/1/2'; expected hidden/layers/heads"),
        ({"base": {"shapes": {"M": "0/0/0"}}}, "base.shapes.M: is '0/0/0'; expected hidden/layers/heads"),
        ({"base": {"shapes": {"M": "64/3/5"}}}, "base.shapes.M: is '64/3/5'; expected hidden/layers/heads"),
        ({"base": {"shapes": {"../x": "16/1/2"}}}, "base.shapes.../x: is '../x'; expected the form"),
        ({"base": {"size": "XXL"}}, "base.size: is 'XXL'; expected 'L'"),
        ({"base": {"shapes": {"M": None}}}, "base.size: is 'M'; expected one of XS, S, L"),
        ({"base": {"source": "hub"}}, "base.released: names no model; expected at least one"),
        ({"spatial_sft": {"size": "T"}}, "spatial_sft.size: is 'T'; expected one of XS, S, M, L"),
        ({"spatial_sft": {"priors": ["both"]}}, "spatial_sft.priors: is ['both']; expected none among them"),
        ({"held_out": {"design": "laptob"}}, "held_out.design: is 'laptob'; expected 'laptop'"),
        ({"screen": {"scored": {"programme": "antigens"}}}, "screen.scored.programme: is 'antigens'; expected"),
        ({"perturbation": {"scored": {"programme": "x"}}}, "perturbation.scored.programme: is 'x'; expected one of"),
        ({"perturbation": {"prompts": {"family": "perturbation_paired"}}}, "perturbation.prompts.family: is"),
        ({"perturbation": {"evaluation": {"n": 65}}}, "perturbation.evaluation.n: is 65; expected at most 64"),
        ({"umap": {"methods": ["SFT", "CellOT"]}}, "umap.methods.1: is 'CellOT'; expected one of SFT, GRPO mse_pair"),
        ({"cytokine": {"simulation": {"n_train": 4}}}, "cytokine.simulation.n_train: is 4; expected at least 5"),
        ({"drugs": {"simulation": {"n_train": 0}}}, "drugs.simulation.n_train: is 0; expected at least 1"),
        ({"spatial": {"simulation": {"cells": 99}}}, "spatial.simulation.cells: is 99; expected at least 100"),
        ({"spatial": {"neighbourhood": {"radius": 0}}}, "spatial.neighbourhood.radius: is 0; expected more than 0"),
        ({"pretrain": {"corpus": {"samples": {"anotation": 3}}}}, "pretrain.corpus.samples.anotation: is 'anotation'"),
        ({"grpo": {"scoring": {"rewards": ["mse"]}}}, "grpo.scoring.rewards.0: is 'mse'; expected one of mse_pair"),
        ({"grpo": {"recipe": {"generations": 1}}}, "grpo.recipe.generations: is 1; expected at least 2"),
        ({"wording": {"style": "verbose"}}, "wording.style: is 'verbose'; expected one of terse, natural"),
        ({"replicates": [-1]}, "replicates.0: is -1; expected at least 0"),
        ({"replicates": [0, 0]}, "replicates: is [0, 0]; expected different numbers"),
        ({"programmes": "config"}, "programmes: is 'config'; expected a file, which that is not"),
        ({"effects": "no/such.yaml"}, "effects: is 'no/such.yaml'; expected an existing file"),
        ({"reference": {"labels": "no.yaml"}}, "reference.labels: is 'no.yaml'; expected an existing file"),
        ({"rank_fit": {"max_log_rank": float("nan")}}, "rank_fit.max_log_rank: is nan; expected a finite number"),
    ],
)
def test_what_cannot_be_meant_is_refused(overlay: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(f'c2s.{message}')}"):
        read(Settings, section(**overlay), "c2s")


def test_released_models_at_a_path_are_folders(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()

    def base(source: Path) -> dict[str, Any]:
        return {"source": "path", "released": {"A": {"source": str(source), "revision": None}}, "size": "A"}

    overlay = {"base": base(tmp_path / "model"), "spatial_sft": {"size": "A"}}
    assert read(Settings, section(**overlay), "c2s").base.names() == ["A"]
    with pytest.raises(InputError, match=r"^c2s.base.released.A.source: is .*; expected an existing folder"):
        read(Settings, section(**overlay | {"base": base(tmp_path / "none")}), "c2s")


def test_every_step_finds_its_settings_in_the_shipped_section() -> None:
    """The flags of a command called by hand: no two have one name, and what is not given has a value."""
    from importlib import import_module

    from raw2fig.cli import commands, groups
    from raw2fig.flags import Flags

    for command in commands(groups()["c2s"]).values():
        flags = Flags(getattr(import_module(command.module), command.function))
        assert flags.shipped([]).keys() == flags.settings.keys(), command.function
        assert all(flags.parameters[name].help for name in flags.parameters if name not in flags.records), command
        assert all(field.description for _, field in flags.settings.values()), command.function
