"""Figures, tables and claims as rules declare them: names, files, flags."""

import ast
import shlex
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from raw2fig import cli, results
from raw2fig.errors import InputError
from raw2fig.results import Result, caption, declare, files_as_flags, flags, option

STEPS = '''
"""Steps of a made-up paper."""
from raw2fig.step import Input, claims, figure, step, table

@step
def fit(*, curve: Input) -> None:
    """Fit."""

@figure
def fig_rank(*, fit: Input, pairs: list[Input] | None = None, limits: "Limits", top: int = 3) -> None:
    """Draw."""

@table
def table_all_runs(*, fit: Input) -> None:
    """List."""

@claims
def measurements(*, scores: list[Input]) -> None:
    """Measure."""
'''


@pytest.fixture(autouse=True)
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with the paper `toy_paper`."""
    folder = tmp_path / "raw2fig/papers/toy_paper"
    folder.mkdir(parents=True)
    (folder / "steps.py").write_text(dedent(STEPS))
    for module in (cli, results):
        monkeypatch.setattr(module, "PACKAGE", tmp_path / "raw2fig")
    return tmp_path


def test_a_figure() -> None:
    given = {"fit": "fit.json", "pairs": ["a", "b"], "limits": {"low": 1, "high": None}, "top": 5}
    rank = declare("figure", "toy_paper", "rank", given)
    assert (rank.rule, rank.command, rank.log) == (
        "toy_paper_fig_rank",
        "fig-rank",
        "<results>/toy_paper/logs/fig-rank.log",
    )
    assert rank.inputs == {"fit": "fit.json", "pairs": ["a", "b"]}
    assert rank.outputs == {suffix: f"<results>/toy_paper/figures/rank.{suffix}" for suffix in ("svg", "png", "csv")}
    assert rank.settings == "--low 1 --high none --top 5"
    assert rank.step == "toy-paper fig-rank"
    assert files_as_flags(rank.inputs) == "--fit fit.json --pairs a b"


def test_a_table() -> None:
    runs = declare("table", "toy_paper", "all-runs", {"fit": "fit.json"})
    assert (runs.rule, runs.command) == ("toy_paper_table_all_runs", "table-all-runs")
    assert runs.outputs == {
        "csv": "<results>/toy_paper/tables/all-runs.csv",
        "markdown": "<results>/toy_paper/tables/all-runs.md",
    }
    assert runs.step == "toy-paper table-all-runs"


def test_claims_read_what_was_published() -> None:
    found = declare("claims", "toy_paper", "claims", {"scores": ["a", "b"]})
    assert (found.rule, found.command) == ("toy_paper_claims", "claims")
    assert found.inputs == {"published": "config/published/toy_paper.yaml", "scores": ["a", "b"]}
    assert found.outputs == {"claims": "<results>/toy_paper/claims.json"}
    assert files_as_flags(found.inputs) == "--published config/published/toy_paper.yaml --scores a b"


@pytest.mark.parametrize("nothing", [None, [], ""])
def test_an_input_that_is_not_there_is_left_out(nothing: Any) -> None:
    rank = declare("figure", "toy_paper", "rank", {"fit": "fit.json", "pairs": nothing, "top": nothing})
    assert (list(rank.inputs), rank.settings) == (["fit"], "")
    assert files_as_flags(rank.inputs) == "--fit fit.json"


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("figure", "rnk", "rules of toy_paper: no @figure step fig-rnk; expected 'fig-rank'"),
        ("table", "zzzzzzzz", "rules of toy_paper: no @table step table-zzzzzzzz; expected one of table-all-runs"),
        ("figure", "all-runs", "no @figure step fig-all-runs; expected"),
    ],
)
def test_what_no_step_makes_is_refused(kind: str, name: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        declare(kind, "toy_paper", name, {})
    assert message in str(error.value)


def test_a_step_of_another_kind_is_refused(toy: Path) -> None:
    path = toy / "raw2fig/papers/toy_paper/steps.py"
    path.write_text(path.read_text().replace("@figure", "@step"))
    with pytest.raises(InputError, match="no @figure step fig-rank"):
        declare("figure", "toy_paper", "rank", {})


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({}, []),
        ({"adv_scale": 0.5}, ["--adv-scale", "0.5"]),
        ({"a": None}, ["--a", "none"]),
        ({"a": 0, "b": False, "c": True}, ["--a", "0", "--no-b", "--c"]),
        ({"a": []}, ["--a"]),
        ({"a": ""}, ["--a", ""]),
        ({"a": [1, -2.5], "b": ("x y", "it's")}, ["--a", "1", "-2.5", "--b", "x y", "it's"]),
        ({"a": -1, "b": "-1e-3", "c": "-x"}, ["--a", "-1", "--b", "-1e-3", "--c=-x"]),
        ({"a": ["-x", "y"]}, ["--a=-x", "--a=y"]),
        ({"a": [["x", None], {"y": 1}]}, ["--a", '["x", null]', '{"y": 1}']),
        ({"a": {"b": [1, None]}}, ["--a", '{"b": [1, null]}']),
        ({"a": "$HOME `ls` {x}"}, ["--a", "$HOME `ls` {x}"]),
    ],
)
def test_a_section_as_words_of_a_shell(section: dict[str, Any], expected: list[str]) -> None:
    assert shlex.split(flags(section)) == expected


@pytest.mark.parametrize("nothing", [None, False, "", []])
def test_an_option_that_is_not_given(nothing: Any) -> None:
    assert option("top", nothing) == ""


@pytest.mark.parametrize(("value", "text"), [(True, "--top"), (0, "--top 0"), (["a", "b"], "--top a b")])
def test_an_option_that_is_given(value: Any, text: str) -> None:
    assert option("top", value) == text


def test_the_caption_of_a_figure(tmp_path: Path) -> None:
    rank = Result("figure", "toy_paper", "rank", {}, "")
    with pytest.raises(InputError, match=r"workflow/report/toy_paper/rank\.rst: is missing; expected the caption"):
        caption(tmp_path, rank)
    path = tmp_path / "workflow/report/toy_paper/rank.rst"
    path.parent.mkdir(parents=True)
    path.touch()
    assert (tmp_path / "rules" / caption(tmp_path, rank)).resolve() == path


def test_inputs_are_read_from_annotations() -> None:
    step = next(node for node in ast.parse(dedent(STEPS)).body if getattr(node, "name", "") == "fig_rank")
    assert isinstance(step, ast.FunctionDef)
    assert cli.inputs_of(step) == {"fit", "pairs"}
