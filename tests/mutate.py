"""Whether tests would notice a wrong line: `make mutate PAPER=hero`.

Lines of the paper's package are changed, one at a time, each drawn from all the changes that `raw2fig.tasks.mutation`
knows and each in another module; then the paper's tests run on a copy of the repository until one fails. The tests of
the changed module come first. A mutant that no test notices "survived": look whether its line means the same as before.
Exit status 1 if more than `--allowed` survived.

    make mutate PAPER=hero ARGS="--mutants 12 --seed 0"
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from raw2fig.tasks.mutation import Mutant, mutants

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 900.0
"""Seconds after which the tests of a mutant count as stopped by it."""


class Change(NamedTuple):
    """A mutant of a module, given by its path from the root."""

    module: Path
    mutant: Mutant


def drawn(paper: str, number: int, seed: int) -> list[Change]:
    """Changes of as many modules, in the order of their paths. Figures and texts of errors are left out, for a person
    looks at them."""
    rng = random.Random(seed)
    folder = ROOT / "workflow" / "raw2fig" / "papers" / paper
    known = {path: found for path in sorted(folder.rglob("*.py")) if (found := _changes(path))}
    sizes = [len(found) for found in known.values()]
    chosen = set[Path]()
    while len(chosen) < min(number, len(known)):
        chosen.update(rng.choices(list(known), sizes))
    return [Change(path.relative_to(ROOT), rng.choice(known[path])) for path in sorted(chosen)]


def _changes(path: Path) -> list[Mutant]:
    lines = path.read_text().splitlines()
    found = [] if path.stem.startswith(("fig", "__")) else mutants(path.read_text())
    return [mutant for mutant in found if not lines[mutant.line - 1].lstrip().startswith("raise ")]


def tests_of(paper: str, module: Path, without: Sequence[str]) -> list[str]:
    """Test files of a paper, those first that name the module."""
    files = [path for path in sorted((ROOT / "tests" / paper).glob("test_*.py")) if path.stem not in without]
    names = [path for path in files if f".{module.stem} import" in path.read_text() or module.stem in path.stem]
    return [str(path.relative_to(ROOT)) for path in [*names, *(path for path in files if path not in names)]]


def copies(number: int) -> Iterator[Path]:
    """Copies of the repository's files, as they stand."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    for _ in range(number):
        place = Path(tempfile.mkdtemp(prefix="raw2fig-mutate-"))
        for name in names.splitlines():
            if (ROOT / name).is_file():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, place / name, follow_symlinks=False)
        yield place


def verdict(place: Path, paper: str, change: Change, without: Sequence[str]) -> str:
    """What noticed the change: the first test that fails, or nothing."""
    path, kept = place / change.module, (ROOT / change.module).read_text()
    python_path = os.pathsep.join(str(place / part) for part in ("workflow", "tests/helpers"))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider"]
    path.write_text(change.mutant.source)
    try:
        ended = subprocess.run(
            [*command, *tests_of(paper, change.module, without)],
            cwd=place,
            env={**os.environ, "PYTHONPATH": python_path},
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return "the limit of time"
    finally:
        path.write_text(kept)
    if ended.returncode == 0:
        return ""
    failed = [line for line in ended.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split(" - ")[0].split(maxsplit=1)[1] if failed else f"pytest's status {ended.returncode}"


def shown(change: Change) -> str:
    """The line before and after."""
    lines = zip((ROOT / change.module).read_text().splitlines(), change.mutant.source.splitlines(), strict=False)
    before, after = next((one.strip(), other.strip()) for one, other in lines if one != other)
    return f"{change.module.name}:{change.mutant.line} ({change.mutant.operator})\n    - {before}\n    + {after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paper", help="Key of the paper.")
    parser.add_argument("--mutants", type=int, default=12, help="Number of changed lines.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of their choice.")
    parser.add_argument("--workers", type=int, default=2, help="Mutants at a time.")
    parser.add_argument("--allowed", type=int, default=0, help="Number of mutants that may survive.")
    parser.add_argument("--without", nargs="*", default=[], help="Test files that are left out, such as slow ones.")
    words = parser.parse_args()
    changes = drawn(words.paper, words.mutants, words.seed)
    if not changes:
        parser.error(f"there is no paper {words.paper!r}")
    began, survived = time.monotonic(), 0
    places = list(copies(words.workers))
    free = [*places]

    def tried(change: Change) -> str:
        place = free.pop()
        try:
            return verdict(place, words.paper, change, words.without)
        finally:
            free.append(place)

    try:
        with ThreadPoolExecutor(words.workers) as pool:
            for change, found in zip(changes, pool.map(tried, changes), strict=True):
                survived += not found
                print(f"{shown(change)}\n    {'noticed by ' + found if found else 'SURVIVED'}", flush=True)
    finally:
        for place in places:
            shutil.rmtree(place, ignore_errors=True)
    minutes = (time.monotonic() - began) / 60
    print(f"{words.paper}: {len(changes) - survived} of {len(changes)} mutants noticed, {minutes:.1f} minutes")
    return int(survived > words.allowed)


if __name__ == "__main__":
    sys.exit(main())
