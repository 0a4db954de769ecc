"""Flags of steps: what rules write is what the step gets, and what is not given comes from the configuration."""

import logging
import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from raw2fig import config
from raw2fig.errors import InputError
from raw2fig.flags import Flags
from raw2fig.results import flags
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step


class Training(Record):
    """All kinds of fields."""

    steps: int = Field(ge=1, description="Updates.")
    lr: float = Field(description="Learning rate.")
    shuffle: bool = Field(description="Shuffle.")
    loss: Literal["clip", "none", "a b"] = Field(description="Loss.")
    name: str = Field(description="Name.")
    limit: int | None = Field(description="Limit.")
    ratio: float | None = Field(description="Ratio.")
    launch: str | None = Field(description="Launcher.")
    sizes: list[int] = Field(description="Sizes.")
    names: list[str] = Field(description="Names.")
    rates: list[float] | None = Field(description="Rates.")
    between: tuple[int, float] | None = Field(description="Bounds.")
    grid: list[list[int]] = Field(description="Grid.")
    samples: dict[str, float] = Field(description="Samples.")
    groups: dict[str, list[str]] | None = Field(description="Groups.")


class Limits(Record):
    low: float = Field(description="Lower end.")
    high: float = Field(description="Upper end.")


class Settings(Record):
    """The paper's section."""

    first: Training
    second: Training
    limits: Limits


@step
def train(
    *, data: Input, model: Output, training: Annotated[Training, At("second")], limits: Limits, seed: Seed = 7
) -> None:
    """Train.

    Parameters
    ----------
    data
        What is learnt.
    """


TRAINING: dict[str, Any] = {
    "steps": 3,
    "lr": 0.5,
    "shuffle": False,
    "loss": "clip",
    "name": "a",
    "limit": None,
    "ratio": None,
    "launch": None,
    "sizes": [1],
    "names": ["a"],
    "rates": None,
    "between": None,
    "grid": [[1, 2], [3]],
    "samples": {"a": 1.5},
    "groups": None,
}
SHIPPED = {
    "toy": {"first": TRAINING, "second": TRAINING | {"steps": 30, "lr": 0.25}, "limits": {"low": 0.1, "high": 0.9}}
}
FILES = ["--data", "a", "--model", "b"]


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up paper with its section of the configuration."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(SHIPPED))
    monkeypatch.setattr(config, "SHIPPED", tmp_path / "config.yaml")
    monkeypatch.setattr(config, "papers", lambda: {"toy": Settings})
    monkeypatch.setattr(train, "__module__", "raw2fig.papers.toy.train")


