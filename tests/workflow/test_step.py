"""Steps: inputs checked first, outputs whole or absent, seeds, progress."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.plotting import Drawing, canvas
from raw2fig.seeding import seed_everything
from raw2fig.settings import Record
from raw2fig.step import (
    FOLDER,
    INPUT,
    LONGEST_NAME,
    OUTPUT,
    GrownFolder,
    Input,
    Output,
    OutputFolder,
    atomic,
    claims,
    figure,
    parameters,
    progress,
    roles,
    run_step,
    step,
    table,
)
from raw2fig.tables import Table


@step
def copy(*, source: Input, target: Output, notes: Output | None = None, parts: list[Input] | None = None) -> None:
    """Copy a file."""
    target.write_text(source.read_text() + "".join(part.read_text() for part in parts or []))
    if notes is not None:
        notes.write_text("noted")


@step
def split(*, source: Input, pieces: list[Output], seed: int = 0) -> None:
    """Write a line of the source, and a random number, to each piece."""
    for line, piece in zip(source.read_text().splitlines(), pieces, strict=True):
        piece.write_text(f"{line} {random.random()} {np.random.random()}")  # noqa: NPY002


@step
def shard(*, folder: GrownFolder) -> None:
    """Add a file to a folder."""
    folder.mkdir(exist_ok=True)
    (folder / str(len(list(folder.iterdir())))).touch()


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".*")]


def test_a_step_stays_a_function(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    copy(source=tmp_path / "a", target=tmp_path / "b")
    assert (tmp_path / "b").read_text() == "text"


def test_roles_are_read_through_lists_and_options() -> None:
    assert roles(copy, INPUT) == ["source", "parts"]
    assert roles(copy, OUTPUT) == ["target", "notes"]
    assert roles(split, OUTPUT) == ["pieces"]


def test_outputs_arrive_with_new_folders_and_no_leftovers(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    target = tmp_path / "new" / "folder" / "b.txt"
    given = {"source": tmp_path / "a", "target": target, "parts": [tmp_path / "a", tmp_path / "a"]}
    assert run_step(copy, given) == [target]
    assert target.read_text() == "texttexttext"
    assert hidden(tmp_path) == []
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("kind", [list, tuple])
def test_several_outputs(tmp_path: Path, kind: type) -> None:
    (tmp_path / "a").write_text("1\n2\n")
    pieces = [tmp_path / "x" / "1", tmp_path / "y" / "2"]
    run_step(split, {"source": tmp_path / "a", "pieces": kind(pieces)})
    assert [piece.read_text()[0] for piece in pieces] == ["1", "2"]


def test_missing_input_is_named_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    arguments = {"source": tmp_path / "a", "parts": [tmp_path / "a", tmp_path / "gone"], "target": tmp_path / "n" / "b"}
    with pytest.raises(InputError, match=r"gone: no such file or folder; expected an existing path for --parts"):
        run_step(copy, arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("other", ["b", "./b", "x/../b", "there/b", "new/../b", "link"])
def test_one_path_for_two_outputs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    """Whatever its spelling."""
    monkeypatch.chdir(tmp_path)
    Path("a").write_text("text")
    Path("x").mkdir()
    Path("there").symlink_to(".")
    Path("link").symlink_to("b")
    with pytest.raises(InputError, match="two outputs share one path"):
        run_step(copy, {"source": Path("a"), "target": Path("b"), "notes": Path(other)})
    assert sorted(os.listdir()) == ["a", "link", "there", "x"]


@pytest.mark.parametrize("target", ["a", "./a", "x/../a", "link", "folder"])
@pytest.mark.parametrize("role", ["source", "parts"])
def test_an_input_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, role: str) -> None:
    """By whatever name, nor a folder that it lies in, which would be replaced."""
    monkeypatch.chdir(tmp_path)
    for folder in ("x", "folder"):
        Path(folder).mkdir()
    for name in ("a", "folder/a", "other"):
        Path(name).write_text("text")
    Path("link").symlink_to("a")
    read = Path("folder/a" if target == "folder" else "a")
    given = {"source": read} if role == "source" else {"source": Path("other"), "parts": [Path("other"), read]}
    with pytest.raises(InputError) as error:
        run_step(copy, {**given, "target": Path("new"), "notes": Path(target)})
    assert str(error.value) == f"{read}: is read as --{role}; expected another path for --notes"
    assert read.read_text() == "text"
    assert not Path("new").exists()
    run_step(copy, {**given, "target": read.with_name("a2"), "notes": Path("folder/notes")})
    assert Path("folder/notes").exists()


@pytest.mark.parametrize("listed", [False, True])
def test_a_mistake_in_an_output_is_told_by_the_name_that_was_given(tmp_path: Path, listed: bool) -> None:
    @step
    def refuses(*, out: Output) -> None:
        raise InputError(out, "cannot be written", f"room for {out}")

    @step
    def refuses_several(*, outs: list[Output]) -> None:
        raise InputError(outs[1], "cannot be written", f"room for {outs[1]}")

    path = tmp_path / "a.xlsx"
    with pytest.raises(InputError) as error:
        run_step(refuses_several, {"outs": [tmp_path / "b", path]}) if listed else run_step(refuses, {"out": path})
    assert str(error.value) == f"{path}: cannot be written; expected room for {path}"


def test_a_step_that_fails_midway_leaves_nothing(tmp_path: Path) -> None:
    @step
    def fails(*, first: Output, second: Output) -> None:
        first.write_text("whole")
        second.mkdir()
        (second / "weights").write_text("half")
        raise RuntimeError("midway")

    (tmp_path / "first").write_text("old")
    with pytest.raises(RuntimeError, match="midway"):
        run_step(fails, {"first": tmp_path / "first", "second": tmp_path / "second"})
    assert [path.name for path in tmp_path.iterdir()] == ["first"]
    assert (tmp_path / "first").read_text() == "old"


def test_a_step_that_forgets_an_output_leaves_none(tmp_path: Path) -> None:
    @step
    def forgets(*, first: Output, second: Output) -> None:
        first.write_text("whole")

    with pytest.raises(RuntimeError, match=r"did not write .*second"):
        run_step(forgets, {"first": tmp_path / "first", "second": tmp_path / "second"})
    assert list(tmp_path.iterdir()) == []


def test_writers_see_the_suffix_and_the_folder_of_the_output(tmp_path: Path) -> None:
    seen: list[Path] = []

    @step
    def looks(*, out: Output) -> None:
        seen.append(out)
        out.write_text("x")

    run_step(looks, {"out": tmp_path / "model.tar.gz"})
    assert seen[0].name != "model.tar.gz"
    assert seen[0].suffixes[-2:] == [".tar", ".gz"]
    assert seen[0].parent == tmp_path


@step
def save(*, model: OutputFolder, log: Output | None = None) -> None:
    """Save a model."""
    model.mkdir()
    (model / "weights").write_text("x")
    if log is not None:
        log.write_text("x")


def test_a_folder_takes_the_place_of_an_empty_folder(tmp_path: Path) -> None:
    assert roles(save, OUTPUT, FOLDER) == ["model"]
    (tmp_path / "model").mkdir()
    run_step(save, {"model": tmp_path / "model"})
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["weights"]
    assert hidden(tmp_path) == []


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with somebody's work in it and beside it."""
    (tmp_path / "here/folder/deep").mkdir(parents=True)
    (tmp_path / "here/empty").mkdir()
    for name in ("mine", "here/a", "here/folder/mine", "here/folder/deep/mine"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "here/to_folder").symlink_to("folder")
    (tmp_path / "here/circle").symlink_to("circle")
    os.mkfifo(tmp_path / "here/pipe")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    """All that lies below a folder, with the text of files."""
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else "" for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("folder", "folder: is a folder, which a file would replace; expected the name of a file"),
        ("folder/", "folder: is a folder, which"),
        ("empty", "empty: is a folder, which"),
        ("to_folder", "to_folder: is a folder, which"),
        ("folder/deep/..", "is a folder, which"),
        ("..", "..: is a folder, which"),
        (".", ".: is a folder, which"),
        ("", ".: is a folder, which"),
        ("/", "/: is a folder, which"),
        ("new/..", "new/..: ends with ..; expected a name of its own"),
        ("pipe", "pipe: is no ordinary file"),
        ("/dev/null", "/dev/null: is no ordinary file"),
        ("a/b", "a/b: cannot make its folder (File exists); expected a writable place"),
        ("circle/b", "circle/b: cannot make its folder"),
        ("/proc/raw2fig", "/proc/raw2fig: cannot be written"),
        ("b" * (LONGEST_NAME + 1), ": cannot be written (File name too long); expected another name"),
    ],
)
def test_a_file_replaces_nothing_but_a_file(taken: Path, target: str, message: str) -> None:
    """It is refused before the work begins, and nothing is changed."""
    before = contents(taken)

    @step
    def never(*, out: Output) -> None:
        pytest.fail("the work has begun")

    with pytest.raises(InputError) as error:
        run_step(never, {"out": Path(target)})
    assert message in str(error.value)
    assert contents(taken) == before


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("folder", "folder: is a folder that holds something; expected a new or an empty folder"),
        ("to_folder", "to_folder: is a folder that holds something"),
        ("..", "..: is a folder that holds something"),
        (".", ".: is a folder that holds something"),
        ("a", "a: is no folder; expected another path"),
        ("pipe", "pipe: is no folder"),
    ],
)
def test_a_folder_replaces_nothing_that_holds_something(taken: Path, model: str, message: str) -> None:
    before = contents(taken)
    with pytest.raises(InputError) as error:
        run_step(save, {"model": Path(model)})
    assert str(error.value).startswith(message)
    assert contents(taken) == before


