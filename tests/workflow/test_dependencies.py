"""docs/dependencies.md: a line for every package of pyproject.toml, and a use where the line says so."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MARKS = {
    "accelerate": r"\baccelerate launch\b",
    "boltons": r'"boltons\.',
    "more-itertools": r'"more_itertools\.',
    "mypy": r"\bmypy\b",
    "pip-tools": r"\bpip-compile\b",
    "playwright": r"\bplaywright\.sync_api\b",
    "pillow": r"^ *(import|from) PIL\b",
    "pot": r"^ *import ot$",
    "pytest": r"\bpython -m pytest\b",
    "inspect-evals": r"\binspect_evals/",
    "pytest-xdist": r"\bxdist_group\b",
    "pyyaml": r"^ *import yaml$",
    "ruff": r"\bruff check\b",
    "scikit-learn": r"^ *from sklearn\b",
    "setuptools": r"\bsetuptools\.build_meta\b",
    "snakefmt": r"\bsnakefmt --check\b",
    "snakemake-executor-plugin-slurm": r"^executor: slurm$",
    "snakemake-logger-plugin-rich": r"^logger: rich$|--logger rich",
}
"""What shows that a package is used, where that is not an import of its own name."""


def mark(name: str) -> str:
    return MARKS.get(name, rf"^ *(import|from) {name.replace('-', '_')}\b")


def named(requirements: list[str]) -> list[str]:
    """Package names of requirements such as `snakemake>=9,<10`, in their order."""
    return [re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in requirements]


def documented() -> list[tuple[str, list[tuple[str, str, str]]]]:
    """For each section of the page its title and its lines (package, what for, where)."""
    _, *sections = (ROOT / "docs/dependencies.md").read_text().split("\n## ")
    row = re.compile(r"^\| `([^`]+)` \| (.+?) \| (.*?) ?\|$", re.MULTILINE)
    return [(text.partition("\n")[0], row.findall(text)) for text in sections]


LINES = [line for _, lines in documented() for line in lines]


def test_each_dependency_has_its_line_and_each_line_its_dependency() -> None:
    extras = PYPROJECT["optional-dependencies"]
    groups = {"Always": PYPROJECT["dependencies"], **{f"Extra `{name}`": extras[name] for name in extras}}
    assert len(documented()) == len(groups)
    for (title, lines), (start, requirements) in zip(documented(), groups.items(), strict=True):
        assert title.startswith(start)
        assert [name for name, _, _ in lines] == named(requirements)


@pytest.mark.parametrize(("name", "where"), [pytest.param(name, where, id=name) for name, _, where in LINES])
def test_a_package_is_used_where_its_line_says_or_nowhere(name: str, where: str) -> None:
    found = re.compile(mark(name), re.MULTILINE)
    if where:
        for path in re.findall(r"`([^`]+)`", where):
            assert found.search((ROOT / path).read_text()), path
        return
    folders = ("benchmarks", "config", "envs", "profiles", "rules", "tests", "workflow")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix != ".pyc"]
    files = [path for path in [*files, ROOT / "Makefile", ROOT / "Snakefile"] if path.is_file()]
    assert [path for path in files if found.search(path.read_text()) and path != Path(__file__)] == []


def test_only_unused_packages_say_so() -> None:
    assert {name for name, _, where in LINES if not where} == {name for name, what, _ in LINES if "nothing" in what}
    assert all(re.fullmatch(r"(`[^`]+`)(, `[^`]+`)*|", where) for _, _, where in LINES)


def test_a_files_tests_stay_on_one_worker(request: pytest.FixtureRequest) -> None:
    """Not so with a pytest that does not let pytest-xdist mark the groups of tests: each would make what they share."""
    if not hasattr(request.config, "workerinput"):
        pytest.skip("runs with several processes of pytest, as make test does")
    assert request.node.nodeid.endswith("@tests/workflow/test_dependencies.py")
