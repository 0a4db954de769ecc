"""`make new-paper KEY=my_paper TITLE="..."`: make a small paper that runs, as a pattern for a new one
(docs/add-a-paper.md).

The files of `templates/paper` lie at the paths that they get in the repository. For files that the repository already
has (`PLACES`) the template holds only the lines to add.
"""

import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from raw2fig.cli import SHARED
from raw2fig.config import load
from raw2fig.errors import InputError
from raw2fig.results import Result

TEMPLATE = Path("templates/paper")
NAME, TITLE = "my_paper", "My Paper"
"""Key and title of the paper in the template."""
PLACES = {
    "Snakefile": r'^include: "rules/results\.smk"',
    "README.md": r"(?<= \|\n)(?=\n)",  # below the table
    "config/config.yaml": r"^(#.*\n)*resources:",
    "config/smoke.yaml": r"\Z",
}
"""Files that are added to, and a pattern that starts where."""
LONGEST_KEY, LONGEST_TITLE = 24, 90
"""In characters: lines of the template stay below 120."""


def plan(root: Path, key: str, title: str) -> dict[Path, str]:
    """What the new paper's files hold, by their path below `root`; nothing is written.

    Raises `InputError` for a key or a title that cannot be used, a key that is taken, and a repository without
    template.
    """
    check_names(key, title)
    source = root / TEMPLATE
    paths = sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc")
    if not paths:
        raise InputError(source, "holds no template", "the root of the repository")
    texts = {path: (source / path).read_text(encoding="utf-8") for path in paths}
    written = {Path(renamed(str(path), key, title)): renamed(text, key, title) for path, text in texts.items()}
    check_free(root, key, written)
    return {path: added(root, path, text, key) if str(path) in PLACES else text for path, text in written.items()}


def renamed(text: str, key: str, title: str) -> str:
    """`text` of the template, with the names of the new paper."""
    names = {NAME: key, NAME.upper(): key.upper(), NAME.replace("_", "-"): key.replace("_", "-"), TITLE: title}
    return re.sub("|".join(names), lambda found: names[found[0]], text)


def added(root: Path, path: Path, text: str, key: str) -> str:
    """The repository's file at `path` with `text` in its place, or instead of the key's row in the table of papers."""
    old = (root / path).read_text(encoding="utf-8")
    row = re.search(rf"^\| `{key}` \|.*\n", old, re.MULTILINE)
    place = row or re.search(PLACES[str(path)], old, re.MULTILINE)
    if place is None:
        raise InputError(path, "has no place for a new paper", f"a line of the form {PLACES[str(path)]}")
    return old[: place.start()] + text + old[place.end() if row else place.start() :]


def check_names(key: str, title: str) -> None:
    """Raises `InputError` for a key or a title that cannot be used."""
    if not key:
        raise InputError("KEY", "is missing", "one word for the paper, such as brain_rot")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", key) or keyword.iskeyword(key):
        raise InputError("KEY", f"is {key!r}", "a Python identifier in lower case, such as brain_rot")
    if len(key) > LONGEST_KEY:
        raise InputError("KEY", f"is {key!r}", f"at most {LONGEST_KEY} characters")
    if key in SHARED:
        raise InputError("KEY", f"{key!r} is the name of a group of commands", "another word")
    if not title.strip():
        raise InputError("TITLE", "is missing", "the paper's title")
    if len(title) > LONGEST_TITLE or not title.isprintable() or set(title) & set('"\\|'):
        raise InputError(
            "TITLE", f"is {title!r}", rf'one line of at most {LONGEST_TITLE} characters without ", \ and |'
        )


def check_free(root: Path, key: str, written: dict[Path, str]) -> None:
    """Raises `InputError` when the repository has something of the name `key`."""
    for there in taken(root, key, written):
        raise InputError("KEY", f"{key!r} is already there: {there}", "a new word")


def taken(root: Path, key: str, written: dict[Path, str]) -> Iterator[str]:
    """The folders, files, sections of the configuration and rules in `root` whose names the new paper would take."""
    for path in written:
        # tests/my_paper for tests/my_paper/test_my_paper.py
        own = next((place for place in [*reversed(path.parents), path] if key in place.name.split(".")), None)
        if str(path) not in PLACES and own and (root / own).exists():
            yield str(own)
    if key in load([root / "config/config.yaml"]):
        yield f"the section {key} of config/config.yaml"
    old = rules("\n".join(path.read_text("utf-8") for path in [root / "Snakefile", *root.glob("rules/**/*.smk")]))
    yield from (f"rule {name}" for name in sorted(old & rules("\n".join(written.values()))))


def rules(text: str) -> set[str]:
    """Names of the Snakemake rules in `text`, also of those that rules/results.smk makes of what it declares."""
    found = set(re.findall(r"^\s*rule (\w+):", text, re.MULTILINE))
    for kind, paper, name in re.findall(
        r'^\s*(figure|table|claims)\(\s*"(\w+)"(?:,\s*"([\w-]+)")?', text, re.MULTILINE
    ):
        found |= {paper, Result(kind, paper, name, {}, "").rule}
    return found


def main(words: list[str]) -> None:
    """Make the paper in the current folder. `words`: its key and its title."""
    key, title = [*words, "", ""][:2]
    try:
        files = plan(Path.cwd(), key, title)
    except InputError as error:
        print(f"raw2fig new-paper: {error}", file=sys.stderr)
        sys.exit(2)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"{'changed' if str(path) in PLACES else 'new    '} {path}")
    print(f"It runs: snakemake {key}. What is there to be replaced says so: 'to replace'.")


if __name__ == "__main__":
    main(sys.argv[1:])