def parse(*words: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return Flags(train).parse("raw2fig toy train", [*FILES, *words])


numbers = st.floats(allow_nan=False, allow_infinity=False)
integers = st.integers(-(10**20), 10**20)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
words = texts | st.sampled_from(
    ["-", "--lr", "-x", "-1", "-inf", "--", "none", "true", "3", "[1]", "{}", "a b", "-1e5"]
)
given_words = words.filter(lambda word: word.strip().lower() not in ("none", "null", "~", ""))
records = st.fixed_dictionaries(
    {
        "steps": st.integers(1, 10**20),
        "lr": numbers,
        "shuffle": st.booleans(),
        "loss": st.sampled_from(["clip", "none", "a b"]),
        "name": words,
        "limit": st.none() | integers,
        "ratio": st.none() | numbers,
        "launch": st.none() | given_words,
        "sizes": st.lists(integers, max_size=3),
        "names": st.lists(words, max_size=3),
        "rates": st.none() | st.lists(numbers, max_size=3),
        "between": st.none() | st.tuples(integers, numbers),
        "grid": st.lists(st.lists(integers, max_size=2), max_size=3),
        "samples": st.dictionaries(words, numbers, max_size=2),
        "groups": st.none() | st.dictionaries(words, st.lists(words, max_size=2), max_size=2),
    }
)


@settings(max_examples=40)
@given(values=records, limits=st.fixed_dictionaries({"low": numbers, "high": numbers}))
def test_what_a_rule_writes_is_what_the_step_gets(values: dict[str, Any], limits: dict[str, Any]) -> None:
    """Through a shell: `flags(section)` in the rule, `Flags.parse` in the command."""
    line = f"{shlex.join(FILES)} --seed 3 {flags(values)} {flags(limits)}"
    arguments, taken = Flags(train).parse("raw2fig toy train", shlex.split(line))
    assert arguments == {
        "data": Path("a"),
        "model": Path("b"),
        "training": Training(**values),
        "limits": Limits(**limits),
        "seed": 3,
    }
    assert taken == {}
    kinds = arguments["training"].model_dump()
    assert {key: type(value) for key, value in kinds.items()} == {key: type(value) for key, value in values.items()}


def test_what_is_not_given_comes_from_the_configuration() -> None:
    """From the place that the step names, and the returned settings are those."""
    arguments, taken = parse("--lr", "0.75", "--high", "2")
    assert arguments["training"] == Training(**TRAINING | {"steps": 30, "lr": 0.75})
    assert arguments["limits"] == Limits(low=0.1, high=2.0)
    assert arguments["seed"] == 7
    assert taken == {key: SHIPPED["toy"]["second"][key] for key in TRAINING if key != "lr"} | {"low": 0.1}


def test_a_file_of_the_configuration_comes_before_the_shipped_one(tmp_path: Path) -> None:
    for name, text in (("a", "toy: {second: {steps: 5, lr: 0.1}}"), ("b", "toy: {second: {steps: 6}}")):
        (tmp_path / f"{name}.yaml").write_text(text)
    files = [str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")]
    for given_files in (["--config", *files], ["--config", files[0], "--config", files[1]]):
        training = parse(*given_files, "--limit", "8")[0]["training"]
        assert (training.steps, training.lr, training.limit) == (6, 0.1, 8)
    with pytest.raises(InputError, match=r"gone\.yaml"):
        parse("--config", str(tmp_path / "gone.yaml"))
    (tmp_path / "a.yaml").write_text("toy: {second: {stepz: 5}}")
    with pytest.raises(InputError, match=r"toy\.second\.stepz: unknown key; expected 'steps'"):
        parse("--config", files[0])


def test_when_all_is_given_no_configuration_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "SHIPPED", Path("gone.yaml"))
    line = f"{flags(TRAINING)} {flags(SHIPPED['toy']['limits'])}"
    assert parse(*shlex.split(line))[0]["training"] == Training(**TRAINING)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", "0"], "--steps: is 0; expected at least 1"),
        (["--steps", "2.5"], "--steps: is '2.5'; expected an integer"),
        (["--lr", "nan"], "--lr: is nan; expected a finite number"),
        (["--lr", "fast"], "--lr: is 'fast'; expected a number"),
        (["--sizes", "1", "x"], "--sizes.1: is 'x'; expected an integer"),
        (["--rates", "1", "inf"], "--rates.1: is inf; expected a finite number"),
        (["--between", "1"], "--between"),
        (["--between", "1", "2", "3"], "--between"),
        (["--samples", "3"], "--samples: is"),
        (["--samples", "{bad"], "--samples: is '{bad'; expected a mapping"),
        (["--seed", "-1"], "--seed: is -1; expected at least 0"),
        (["--loss", "clap"], "clap"),
        (["--lrr", "3"], "--lrr"),
        (["surplus"], "surplus"),
    ],
)
def test_a_mistake_is_told_by_the_name_of_the_flag(words: list[str], message: str) -> None:
    with pytest.raises(InputError) as error:
        parse(*words)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_help_shows_the_configuration_s_values(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    Flags(train).show_help("raw2fig toy train")
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    text = " ".join(shown.replace("│", " ").split())
    assert "--steps INT Updates. [default: 30]" in text
    assert "--lr FLOAT Learning rate. [default: 0.25]" in text
    assert "--data PATH What is learnt. [required]" in text
    assert "--seed INT Seed of all random draws. [default: 7]" in text
    assert "--config PATH" in text


def test_the_log_says_which_settings_were_not_given(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from raw2fig import cli

    @step
    def note(*, out: Output, limits: Limits) -> None:
        out.write_text(repr(limits))

    note.__module__ = "raw2fig.papers.toy.train"
    monkeypatch.setattr(cli, "import_module", lambda name: type("module", (), {"note": note}))
    caplog.set_level(logging.INFO)
    command = cli.Command("raw2fig.papers.toy.train", "note", "step", "")
    said = cli.call(command, "raw2fig toy note", ["--out", str(tmp_path / "out"), "--low", "0.5"])
    assert (tmp_path / "out").read_text() == "Limits(low=0.5, high=0.9)"
    assert "from the configuration: high=0.9" in caplog.messages
    assert said == f"wrote {tmp_path / 'out'}\n"


def test_two_flags_of_one_name_are_a_defect() -> None:
    @step
    def double(*, one: Limits, low: float) -> None:
        """Two."""

    with pytest.raises(TypeError, match="two flags named low"):
        Flags(double)


def test_a_parameter_that_stands_in_the_configuration_by_itself_need_not_be_given(tmp_path: Path) -> None:
    @step
    def lone(*, high: Annotated[float, At("limits.high")], low: Annotated[float, At("limits.low")] = 0.5) -> None:
        """One setting without a record, and one that has a default."""

    lone.__module__ = "raw2fig.papers.toy.train"
    asked = Flags(lone)
    assert asked.parse("lone", []) == ({"high": 0.9, "low": 0.5}, {"high": 0.9})
    assert asked.parse("lone", ["--high", "3"]) == ({"high": 3.0, "low": 0.5}, {})
    (tmp_path / "mine.yaml").write_text("toy: {limits: {high: 7}}")
    assert asked.parse("lone", ["--config", str(tmp_path / "mine.yaml")])[0]["high"] == 7.0
