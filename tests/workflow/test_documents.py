"""The commands and links of README and docs are as they must be typed."""

import re
import shlex
from importlib import import_module
from inspect import Parameter
from pathlib import Path

import pytest
from clone import ROOT

from raw2fig import cli
from raw2fig.flags import Flags
from raw2fig.step import flag

PATHS = (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")))
PAGES = {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in PATHS}
COMMAND = re.compile(r"raw2fig ([a-z0-9-]+) ([a-z-]+) (--[^`\n]*)")
TYPED = {found.groups() for text in PAGES.values() for found in COMMAND.finditer(text.replace("\\\n", " "))}
COMMANDS = sorted(typed for typed in TYPED if "--help" not in typed[2] and "..." not in typed[2])


@pytest.mark.parametrize(("group", "name", "rest"), COMMANDS)
def test_a_command_has_all_flags_that_it_needs_and_no_unknown_one(group: str, name: str, rest: str) -> None:
    command = cli.commands(cli.groups()[group])[name]
    step = Flags(getattr(import_module(command.module), command.function))
    alone = {key for key in step.parameters if key not in step.records}
    needed = {key for key in alone - set(step.placed) if step.parameters[key].default is Parameter.empty}
    given = {
        word.partition("=")[0].replace("--no-", "--")
        for word in shlex.split(rest, comments=True)
        if word.startswith("--")
    }
    assert {flag(key) for key in needed} <= given
    assert given <= {flag(key) for key in (*alone, *step.settings, "config")}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)", PAGES[page])
    assert [target for target in targets if not (ROOT / page.parent / target).exists()] == []


def test_the_readme_has_a_row_for_each_paper() -> None:
    papers = {path.parent.name for path in (ROOT / "workflow/raw2fig/papers").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `(\w+)` \| \[", PAGES[Path("README.md")], re.MULTILINE)) == papers
