"""The command line: what is found, what is imported, exit statuses, one-line errors."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from command_line import status_of

import raw2fig.papers
from raw2fig import cli
from raw2fig.errors import InputError

HEAVY = ("torch", "transformers", "scanpy", "anndata", "pandas", "numpy", "matplotlib", "scipy", "cyclopts")

STEPS = '''
"""Steps of a made-up paper."""
import random
from typing import Literal
from raw2fig.errors import InputError
from raw2fig.step import Input, Output, step

def helper() -> None:
    """Not a step."""

@step
def draw(*, out: Output, seed: int = 7) -> None:
    """Draw a number from the global generator."""
    out.write_text(repr(random.random()))

@step
def join_files(
    *, files: list[Input], joined: Output, weights: list[float] | None = None, rate: float = 0.5,
    mode: Literal["plain", "upper"] = "plain", sorted_first: bool = False, limit: int | None = None,
) -> None:
    """Join files.

    Parameters
    ----------
    files
        What to join.
    joined
        The result, in order of the files.
    weights
        A number per file.
    rate
        Learning rate of nothing.
    """
    texts = [path.read_text() for path in files]
    if any("bad" in text for text in texts):
        joined.write_text("half")
        raise InputError(files[0], "holds\\n something bad", "something good")
    if any("defect" in text for text in texts):
        joined.write_text("half")
        raise ZeroDivisionError("ours")
    joined.write_text(repr((texts, weights, rate, mode, sorted_first, limit)))
'''
NUMBERS = '''
import sys
from raw2fig.settings import Seed
from raw2fig.step import Output, step

@step
def write(*, out: Output, copy: Output | None = None, seed: int, top: int = 3, start: float = 0.5) -> None:
    """Write what is asked for. It stands in two sentences
    on two lines, because nobody
    likes lines that do not end before the width of a terminal that is eighty columns wide.

    A second paragraph.

    Parameters
    ----------
    top
        How many of the best are
        written, which takes a long line of help that does not fit beside the flag on a terminal.
    """
    print("said by the step")
    for path in filter(None, (out, copy)):
        path.write_text(repr((seed, top, start)))
'''
OTHER = '''
"""Another module of the paper: must not be imported for the other's step."""
import decimal_of_nowhere
from raw2fig.step import Output, step

