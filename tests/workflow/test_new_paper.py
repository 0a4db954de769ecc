"""`make new-paper`: the paper it makes runs and passes lint; a key that will not do changes nothing."""

import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from clone import ROOT, call, clone

from raw2fig import new_paper
from raw2fig.claims import REPRODUCED, read_claims
from raw2fig.config import load

KEY, TITLE = "eleventh_paper", "It's an Eleventh Paper: Votes & $More"
MORE = ("Makefile", "README.md", "pyproject.toml", "envs", "templates", "tests")
"""What a new paper touches or `make` needs, besides what a run needs."""
STEPS = ("answers", "claims", "evaluate", "fig-accuracy", "table-replicates")

pytestmark = pytest.mark.xdist_group("new_paper")


def copy(folder: Path) -> Path:
    """The repository in `folder`."""
    clone(folder)
    for name in MORE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, folder / name)
    return folder


def files(folder: Path) -> dict[str, str]:
    """Every file below `folder` and its text."""
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def lint(folder: Path, made: Iterable[Path]) -> None:
    """Style of the files that a new paper adds or changes in the copy `folder`."""
    python = [str(path) for path in made if path.suffix == ".py"]
    call(folder, "ruff", "check", *python)
    call(folder, "ruff", "format", "--check", *python)
    call(folder, "snakefmt", "--check", "Snakefile", *[str(path) for path in made if path.suffix == ".smk"])


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A copy that nothing may change, and its files."""
    folder = copy(tmp_path_factory.mktemp("untouched"))
    return folder, files(folder)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which `make new-paper` made a paper."""
    folder = copy(tmp_path_factory.mktemp("new_paper"))
    # make finds the environment whole, and the interpreter of this test in it
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (folder / ".venv/bin/python").chmod(0o755)
    (folder / ".venv/.installed-run").touch()
    call(folder, "make", "new-paper", f"KEY={KEY}", f"TITLE={TITLE.replace('$', '$$')}")
    shutil.rmtree(folder / ".venv")
    return folder


def planned(folder: Path) -> set[str]:
    """Rules of the paper's jobs that Snakemake would run, less the target itself."""
    text = call(folder, "snakemake", KEY, "--dry-run", "--quiet", "host")
    return set(re.findall(rf"^(?:{KEY}_)?(\w+) +\d+$", text, re.MULTILINE)) - {KEY, "total"}


def test_one_word_everywhere_and_nothing_of_the_template_left(paper: Path) -> None:
    made = {path: paper / path for path in new_paper.plan(ROOT, KEY, TITLE)}
    old, new = files(ROOT / new_paper.TEMPLATE), [path for path in made if str(path) not in new_paper.PLACES]
    assert len(made) == len(old)
    assert all(KEY in str(path) for path in new)
    for path in made.values():
        assert not re.search("my.paper", path.read_text(), re.IGNORECASE), path
    for path in new:
        assert "to replace" in made[path].read_text() or path.name == "__init__.py", path
    assert f" |\n| `{KEY}` | {TITLE} | an example to replace |\n" in (paper / "README.md").read_text()


def test_the_page_on_adding_a_paper_names_what_is_there(paper: Path) -> None:
    page = (ROOT / "docs/add-a-paper.md").read_text()
    paths = [path for path in re.findall(r"`([\w./<>*-]+/[\w./<>*-]*)`", page) if not path.startswith(("results", "<"))]
    assert len(paths) > 10
    for path in paths:
        if path not in ("docs/claims/<key>.md", "docs/papers/<key>.md"):
            assert list(paper.glob(path.replace("<key>", KEY))), path


def test_what_is_there_is_only_added_to(paper: Path) -> None:
    for name in new_paper.PLACES:
        before, after = ((folder / name).read_text().splitlines() for folder in (ROOT, paper))
        rest = iter(after)
        assert all(line in rest for line in before), name
        assert 1 <= len(after) - len(before) <= 8, name
    assert re.search(r"\n\n(#.*\n)+resources:", (paper / "config/config.yaml").read_text())


