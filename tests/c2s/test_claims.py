"""Claims about trained models, by hand on small tables: each replicate gives one value, arms are paired in it, and
intervals are over replicates."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raw2fig.claims import Absent
from raw2fig.errors import InputError
from raw2fig.papers.c2s.claims import measurements
from raw2fig.papers.c2s.screen import Hits
from raw2fig.stats import Estimate
from raw2fig.tables import write_json

T = 4.302653 / 3**0.5
"""Half the length of the interval of three values with a standard deviation of 1."""
SHIFTS = (-0.01, 0.0, 0.01)
"""By how much the replicates differ in one arm of a comparison: their standard deviation is 0.01."""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What three replicates wrote, of which the second arm of each comparison is moved by `SHIFTS`."""
    folder = tmp_path_factory.mktemp("tables")
    condition = {"cell_type": "B", "cytokine": "IFNB+IL6", "exposure": "acute", "tier": "tier1", "n": 8}
    found: dict[str, Any] = {}
    for replicate, shift in enumerate(SHIFTS):
        own: dict[str, list[dict[str, Any]]] = {
            "scaling": [
                {"size": size, "parameters": parameters, "metric": metric, "task": task, "cell": cell}
                | {"value": value + (shift if size == "M" else 0)}
                for size, parameters, loss in (("S", 10, 3.0), ("M", 20, 2.5))
                for metric, task, value in (
                    ("loss", "generation", loss),
                    ("accuracy", "annotation", 1 / loss),
                    ("overlap", "generation", 0.5),
                )
                for cell in ("a", "b")
            ],
            "annotation": [
                {"method": "C2S", "cell": f"c{i}", "cell_type": "B", "predicted": "b" if i < 8 + replicate else "T"}
                for i in range(10)
            ],
            "matches": [
                {"method": "C2S", "value": 0.2 + shift, "pairs": 7},
                {"method": "log-expression", "value": 0.25, "pairs": 7},
            ],
            "spatial": [
                {"model": prior, "task": "same_neighbourhood", "response": "yes.", "predicted": "yes."}
                | {"value": i < right + replicate * (prior == "both")}
                for prior, right in (("none", 5), ("cpdb", 6), ("biogrid", 6), ("both", 7))
                for i in range(10)
            ],
            "neighbours": [
                {"model": "classifier", "task": "same_neighbourhood", "response": "yes.", "predicted": "yes."}
                | {"value": i < 4 + replicate}
                for i in range(10)
            ],
            "perturbation": [
                {**condition, "cell_type": kind, "method": method, "metric": metric, "value": value + moved}
                for kind in ("B", "T")
                for method, value, moved in (("no_change", 2.0, 0.0), ("SFT", 1.0, 2 * shift), *BESIDES)
                for metric in ("scfid_programme", "kendall", "pearson_delta")
            ],
            "screen": [
                {"drug": drug, "context": context, "cell": str(cell), "score": cell + effect}
                for drug, effects in {"vehicle": (0, 0), "D1": (0, 1), "D2": (2, 2), "D3": (0, 0)}.items()
                for context, effect in zip(("neutral", "positive"), effects, strict=True)
                for cell in range(3)
            ],
        }
        for name, rows in own.items():
            path = folder / f"{name}-r{replicate}.parquet"
            pd.DataFrame(rows).assign(replicate=replicate).to_parquet(path)
            found.setdefault(name, []).append(path)
        log = [{"step": step, "held_out_loss": loss, "held_out_samples": 9} for step, loss in ((1, 4), (2, 3 + shift))]
        found.setdefault("logs", []).append(folder / f"M-r{replicate}.json")
        write_json({"replicate": replicate, "log": log}, found["logs"][-1])
    cells = {"cell": [f"c{i}" for i in range(10)], "cell_type": "B"}
    guesses = [pd.DataFrame(cells).assign(method=name, predicted=kind) for name, kind in CLASSIFIERS.items()]
    pd.concat(guesses).to_parquet(folder / "classifiers.parquet")
    write_json({"test": {"r2": 0.9, "r2_ci": [0.8, 0.95], "cells": 3}}, folder / "fit.json")
    write_json({"drugs": {name: {"planted": name == "D1"} for name in ("D1", "D2", "D3")}}, folder / "truth.json")
    once = {name: folder / f"{name}.json" for name in ("fit", "truth")}
    return {**found, **once, "classifiers": folder / "classifiers.parquet", "hits": Hits(margin=0.25)}


