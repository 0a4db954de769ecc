"""`step_digest`: what changes it, and what does not. Runs on a made-up package in place of the real one."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from raw2fig import cli, provenance

FILES = {
    "raw2fig/__init__.py": '"""Package."""',
    "raw2fig/seeding.py": "START = 0\n",
    "raw2fig/plotting.py": "COLOUR = 'blue'\n",
    "raw2fig/step.py": "import raw2fig.plotting\n",
    "raw2fig/papers/__init__.py": "",
    "raw2fig/papers/toy/__init__.py": '"""A paper."""',
    "raw2fig/papers/toy/train.py": '''
        """Training."""
        import json
        from raw2fig.papers.toy.data import load
        from raw2fig.papers.toy.drawing import colour
        from raw2fig.step import figure, step

        LIMIT = 3
        """A documented constant."""

        class Settings:
            steps: int = Field(ge=1, description="Steps.")

        @step
        def train(steps: int = LIMIT) -> None:
            """Train."""
            for _ in range(steps):  # every step
                load()

        @step
        def tune() -> None:
            """Train often."""
            from raw2fig import unrelated
            train(unrelated.VALUE)

        @step
        def evaluate() -> None:
            print(LIMIT)

        @figure
        def fig_loss() -> None:
            colour("red")
        ''',
    "raw2fig/papers/toy/drawing.py": """
        def colour(name: str) -> str:
            return name
        """,
    "raw2fig/papers/toy/data.py": '''
        """Data."""
        from raw2fig.step import step

        def load() -> object:
            """Load, lazily."""
            from raw2fig import lowest
            return lowest.read()

        @step
        def download() -> None:
            print("far away")
        ''',
    "raw2fig/lowest.py": '''
        """Two levels down."""
        def read() -> str:
            return "text"
        ''',
    "raw2fig/unrelated.py": "VALUE = 1\n",
    "raw2fig/cycle_a.py": "import raw2fig.cycle_b\nOTHER = raw2fig.cycle_b\n",
    "raw2fig/cycle_b.py": "import raw2fig.cycle_a\nOTHER = raw2fig.cycle_a\n",
}
TRAIN, DATA = "raw2fig/papers/toy/train.py", "raw2fig/papers/toy/data.py"
STEPS = ("train", "tune", "evaluate", "fig-loss", "download")


def digests() -> dict[str, str]:
    """Digest of each step, as a new process with empty caches finds it."""
    for function in ("step_digest", "_commands", "_parts", "_kept", "_steps", "_needs", "_path"):
        getattr(provenance, function).cache_clear()
    return {name: provenance.step_digest("toy", name) for name in STEPS}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The made-up package."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    for folder in cli.SHARED:
        (tmp_path / "raw2fig" / folder).mkdir()
        (tmp_path / "raw2fig" / folder / "__init__.py").touch()
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setattr(cli, "PACKAGE", tmp_path / "raw2fig")
    yield tmp_path
    for function in ("step_digest", "_commands", "_parts", "_kept", "_steps", "_needs", "_path"):
        getattr(provenance, function).cache_clear()


@pytest.fixture
def change(root: Path) -> Callable[[str, str, str], set[str]]:
    """Replaces text in a file and says of which steps the digest changed."""

    def changed(name: str, old: str, new: str) -> set[str]:
        before = digests()
        path = root / name
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))
        after = digests()
        return {name for name in STEPS if before[name] != after[name]}

    return changed


def test_docstrings_comments_help_and_formatting_do_not_count(change) -> None:
    for name, old, new in (
        (TRAIN, '"""Training."""', '"""Training, explained."""'),
        (TRAIN, '"""Train."""', ""),
        (TRAIN, '"""A documented constant."""', "# undocumented"),
        (TRAIN, "# every step", "# each of the steps"),
        (TRAIN, "range(steps)", "range(\n        steps\n    )"),
        (TRAIN, 'description="Steps."', 'description="Number of steps."'),
        (DATA, '"""Load, lazily."""', '"""Load."""'),
        ("raw2fig/lowest.py", '"""Two levels down."""', "\n\n\n"),
        ("raw2fig/__init__.py", "Package", "The package"),
    ):
        assert change(name, old, new) == set(), old


def test_a_step_counts_for_itself_and_for_steps_that_call_it(change) -> None:
    assert change(TRAIN, "load()\n\n", "load()\n        load()\n\n") == {"train", "tune"}
    assert change(TRAIN, "print(LIMIT)", "print(LIMIT + 1)") == {"evaluate"}
    assert change(TRAIN, 'colour("red")', 'colour("green")') == {"fig-loss"}
    assert change(DATA, "far away", "near") == {"download"}


def test_what_a_module_defines_besides_steps_counts_for_all_its_steps(change) -> None:
    assert change(TRAIN, "LIMIT = 3", "LIMIT = 4") == {"train", "tune", "evaluate", "fig-loss"}
    assert change(TRAIN, "ge=1", "ge=2") == {"train", "tune", "evaluate", "fig-loss"}


def test_an_import_counts_where_its_name_is_used(change) -> None:
    assert change("raw2fig/papers/toy/drawing.py", "return name", "return name.upper()") == {"fig-loss"}
    assert change("raw2fig/unrelated.py", "1", "2") == {"tune"}
    assert change(DATA, "lowest.read()", "lowest.read() + ''") == {"train", "tune", "download"}
    assert change("raw2fig/lowest.py", 'return "text"', 'return "other"') == {"train", "tune", "download"}


def test_the_house_counts_only_where_it_makes_the_result(change, root: Path) -> None:
    assert change("raw2fig/plotting.py", "blue", "black") == {"fig-loss"}
    assert change("raw2fig/step.py", "import raw2fig.plotting", "import raw2fig.plotting, json") == set()
    assert change("raw2fig/seeding.py", "0", "1") == set(STEPS)


def test_packages_on_the_way_count(root: Path) -> None:
    """Importing raw2fig.papers.toy.train runs these first."""
    before = digests()
    (root / "raw2fig/papers/toy/__init__.py").write_text("import os\nos.environ['A'] = 'b'\n")
    after = digests()
    assert all(before[name] != after[name] for name in STEPS)


def test_a_new_import_counts_with_all_behind_it(change) -> None:
    assert change("raw2fig/lowest.py", 'return "text"', 'import raw2fig.cycle_a\n    return "text"')
    assert change("raw2fig/cycle_b.py", "OTHER =", "X = OTHER =") == {
        "train",
        "tune",
        "download",
    }


def test_relative_imports_are_refused(change, root: Path) -> None:
    (root / "raw2fig/lowest.py").write_text("from . import unrelated\n")
    with pytest.raises(SyntaxError, match=r"raw2fig\.lowest: relative import"):
        digests()


def test_a_step_that_is_not_there(root: Path) -> None:
    with pytest.raises(LookupError, match="no step nothing of toy"):
        provenance.step_digest("toy", "nothing")


def test_where_the_package_lies_does_not_count(root: Path, tmp_path_factory, monkeypatch) -> None:
    before = digests()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (root / "raw2fig").rename(elsewhere / "raw2fig")
    monkeypatch.setattr(provenance, "ROOT", elsewhere)
    monkeypatch.setattr(cli, "PACKAGE", elsewhere / "raw2fig")
    assert digests() == before


def test_every_step_of_the_package_has_a_digest() -> None:
    found = [
        provenance.step_digest(group, name) for group, folder in cli.groups().items() for name in cli.commands(folder)
    ]
    assert len(found) > 50
    assert all(len(digest) == 16 for digest in found)
