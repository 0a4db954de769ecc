"""`source_digest`: what changes it, and what does not. Runs on a made-up package in place of the real one."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from raw2fig import provenance

FILES = {
    "raw2fig/__init__.py": '"""Package."""',
    "raw2fig/papers/__init__.py": "",
    "raw2fig/papers/toy/__init__.py": '"""A paper."""',
    "raw2fig/papers/toy/train.py": '''
        """Training."""
        import json
        from raw2fig.papers.toy.data import load

        LIMIT = 3
        """A documented constant."""

        def train(steps: int = LIMIT) -> None:
            """Train."""
            for _ in range(steps):  # every step
                load()
        ''',
    "raw2fig/papers/toy/data.py": '''
        """Data."""
        def load() -> object:
            """Load, lazily."""
            from raw2fig import lowest
            return lowest.read()
        ''',
    "raw2fig/lowest.py": '''
        """Two levels down."""
        def read() -> str:
            return "text"
        ''',
    "raw2fig/unrelated.py": "VALUE = 1\n",
    "raw2fig/relative.py": "from . import lowest\n",
    "raw2fig/deeper.py": "from .papers.toy import data\n",
    "raw2fig/cycle_a.py": "import raw2fig.cycle_b\n",
    "raw2fig/cycle_b.py": "import raw2fig.cycle_a\n",
}
Digest = Callable[..., str]
TRAIN = "raw2fig.papers.toy.train"


def forget() -> None:
    """A new process would start with empty caches."""
    for function in (provenance._tree, provenance._imports, provenance._digest):
        function.cache_clear()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The made-up package."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    forget()
    yield tmp_path
    forget()


@pytest.fixture
def change(root: Path) -> Callable[[str, str, str], bool]:
    """Replaces text in a file and says whether the digest of the training module changed."""

    def changed(name: str, old: str, new: str) -> bool:
        before = digest(TRAIN)
        path = root / name
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))
        return digest(TRAIN) != before

    return changed


def digest(*modules: str) -> str:
    forget()
    return provenance.source_digest(*modules)


def test_docstrings_comments_and_formatting_do_not_count(change) -> None:
    assert not change("raw2fig/papers/toy/train.py", '"""Training."""', '"""Training, explained."""')
    assert not change("raw2fig/papers/toy/train.py", '"""Train."""', "")
    assert not change("raw2fig/papers/toy/train.py", '"""A documented constant."""', "# undocumented")
    assert not change("raw2fig/papers/toy/train.py", "# every step", "# each of the steps")
    assert not change("raw2fig/papers/toy/train.py", "range(steps)", "range(\n        steps\n    )")
    assert not change("raw2fig/papers/toy/data.py", '"""Load, lazily."""', '"""Load."""')
    assert not change("raw2fig/lowest.py", '"""Two levels down."""', "\n\n\n")
    assert not change("raw2fig/__init__.py", "Package", "The package")


def test_code_counts_here_and_two_levels_down(change) -> None:
    assert change("raw2fig/papers/toy/train.py", "LIMIT = 3", "LIMIT = 4")
    assert change("raw2fig/papers/toy/data.py", "lowest.read()", "lowest.read() + ''")
    assert change("raw2fig/lowest.py", 'return "text"', 'return "other text"')
    assert change("raw2fig/papers/toy/train.py", "steps: int = LIMIT", "steps: int = 5")


def test_packages_on_the_way_count(change, root: Path) -> None:
    """Importing raw2fig.papers.toy.train runs these first."""
    before = digest("raw2fig.papers.toy.train")
    (root / "raw2fig/papers/toy/__init__.py").write_text("import os\nos.environ['A'] = 'b'\n")
    after = digest("raw2fig.papers.toy.train")
    assert after != before
    (root / "raw2fig/papers/__init__.py").write_text("VALUE = 1\n")
    assert digest("raw2fig.papers.toy.train") != after
    lonely = digest("raw2fig.unrelated")
    (root / "raw2fig/__init__.py").write_text("VALUE = 1\n")
    assert digest("raw2fig.unrelated") != lonely


def test_unrelated_modules_do_not_count(change, root: Path) -> None:
    unrelated = digest("raw2fig.unrelated")
    assert not change("raw2fig/unrelated.py", "1", "2")
    assert digest("raw2fig.unrelated") != unrelated
    data = digest("raw2fig.papers.toy.data")
    assert change("raw2fig/papers/toy/train.py", "LIMIT = 3", "LIMIT = 4")
    assert digest("raw2fig.papers.toy.data") == data


def test_a_new_import_counts_with_all_behind_it(change, root: Path) -> None:
    assert change("raw2fig/lowest.py", 'return "text"', 'import raw2fig.unrelated\n    return "text"')
    assert change("raw2fig/unrelated.py", "1", "2")


def test_several_modules_in_any_order(root: Path) -> None:
    assert digest(TRAIN, "raw2fig.unrelated") == digest("raw2fig.unrelated", TRAIN)
    assert digest(TRAIN, "raw2fig.unrelated") != digest(TRAIN)
    assert digest(TRAIN, "raw2fig.lowest") == digest(TRAIN)


def test_moving_code_between_modules_counts(root: Path) -> None:
    before = digest("raw2fig.cycle_a")
    (root / "raw2fig/cycle_a.py").write_text("import raw2fig.cycle_b\nX = 1\n")
    first = digest("raw2fig.cycle_a")
    (root / "raw2fig/cycle_a.py").write_text("import raw2fig.cycle_b\n")
    (root / "raw2fig/cycle_b.py").write_text("import raw2fig.cycle_a\nX = 1\n")
    assert len({before, first, digest("raw2fig.cycle_a")}) == 3


def test_import_cycles_end(root: Path) -> None:
    assert len(digest("raw2fig.cycle_a")) == 16
    assert digest("raw2fig.cycle_a") == digest("raw2fig.cycle_b")


@pytest.mark.parametrize("module", ["raw2fig.relative", "raw2fig.deeper"])
def test_relative_imports_are_refused(root: Path, module: str) -> None:
    with pytest.raises(SyntaxError, match=f"{module}: relative import"):
        digest(module)


def test_a_module_that_is_not_there(root: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"raw2fig\.papers\.toy\.nothing"):
        digest("raw2fig.papers.toy.nothing")


def test_where_the_package_lies_does_not_count(root: Path, tmp_path_factory, monkeypatch) -> None:
    before = digest(TRAIN)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (root / "raw2fig").rename(elsewhere / "raw2fig")
    monkeypatch.setattr(provenance, "ROOT", elsewhere)
    assert digest(TRAIN) == before


def test_every_real_module_has_a_digest() -> None:
    """No module of the package uses relative imports, which the digest refuses."""
    forget()
    for path in sorted((provenance.ROOT / "raw2fig").rglob("*.py")):
        names = path.relative_to(provenance.ROOT).with_suffix("").parts
        provenance.source_digest(".".join(names[:-1] if names[-1] == "__init__" else names))
