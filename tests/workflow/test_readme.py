"""The commands of the README are typed as they must be."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from clone import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(
    {found.split("#")[0].strip() for found in re.findall(r"raw2fig [a-z0-9-]+ [a-z-]+ --[^`\n]*", README)}
)
LINKS = sorted(set(re.findall(r"\]\((?!http)([^)#]+)", README)))


@pytest.mark.parametrize("command", [one for one in COMMANDS if "--help" not in one])
def test_a_command_of_the_readme_has_all_flags_that_it_needs_and_no_unknown_one(command: str) -> None:
    program, paper, step, *given = command.split()
    told = subprocess.run(
        [program, paper, step, "--help"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        check=True,
    ).stdout
    usage = told.partition("\n\n")[0].partition("[OPTIONS]")[0]
    flags = {word for word in given if word.startswith("--")}
    assert set(re.findall(r"--[a-z0-9-]+", usage)) <= flags
    assert flags <= set(re.findall(r"--[a-z0-9-]+", told))


@pytest.mark.parametrize("link", LINKS)
def test_a_link_of_the_readme_leads_somewhere(link: str) -> None:
    assert Path(ROOT / link).exists()


def test_the_readme_has_a_row_for_each_paper() -> None:
    papers = {path.parent.name for path in (ROOT / "workflow/raw2fig/papers").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `(\w+)` \| \[", README, re.MULTILINE)) == papers