def test_nor_does_it_replace_the_folder_that_one_stands_in(taken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(taken / "here/empty")
    with pytest.raises(InputError, match=r"\.: is a folder that holds something"):
        run_step(save, {"model": Path()})
    assert Path.cwd().exists()


def test_an_output_does_not_lie_in_another(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"log: lies in what is written as --model; expected another path"):
        run_step(save, {"model": tmp_path / "new", "log": tmp_path / "new/log"})
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("length", [LONGEST_NAME - 9, LONGEST_NAME - 8, LONGEST_NAME])
@pytest.mark.parametrize("letter", ["b", "é"])
def test_names_may_be_as_long_as_the_file_system_allows(tmp_path: Path, length: int, letter: str) -> None:
    """Where `.partial-` before them would be too much."""
    name = letter * ((length - 4) // len(letter.encode())) + ".csv"
    (tmp_path / "a").write_text("text")
    run_step(copy, {"source": tmp_path / "a", "target": tmp_path / name, "notes": tmp_path / f"{name[1:]}"})
    assert contents(tmp_path) == {"a": "text", name: "text", name[1:]: "noted"}


def test_an_input_of_a_name_too_long_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder; expected an existing path for --source"):
        run_step(copy, {"source": tmp_path / ("a" * 300), "target": tmp_path / "b"})


FULL = """
import resource, sys
from pathlib import Path
import pandas as pd
from raw2fig.errors import InputError
from raw2fig.step import Output, run_step, step
from raw2fig.tables import write_table

@step
def fill(*, table: Output) -> None:
    write_table(pd.DataFrame({"x": range(1_000_000)}), table)

resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    run_step(fill, {"table": Path(sys.argv[1])})
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_place_that_is_full_is_named(tmp_path: Path, suffix: str) -> None:
    """A limit of the process stands for the disk's."""
    command = [sys.executable, "-c", dedent(FULL), f"table.{suffix}"]
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == f"table.{suffix}: cannot be written (File too large); expected a place with room\n"
    assert contents(tmp_path) == {}


KILLED = """
import sys, time
from pathlib import Path
from raw2fig.step import Output, run_step, step

@step
def train(*, log: Output, model: Output) -> None:
    log.write_text("whole")
    with model.open("w") as file:
        for _ in range(1000):
            file.write("weights ")
        file.flush()
        if sys.argv[2] == "hang":
            print("writing", flush=True)
            time.sleep(60)
        file.write("end")

folder = Path(sys.argv[1])
run_step(train, {"log": folder / "log.txt", "model": folder / "model.bin"})
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_step_leaves_nothing_that_looks_finished(tmp_path: Path, sent: signal.Signals) -> None:
    command = [sys.executable, "-c", dedent(KILLED), str(tmp_path)]
    with subprocess.Popen([*command, "hang"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(sent)
        assert process.wait(timeout=30) == -sent
    assert all(name.startswith(".partial-") for name in os.listdir(tmp_path))
    subprocess.run([*command, "finish"], check=True)
    assert sorted(os.listdir(tmp_path)) == ["log.txt", "model.bin"]
    assert (tmp_path / "model.bin").read_text() == "weights " * 1000 + "end"


def test_atomic_alone_renames_only_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with atomic([out]) as partial:
        partial[out].write_text("x")
        assert not out.exists()
    assert out.read_text() == "x"


def test_seed_fixes_what_libraries_draw_on_their_own(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1\n")
    texts = []
    for number, seed in enumerate((3, 3, 4)):
        run_step(split, {"source": tmp_path / "a", "pieces": [tmp_path / f"{number}"], "seed": seed})
        texts.append((tmp_path / f"{number}").read_text())
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_torch_is_seeded_where_it_is_imported_and_not_imported_for_it() -> None:
    program = "import sys; from raw2fig.seeding import seed_everything as s; s(1); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    torch = pytest.importorskip("torch")
    draws = []
    for seed in (1, 1, 2):
        seed_everything(seed)
        draws.append(torch.rand(1).item())
    assert draws[0] == draws[1] != draws[2]


class Limits(Record):
    top: int


def test_what_the_house_adds_to_the_parameters() -> None:
    @step
    def plain(*, limits: Limits, seed: int) -> None:
        """Do it.

        Parameters
        ----------
        limits
            What is
            too much.
        """

    found = parameters(plain)
    assert list(found) == ["limits", "seed"]
    assert found["limits"].help == "What is too much."
    assert found["seed"].help == "Seed of all random draws."
    for decorator, added in (
        (figure, ["scale", "svg", "png", "csv"]),
        (table, ["csv", "markdown"]),
        (claims, ["published", "scale", "claims"]),
    ):

        @decorator
        def drawn(*, source: Input) -> None:
            """Draw it."""

        assert list(parameters(drawn)) == ["source", *added]
        assert all(given.help for name, given in parameters(drawn).items() if name != "source")


def test_what_a_table_step_returns_is_written(tmp_path: Path) -> None:
    @table
    def count(*, source: Input) -> Table:
        return Table(pd.DataFrame({"n": [len(source.read_text())], "share": [0.125]}))

    (tmp_path / "a").write_text("text")
    files = [tmp_path / "t.csv", tmp_path / "t.md"]
    assert run_step(count, {"source": tmp_path / "a", "csv": files[0], "markdown": files[1]}) == files
    assert files[0].read_text() == "n,share\n4,0.125\n"
    assert files[1].read_text() == "| n | share |\n| --- | --- |\n| 4 | 0.125 |\n"


def test_what_a_figure_step_returns_is_stamped_and_saved(tmp_path: Path) -> None:
    @figure
    def fig_nothing(*, source: Input) -> Drawing:
        return Drawing(canvas()[0], pd.DataFrame({"x": [1]}), source.read_text())

    (tmp_path / "a").write_text("3 cells")
    files = {suffix: tmp_path / f"f.{suffix}" for suffix in ("svg", "png", "csv")}
    run_step(fig_nothing, {"source": tmp_path / "a", "scale": "smoke", **files})
    assert "smoke scale · n = 3 cells · 1 replicate" in files["svg"].read_text()
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    assert files["csv"].read_text() == "x\n1\n"


def test_progress_passes_the_items_through(capsys) -> None:
    assert list(progress(range(5), "steps", total=5)) == list(range(5))
    assert "steps" in capsys.readouterr().err


def test_a_folder_that_a_step_fills_itself_keeps_what_lies_in_it(tmp_path: Path) -> None:
    for files in (["0"], ["0", "1"]):
        assert run_step(shard, {"folder": tmp_path / "shards"}) == [tmp_path / "shards"]
        assert sorted(path.name for path in (tmp_path / "shards").iterdir()) == files
