"""The settings of all papers: every step finds its records in the shipped configuration, and the schema follows."""

import json
from importlib import import_module
from inspect import Parameter
from pathlib import Path
from typing import Any

import pytest
from command_line import status_of
from jsonschema import Draft202012Validator

from raw2fig import cli
from raw2fig.config import PAPERS, SHIPPED, load, papers
from raw2fig.flags import Flags

STEPS = [
    pytest.param(command, id=f"{key} {name}")
    for key in sorted(path.parent.name for path in PAPERS.glob("*/settings.py"))
    for name, command in cli.commands(PAPERS / key).items()
]
"""Every step of every paper."""
OF_A_RUN = {"seed", "replicate"}
"""What a configuration lists and a step has one of."""

OF_ITS_OWN = {
    "shape": {"alpha", "scale", "epsilon"},  # rewards of a user's own table, by the equations as published
    "evaluate": {"split"},  # of a table of problems; in the configuration, of a data set on the hub
    "diagnose": {"groups"},  # a file; in the configuration, how many are tested
    "play": {"shards"},  # by hand, all games
    "selfplay": {"diff"},  # a file; in the configuration, a kind of lesson
    "audit_tasks": {"operators"},  # a file; in the configuration, those of the world
}
"""Parameters with a default that are not the setting of the same name."""


def keys_of(values: Any) -> set[str]:
    """All keys of a section at every depth."""
    if isinstance(values, dict):
        return set(values).union(*map(keys_of, values.values()))
    return set().union(*map(keys_of, values)) if isinstance(values, list) else set()


@pytest.mark.parametrize("command", STEPS)
def test_every_step_finds_its_settings(command: cli.Command) -> None:
    """Its records stand in one place of the paper's section, or the step says where; the shipped values are valid for
    them; no two flags share a name; and nothing that the configuration holds has a default in a signature."""
    function = getattr(import_module(command.module), command.function)
    found = Flags(function)  # refuses two flags of one name
    assert set(found.shipped([])) == {*found.settings, *found.placed}
    paper = command.module.split(".")[2]
    held = keys_of(load([SHIPPED])[paper]) | {"config"}
    shared = [
        name
        for name, given in found.parameters.items()
        if name in held - OF_A_RUN - OF_ITS_OWN.get(command.function, set())
        and given.default not in (Parameter.empty, None, [], (), "")
    ]
    assert shared == [], f"{command.function}: these have a default and stand in the configuration"
    assert "config" not in found.parameters
    assert "config" not in found.settings


def test_every_flag_that_is_no_setting_is_described() -> None:
    missing = []
    for param in STEPS:
        (command,) = param.values
        found = Flags(getattr(import_module(command.module), command.function))
        own = [name for name, given in found.parameters.items() if name not in found.records and not given.help]
        missing += [f"{param.id} --{name}" for name in own]
    assert missing == []


def test_the_schema_is_that_of_the_shipped_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "schema.json"
    assert status_of("report", "schema", "--json", path) == 0
    assert f"wrote {path}\n" in capsys.readouterr().out
    schema = json.loads(path.read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    shipped = load([SHIPPED])
    assert [error.message for error in validator.iter_errors(shipped)] == []
    for key in papers():
        assert list(validator.iter_errors({name: value for name, value in shipped.items() if name != key}))
        assert list(validator.iter_errors(shipped | {key: shipped[key] | {"stepz": 1}}))