BESIDES = tuple((name, 1.0, 0.0) for name in ("additive_shift", "gaussian_monge", "GRPO mse_pair", "GRPO kendall"))
CLASSIFIERS = {"logistic": "B", "majority": "T"}


@pytest.fixture(scope="module")
def measured(tables: dict[str, Any]) -> Mapping[str, Any]:
    return measurements(**tables)


@pytest.mark.parametrize(
    ("claim", "part", "value", "deviation", "items"),
    [
        ("C2", "loss", {"S to M": -0.5}, 0.01, 2),
        ("C2", "annotation accuracy", {"S to M": 1 / 2.5 - 1 / 3}, 0.01, 2),
        ("C2", "gene overlap", {"S to M": 0.0}, 0.01, 2),
        ("C2c", None, -1.0, 0.01, 9),
        ("C4", "accuracy minus logistic regression", -0.1, 0.1, 10),
        ("C4", "accuracy minus majority", 0.9, 0.1, 10),
        ("C4c", "FOSCTTM", 0.2, 0.01, 7),
        ("C4c", "FOSCTTM minus log-expression", -0.05, 0.01, 7),
        ("C6", "accuracy", 0.5, 0.0, 10),
        ("C6", "accuracy minus classifier", 0.0, 0.1, 10),
        ("C6b", "cpdb minus none", 0.1, 0.0, 10),
        ("C6b", "both minus cpdb", 0.2, 0.1, 10),
        ("C7", "relative to no change", -0.5, 0.01, 2),
        ("C7", "relative to additive shift", 0.0, 0.02, 2),
        ("C9", None, 0.0, 0.02, 2),
        ("C9b", None, 0.0, 0.02, 2),
        ("C11", "AUROC by context split", 1.0, 0.0, 3),
        ("C11", "gain over one context", 0.5, 0.0, 3),
    ],
)
def test_values_and_intervals_by_hand(
    measured: Mapping[str, Any], claim: str, part: str | None, value: Any, deviation: float, items: int
) -> None:
    found = measured[claim]()
    found = found[part] if part else found
    if isinstance(value, dict):
        assert found.keys() == value.keys()
        ((name, value),) = value.items()
        found = found[name]
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(value)
    assert found.high - found.value == pytest.approx(deviation * T, rel=1e-5, abs=1e-9)
    assert found.replicates is not None
    assert (found.replicates.n, found.n) == (3, items)


def test_real_cells_have_intervals_over_cells(measured: Mapping[str, Any]) -> None:
    assert measured["C1"]() == Estimate(0.9, 0.8, 0.95, 3)


def test_what_is_not_there_is_named(tables: dict[str, Any], measured: Mapping[str, Any]) -> None:
    with pytest.raises(Absent, match="no run of GRPO mmd"):
        measured["C8x"]()
    real = measurements(**tables | {"truth": None, "logs": []})
    with pytest.raises(Absent, match="real drugs"):
        real["C11"]()
    assert isinstance(real["C2c"], Absent)


def test_priors_without_models_leave_c6_to_be_measured(tables: dict[str, Any], tmp_path: Path) -> None:
    paths = [tmp_path / path.name for path in tables["spatial"]]
    for path, whole in zip(paths, tables["spatial"], strict=True):
        frame = pd.read_parquet(whole)
        frame[frame["model"] == "none"].to_parquet(path)
    found = measurements(**tables | {"spatial": paths})
    assert found["C6"]()["accuracy"].value == pytest.approx(0.5)
    with pytest.raises(Absent, match="no models with the priors cpdb, biogrid, both"):
        found["C6b"]()


def test_an_arm_that_lacks_a_replicate_is_no_pair(tables: dict[str, Any], tmp_path: Path) -> None:
    frame = pd.read_parquet(tables["spatial"][2])
    frame[frame["model"] != "both"].to_parquet(tmp_path / "r2.parquet")
    with pytest.raises(InputError, match="both values in each replicate"):
        measurements(**tables | {"spatial": [*tables["spatial"][:2], tmp_path / "r2.parquet"]})["C6b"]()
