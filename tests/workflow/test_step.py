"""Steps: inputs checked first, outputs whole or absent, seeds, progress."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from raw2fig.errors import InputError
from raw2fig.step import INPUT, OUTPUT, Input, Output, atomic, progress, roles, run_step, seed_everything, step


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
    run_step(copy, {"source": tmp_path / "a", "target": target, "parts": [tmp_path / "a", tmp_path / "a"]})
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


def test_one_path_for_two_outputs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    with pytest.raises(InputError, match="two outputs share one path"):
        run_step(copy, {"source": tmp_path / "a", "target": tmp_path / "b", "notes": tmp_path / "b"})
    assert not (tmp_path / "b").exists()


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


def test_a_folder_replaces_the_old_folder_whole(tmp_path: Path) -> None:
    @step
    def saves(*, model: Output) -> None:
        model.mkdir()
        (model / "new").write_text("x")

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_text("x")
    run_step(saves, {"model": tmp_path / "model"})
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["new"]
    assert hidden(tmp_path) == []


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


def test_progress_passes_the_items_through(capsys) -> None:
    assert list(progress(range(5), "steps", total=5)) == list(range(5))
    assert "steps" in capsys.readouterr().err