CHECK = """
import sys
from pathlib import Path
from raw2fig.config import check, load
from raw2fig.errors import InputError
config = load([Path(path) for path in sys.argv[2:]])
checked = check(config)
assert check(checked) == checked
del config[sys.argv[1]]
try:
    check(config)
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize("overlay", [[], ["config/smoke.yaml"]], ids=["laptop", "smoke"])
def test_its_section_of_the_configuration_is_valid_and_required(paper: Path, overlay: list[str]) -> None:
    files = ["config/config.yaml", *overlay]
    said = call(paper, sys.executable, "-c", CHECK, KEY, *files)
    assert said == f"{KEY}: is missing; expected a mapping of keys to values\n"
    assert load([paper / name for name in files])[KEY]["crowd"]["questions"] == (40 if overlay else 1000)


def test_it_runs_and_only_what_a_change_of_code_concerns_runs_again(paper: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(paper, tmp_path / "run")
    call(folder, "snakemake", KEY, "--cores", "1", "--quiet", "all")
    results = folder / "results" / KEY
    (claim,) = read_claims(results / "claims.json")["claims"]
    assert claim["verdict"] == REPRODUCED
    assert f"| C1 | the paper's | {claim['claim']}" in (results / "tables/paper_vs_run.md").read_text()
    drawn = sorted(path.name for path in (results / "figures").iterdir())
    assert drawn == ["accuracy.csv", "accuracy.png", "accuracy.svg"]

    def edit(module: str, old: str, new: str) -> None:
        path = folder / "workflow/raw2fig/papers" / KEY / f"{module}.py"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    edit("data", "Simulate independent answers", "Make up answers")
    edit("evaluate", "    frames =", "    # all replicates\n    frames =")
    edit("figures", "(0, 1)", "(0, 2)")  # the table in the same file stays as it is
    assert planned(folder) == {"fig_accuracy"}
    edit("data", "< crowd.accuracy", "<= crowd.accuracy")
    assert planned(folder) == {
        "answers",
        "claims",
        "evaluate",
        "fig_accuracy",
        "paper_vs_run",
        "table_replicates",
    }


def test_each_rule_has_the_digest_of_its_step(paper: Path) -> None:
    _, *rules = (paper / f"rules/{KEY}.smk").read_text().split(f"\nrule {KEY}_")
    for rule in rules:
        ((group, name),) = re.findall(r'"raw2fig (\S+) (\S+) ', rule)
        assert group == KEY.replace("_", "-")
        assert f'code=step_digest("{KEY}", "{name}")' in rule
    assert len(rules) == 2


def test_it_passes_lint_and_its_tests(paper: Path) -> None:
    lint(paper, new_paper.plan(ROOT, KEY, TITLE))
    call(paper, "sh", "tests/lint_workflow.sh")
    # types of other packages take most of mypy's time; `make lint` has them
    call(paper, "mypy", "-p", f"raw2fig.papers.{KEY}", "--no-site-packages", "--follow-imports", "silent")
    call(paper, "pytest", f"tests/{KEY}")


def test_its_steps_are_commands(paper: Path) -> None:
    words = [sys.executable, "-m", "raw2fig"]
    assert f"eleventh-paper  {TITLE}\n" in call(paper, *words, "--help")
    shown = call(paper, *words, "eleventh-paper", "--help")
    assert sorted(re.findall(r"^  (\S+) +\S", shown, re.MULTILINE)) == sorted(STEPS)


@pytest.mark.parametrize("key", ["x", "y" * new_paper.LONGEST_KEY])
def test_short_and_long_names_are_formatted_too(tmp_path: Path, key: str) -> None:
    made = new_paper.plan(copy(tmp_path), key, "T" * new_paper.LONGEST_TITLE)
    for path, text in made.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    lint(tmp_path, made)


@pytest.mark.parametrize(
    ("key", "title", "message"),
    [
        ("", TITLE, "KEY: is missing; expected one word for the paper, such as brain_rot"),
        ("Brain_Rot", TITLE, "KEY: is 'Brain_Rot'; expected a Python identifier in lower case"),
        ("brain-rot", TITLE, "KEY: is 'brain-rot'; expected a Python identifier in lower case"),
        ("2nd", TITLE, "KEY: is '2nd'; expected a Python identifier in lower case"),
        ("../rot", TITLE, "KEY: is '../rot'; expected a Python identifier in lower case"),
        ("lambda", TITLE, "KEY: is 'lambda'; expected a Python identifier in lower case"),
        ("x" * 25, TITLE, "expected at most 24 characters"),
        ("report", TITLE, "KEY: 'report' is the name of a group of commands"),
        ("fetch", TITLE, "KEY: 'fetch' is the name of a group of commands"),
        ("c2s", TITLE, "KEY: 'c2s' is already there: config/published/c2s.yaml"),
        ("common", TITLE, "KEY: 'common' is already there: rules/common.smk"),
        ("slurm", TITLE, "KEY: 'slurm' is already there: tests/slurm"),
        ("workflow", TITLE, "KEY: 'workflow' is already there: "),
        ("pathvars", TITLE, "KEY: 'pathvars' is already there: the section pathvars of config/config.yaml"),
        ("models", TITLE, "KEY: 'models' is already there: "),
        ("c2s_claims", TITLE, "KEY: 'c2s_claims' is already there: rule c2s_claims"),
        ("eleventh", "", "TITLE: is missing"),
        ("eleventh", " ", "TITLE: is missing"),
        ("eleventh", 'A "quoted" title', "expected one line of at most 90 characters"),
        ("eleventh", "Two\nlines", "expected one line of at most 90 characters"),
        ("eleventh", "T" * 91, "expected one line of at most 90 characters"),
    ],
)
def test_what_will_not_do_is_one_line_with_status_2_and_changes_nothing(
    untouched: tuple[Path, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    key: str,
    title: str,
    message: str,
) -> None:
    folder, before = untouched
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as ended:
        new_paper.main([key, title])
    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith("raw2fig new-paper: ")
    assert message in shown.err
    assert files(folder) == before


def test_a_second_time_and_without_names_make_stops(paper: Path) -> None:
    """In the words of the module that make calls."""
    module = [sys.executable, "-m", "raw2fig.new_paper"]
    assert f"'{KEY}' is already there: config/published/{KEY}.yaml" in call(paper, *module, KEY, TITLE, status=2)
    assert "KEY: is missing" in call(paper, *module, status=2)
    assert "holds no template" in call(
        paper / "config", *module, "other", TITLE, status=2, PYTHONPATH=f"{paper}/workflow"
    )


def test_a_paper_that_the_table_announces_keeps_its_place(tmp_path: Path) -> None:
    readme = copy(tmp_path) / "README.md"
    row = "| `announced` | Announced | not yet |\n"
    text = readme.read_text().replace("|---|---|---|\n", f"|---|---|---|\n{row}", 1)
    assert row in text
    readme.write_text(text)
    changed = new_paper.plan(tmp_path, "announced", "Its Title")[Path("README.md")]
    assert changed == text.replace(row, "| `announced` | Its Title | an example to replace |\n")
