"""`make figures ARGS=...`: which invocations of Snakemake it makes, where its report goes, and what it refuses."""

import sys
from pathlib import Path

import pytest
from clone import ROOT, call

from raw2fig import stages
from raw2fig.errors import InputError

BASE, SMALL = "config/config.yaml", "config/small.yaml"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two configurations and a profile that names the second."""
    files = {"Snakefile": "", BASE: "pathvars: {results: results}", SMALL: "pathvars: {results: build/small}"}
    for name, text in {**files, "profiles/small/config.yaml": f"configfile: {SMALL}\ncores: 1"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    return tmp_path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Snakemake's command lines, which fail from the stage evals on if `--keep-going` is among their words."""
    made: list[list[str]] = []

    def snakemake(arguments: list[str], said: object = None) -> int:
        made.append(arguments)
        return int("--keep-going" in arguments and arguments[0] == "evals")

    monkeypatch.setattr(stages, "snakemake", snakemake)
    monkeypatch.setattr(stages, "elsewhere", lambda options: True)
    return made


@pytest.mark.parametrize(
    ("words", "results"),
    [
        ("", "results"),
        (f"--configfile {SMALL}", "build/small"),
        (f"--configfile={SMALL}", "build/small"),
        (f"--configfiles {BASE} {SMALL} --cores 1", "build/small"),
        (f"--configfiles={SMALL}", "build/small"),
        (f"--configfile {SMALL} {BASE}", "results"),
        (f"--configfile {BASE} --configfile={SMALL}", "build/small"),
        (f"--configfile {SMALL} --configfile={BASE}", "results"),
        (f"--replace-workflow-config --configfile={SMALL}", "build/small"),
        ("--profile profiles/small", "build/small"),
        ("--profile=profiles/small", "build/small"),
        (f"--profile profiles/small --configfile {BASE}", "results"),
        ("--config pathvars={results:my}", "results"),
        ("--directory build", "build/results"),
    ],
)
def test_the_report_lies_beside_the_results_that_snakemake_makes(words: str, results: str, folder: Path) -> None:
    options = stages.parse(words.split())
    assert options is not None
    assert stages.report_path(options) == folder / results / "report.html"


def test_a_folder_given_as_a_value_counts_too(folder: Path) -> None:
    options = stages.parse(["--config", "pathvars={results: other}"])
    assert options is not None
    assert stages.report_path(options) == folder / "other/report.html"


def test_a_profile_of_the_environment_counts_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "profiles/small")
    options = stages.parse([])
    assert options is not None
    assert stages.report_path(options) == folder / "build/small/report.html"


@pytest.mark.parametrize(
    "words", ["-n", "--dry-run", "--dryrun", "-nq", "--cores 1 -n", "--touch", "--unlock", "--list-rules", "--summary"]
)
def test_what_makes_no_results_makes_no_report(words: str, folder: Path, calls: list[list[str]]) -> None:
    (folder / "results").mkdir()
    (folder / "results/report.html").touch()
    assert stages.main(words.split()) == 0
    assert calls == [["all", *words.split()]]


def test_stages_follow_one_another_and_the_report_is_last(folder: Path, calls: list[list[str]]) -> None:
    report = ["all", "--report", str(folder / "results/report.html")]
    assert stages.main([]) == 0
    assert calls == [["all"], report]
    calls.clear()
    (folder / "results").mkdir()
    assert stages.main([]) == 0
    assert calls == [["data"], ["models"], ["evals"], ["figures"], report]
    calls.clear()
    assert stages.main(["--keep-going"]) == 1
    assert calls == [[stage, "--keep-going"] for stage in ("data", "models", "evals")]


def test_the_page_to_open_is_named_where_there_is_one(
    folder: Path, calls: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert stages.main([]) == 0
    assert "look at" not in capsys.readouterr().out
    (folder / "results").mkdir()
    (folder / "results/index.html").touch()
    assert stages.main(["--keep-going"]) == 1
    assert "look at" not in capsys.readouterr().out
    assert stages.main([]) == 0
    assert capsys.readouterr().out.endswith("raw2fig: look at results/index.html\n")


@pytest.mark.parametrize(("words", "expected"), [("", False), ("--executor slurm", True), ("-e local", False)])
def test_which_jobs_run_elsewhere(words: str, expected: bool) -> None:
    options = stages.parse(words.split())
    assert options is not None
    assert stages.elsewhere(options) == expected


BAD = {
    "missing.yaml": "cannot be read .*No such file",
    "empty.yaml": "is empty",
    "tabs.yaml": r"cannot be read .*found character '\\t'",
}
BAD |= {"list.yaml": "holds list", "paths.yaml": "pathvars.results: is None"}


@pytest.mark.parametrize("name", BAD)
def test_a_configuration_file_that_cannot_be_used_is_refused(name: str, folder: Path, calls: list[list[str]]) -> None:
    texts = {"empty.yaml": "", "tabs.yaml": "scale:\n\tsmoke", "list.yaml": "[1]", "paths.yaml": "pathvars: 3"}
    if name in texts:
        (folder / name).write_text(texts[name])
    with pytest.raises(InputError, match=BAD[name]) as refused:
        stages.main([f"--configfile={name}"])
    assert "\n" not in str(refused.value)
    assert calls == []


def test_the_command_refuses_in_one_line() -> None:
    said = call(ROOT, "python", "-m", "raw2fig.stages", "--configfile=no/such.yaml", status=2)
    assert said.startswith("raw2fig: configuration: no/such.yaml: cannot be read")
    assert said.count("\n") == 1


def test_snakemake_itself_says_what_is_wrong_with_its_arguments(calls: list[list[str]]) -> None:
    words = ["--profile", "none", "--profile", "profiles/small"]
    assert stages.main(words) == 0
    assert calls == [["all", *words]]


def test_what_snakemake_says_goes_where_it_is_told(folder: Path) -> None:
    code = "import sys\nfrom raw2fig.stages import snakemake\nwith open('said', 'wb') as said:\n"
    code += "    sys.exit(snakemake(['--version'], said))"
    assert call(folder, sys.executable, "-c", code) == ""
    assert (folder / "said").read_text().count(".") >= 2