@step
def never(*, out: Output) -> None:
    """Never imported."""
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `raw2fig.papers.toy_paper` in a folder of its own, found by the command line."""
    package = tmp_path / "raw2fig"
    shared = dict.fromkeys(cli.SHARED, '"""Shared."""')
    for folder, text in {"papers/toy_paper": '"""A made-up paper."""', **shared}.items():
        (package / folder).mkdir(parents=True)
        (package / folder / "__init__.py").write_text(text)
    (package / "papers/toy_paper/joining.py").write_text(dedent(STEPS))
    (package / "papers/toy_paper/numbers.py").write_text(dedent(NUMBERS))
    (package / "papers/toy_paper/other.py").write_text(dedent(OTHER))
    monkeypatch.setattr(cli, "PACKAGE", package)
    monkeypatch.setattr(raw2fig.papers, "__path__", [str(package / "papers")])
    for name in [name for name in sys.modules if name.startswith("raw2fig.papers.")]:
        monkeypatch.delitem(sys.modules, name)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("raw2fig.papers.toy_paper")]:
        del sys.modules[name]


def test_help_lists_groups_and_steps(toy, capsys) -> None:
    assert status_of("--help") == 0
    assert "toy-paper  A made-up paper." in capsys.readouterr().out
    assert status_of() == 0
    capsys.readouterr()
    for words in (["toy-paper"], ["toy-paper", "--help"]):
        assert status_of(*words) == 0
        shown = capsys.readouterr().out
        assert "  join-files  Join files." in shown
        assert "never" in shown
        assert "helper" not in shown


def test_help_of_a_step_comes_from_its_docstring(toy, capsys) -> None:
    assert status_of("toy-paper", "join-files", "--help") == 0
    shown = capsys.readouterr().out
    for text in ("Usage: raw2fig toy-paper join-files", "--files", "What to join.", "--rate", "0.5", "plain", "upper"):
        assert text in shown
    assert "--empty" not in shown


def test_flags_reach_the_function_with_their_types(toy) -> None:
    one, two, out = toy / "1.txt", toy / "2.txt", toy / "deep" / "er" / "out.txt"
    one.write_text("a")
    two.write_text("b")
    words = ["toy-paper", "join-files", "--files", one, two, "--joined", out]
    assert status_of(*words) == 0
    assert out.read_text() == repr((["a", "b"], None, 0.5, "plain", False, None))
    flags = ["--weights", "1", "-2.5", "--rate", "-1e-3", "--mode", "upper", "--sorted-first", "--limit", "3"]
    assert status_of(*words, *flags) == 0
    assert out.read_text() == repr((["a", "b"], [1.0, -2.5], -0.001, "upper", True, 3))
    assert status_of("toy-paper", "join-files", "--files", two, "--files", one, "--joined", out) == 0
    assert out.read_text().startswith("(['b', 'a']")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["toy-papr"], "toy-papr: no such group; expected 'toy-paper'"),
        (["toy-paper", "join-file"], "join-file: no such step of toy-paper; expected 'join-files'"),
        (["toy-paper", "zzz"], "expected one of draw, join-files, write, never"),
        (["toy-paper", "join-files", "--joined", "OUT"], "--files"),
        (["toy-paper", "join-files", "--files", "--joined", "OUT"], "--files"),
        (["toy-paper", "join-files", "--files", "IN", "--joined", "OUT", "--rat", "1"], "--rate"),
        (["toy-paper", "join-files", "--files", "IN", "--joined", "OUT", "--rate", "fast"], "fast"),
        (["toy-paper", "join-files", "--files", "IN", "--joined", "OUT", "--mode", "loud"], "loud"),
        (["toy-paper", "join-files", "--files", "IN", "GONE", "--joined", "OUT"], "no such file or folder"),
        (["toy-paper", "join-files", "--files", "BAD", "--joined", "OUT"], "holds something bad; expected"),
        (["toy-paper", "join-files", "--files", "IN", "--joined", "IN/x/OUT"], "cannot make its folder"),
    ],
)
def test_mistakes_are_one_line_with_status_2_and_no_output(toy, capsys, words: list[str], message: str) -> None:
    places = {name: str(toy / name) for name in ("IN", "BAD", "GONE", "OUT", "IN/x/OUT")}
    (toy / "IN").write_text("a")
    (toy / "BAD").write_text("bad")
    assert status_of(*[places.get(word, word) for word in words]) == 2
    shown = capsys.readouterr()
    lines = [line for line in shown.err.splitlines() if " INFO " not in line]
    assert len(lines) == 1
    assert lines[0].startswith("raw2fig toy-pap")
    assert message in lines[0]
    assert shown.out == ""
    assert sorted(path.name for path in toy.iterdir()) == ["BAD", "IN", "raw2fig"]


def test_every_file_that_a_step_wrote_is_printed(toy, capsys) -> None:
    out, copy = toy / "a", toy / "b"
    assert status_of("toy-paper", "write", "--out", out, "--seed", 1) == 0
    assert capsys.readouterr().out == f"said by the step\nwrote {out}\n"
    assert status_of("toy-paper", "write", "--out", out, "--copy", copy, "--seed", 1) == 0
    assert capsys.readouterr().out == f"said by the step\nwrote {out}\nwrote {copy}\n"
    assert out.read_text() == copy.read_text() == "(1, 3, 0.5)"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--seed", "-1"], "--seed: is -1; expected at least 0"),
        (["--seed", 2**32], f"--seed: is {2**32}; expected less than"),
        (["--seed", "1.5"], "--seed: is '1.5'; expected an integer"),
        (["--seed", "1e3"], "--seed: is '1e3'; expected an integer"),
        (["--seed", "1", "--top", "2.5"], "--top: is '2.5'; expected an integer"),
        (["--seed", "1", "--top", "9" * 5000], "--top: is '9999"),
        (["--seed", "1", "--start", "nan"], "--start: is nan; expected a finite number"),
        (["--seed", "1", "--start", "inf"], "--start: is inf; expected a finite number"),
        (["--seed", "1", "--start=-inf"], "--start: is -inf; expected a finite number"),
        (["--seed", "1", "--start", "1e400"], "--start: is inf; expected a finite number"),
        (["--seed", "1", "--start", ""], "--start: is ''; expected a number"),
        ([], "--seed"),
    ],
)
def test_numbers_that_are_none(toy, capsys, flags: list[object], message: str) -> None:
    assert status_of("toy-paper", "write", "--out", toy / "a", *flags) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("raw2fig toy-paper write: ")
    assert message in shown.err
    assert (shown.err.count("\n"), shown.out) == (1, "")
    assert len(shown.err) < 400
    assert not (toy / "a").exists()


def test_help_fits_80_columns_and_breaks_lines_itself(toy, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert status_of("toy-paper", "write", "--help") == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "Write what is asked for. It stands in two sentences on two lines" in shown
    assert "\n\nA second paragraph.\n" in shown
    assert "How many of the best are written" in " ".join(shown.replace("│", " ").split())
    assert "Parameters\n" not in shown.replace("╭─ Parameters", "")


def test_a_failed_step_leaves_the_old_output(toy) -> None:
    (toy / "BAD").write_text("bad")
    (toy / "OUT").write_text("old")
    assert status_of("toy-paper", "join-files", "--files", toy / "BAD", "--joined", toy / "OUT") == 2
    assert (toy / "OUT").read_text() == "old"


def test_a_defect_of_ours_is_a_traceback_and_no_output(toy) -> None:
    (toy / "IN").write_text("defect")
    with pytest.raises(ZeroDivisionError):
        cli.main(["toy-paper", "join-files", "--files", str(toy / "IN"), "--joined", str(toy / "OUT")])
    assert sorted(path.name for path in toy.iterdir()) == ["IN", "raw2fig"]


def test_interrupt_is_130(toy, monkeypatch) -> None:
    def interrupted(words: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run", interrupted)
    assert status_of("toy-paper") == 130


def test_the_default_seed_is_a_seed_too(toy) -> None:
    for name, flags in (("a", []), ("b", []), ("c", ["--seed", 7]), ("d", ["--seed", 8])):
        assert status_of("toy-paper", "draw", "--out", toy / name, *flags) == 0
    drawn = [(toy / name).read_text() for name in "abcd"]
    assert drawn[0] == drawn[1] == drawn[2] != drawn[3]


def test_only_the_called_module_is_imported(toy) -> None:
    """The other module imports something that does not exist: finding its step must not run it."""
    (toy / "IN").write_text("a")
    assert status_of("toy-paper", "join-files", "--files", toy / "IN", "--joined", toy / "OUT") == 0
    assert "raw2fig.papers.toy_paper.joining" in sys.modules
    assert "raw2fig.papers.toy_paper.other" not in sys.modules
    with pytest.raises(ModuleNotFoundError, match="decimal_of_nowhere"):
        cli.main(["toy-paper", "never", "--help"])


def test_two_steps_of_one_name_are_a_defect(toy) -> None:
    (toy / "raw2fig/papers/toy_paper/again.py").write_text(dedent(STEPS))
    with pytest.raises(RuntimeError, match="two steps named draw"):
        cli.main(["toy-paper", "join-files"])


def imported_by(*words: str) -> set[str]:
    """Which of the heavy packages a command imports, in a process of its own."""
    program = dedent(f"""
        import sys
        from raw2fig.cli import main
        try:
            main({list(words)!r})
        except SystemExit as ended:
            assert not ended.code, ended.code
        print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


def test_help_imports_nothing_heavy() -> None:
    assert imported_by("--help") == set()
    assert imported_by("report", "--help") == set()


def test_help_of_a_light_step_imports_only_the_flag_parser() -> None:
    assert imported_by("fetch", "file", "--help") == {"cyclopts"}


def test_installed_command_and_module_are_the_same() -> None:
    outputs = [
        subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
        for command in ([str(Path(sys.executable).with_name("raw2fig"))], [sys.executable, "-m", "raw2fig"])
    ]
    assert outputs[0] == outputs[1]
    assert "raw2fig GROUP STEP" in outputs[0]


SAID = "import raw2fig.cli as cli; cli.run = lambda words: print('what a step found') or ''; cli.main()"
"""In place of a step that prints."""


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [["--help"], ["report", "--help"], ["report", "table", "--help"]], ids=" ".join)
def test_help_for_a_reader_that_is_gone(words: list[str], unbuffered: str) -> None:
    assert unread("-m", "raw2fig", *words, unbuffered=unbuffered) == (0, "")


def test_a_step_that_is_done_for_a_reader_that_is_gone() -> None:
    assert unread("-c", SAID) == (0, "")


def test_another_broken_pipe_is_a_defect(toy, monkeypatch) -> None:
    def broken(words: list[str]) -> str:
        raise BrokenPipeError("a server's")

    monkeypatch.setattr(cli, "run", broken)
    with pytest.raises(BrokenPipeError):
        cli.main(["toy-paper"])


def unread(*words: str, unbuffered: str = "") -> tuple[int, str]:
    """Exit status and standard error of Python when nobody reads its output, as behind `| head -0`."""
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run([sys.executable, *words], stdout=writer, stderr=subprocess.PIPE, text=True, env=environment)
    os.close(writer)
    return done.returncode, done.stderr


def test_error_is_one_line_whatever_is_in_it() -> None:
    assert (
        str(InputError("a.csv", "column\n  x missing", "one of\ta, b"))
        == "a.csv: column x missing; expected one of a, b"
    )
    assert str(InputError(Path("a.csv"), "is empty")) == "a.csv: is empty"


@pytest.mark.parametrize(
    ("program", "shown"),
    [
        ("from raw2fig.cli import main; main(['coordination', '--help'])", b"diagnose"),
        ("from raw2fig import cli; cli.run = lambda words: 'größe κ'; cli.main([])", rb"gr\xf6\xdfe \u03ba"),
    ],
)
def test_a_locale_without_the_letters_is_no_error(tmp_path: Path, program: str, shown: bytes) -> None:
    """Files are read as UTF-8 whatever the locale is, and what its streams cannot show is escaped."""
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "PYTHONCOERCECLOCALE": "0"}
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "program.py")]
    ended = subprocess.run(command, capture_output=True, env={**os.environ, **locale})
    assert ended.returncode == 0, ended.stderr
    assert shown in ended.stdout
