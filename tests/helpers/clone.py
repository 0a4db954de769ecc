"""A clone of the repository in a folder of its own, with its own copy of the package, and what Snakemake does there."""

import atexit
import hashlib
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "rules", "config", "profiles", "workflow")
"""What a run needs of a checkout."""
SMOKE = "config/smoke.yaml"
RESULTS = "build/smoke"
"""Where a run with that configuration puts its results."""
NOTHING = "Nothing to be done"

# forked from a process that has imported Snakemake, a call costs half as much as one that starts anew
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["snakemake.cli"])


class Job(NamedTuple):
    """A job as Snakemake announces it; `shell` only with --printshellcmds."""

    rule: str
    wildcards: str
    input: list[str]
    output: list[str]
    shell: str

    def __str__(self) -> str:
        """`c2s_preprocess dataset=drugs`."""
        return f"{self.rule} {self.wildcards}".strip()


def clone(folder: Path) -> Path:
    """Copy what a run needs into `folder`, new or empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """The environment in which `raw2fig` and `python -m raw2fig` run the clone's package: PYTHONPATH goes before an
    editable install, and jobs inherit it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    # sources change within a second, which a cache by date does not see
    return {**os.environ, "PATH": path, "PYTHONPATH": str(folder / "workflow"), "PYTHONDONTWRITEBYTECODE": "1"}


def call(folder: Path, *words: str, status: int = 0, lines: str = "", **variables: str) -> str:
    """What a command prints in the clone, messages included. Fails unless it ends with `status`; `lines` is its input
    and `variables` are of its environment. Snakemake is a fork of a process that has imported it."""
    env = {**environment(folder), **variables}
    with tempfile.NamedTemporaryFile("w+b") as log:
        if words[0] == "snakemake" and not lines:
            process = FORKS.Process(target=_snakemake, args=(folder, Path(log.name), env, words))
            process.start()
            process.join()
            ended = process.exitcode
        else:
            done = subprocess.run(words, cwd=folder, env=env, input=lines.encode(), stdout=log, stderr=log)
            ended = done.returncode
        text = Path(log.name).read_text()
    assert ended == status, text
    return text


def stages(folder: Path, *words: str, status: int = 0) -> str:
    """What `make smoke` prints."""
    return call(folder, "python", "-m", "raw2fig.stages", "--configfile", SMOKE, *words, status=status)


def snakemake(folder: Path, *words: str, overlay: object = None, status: int = 0) -> str:
    """What `snakemake WORDS` prints at smoke scale, with `overlay` as the last configuration file."""
    extra = folder / "build/overlay.yaml"
    extra.parent.mkdir(exist_ok=True)
    extra.write_text(yaml.safe_dump({} if overlay is None else overlay))
    return call(folder, "snakemake", *words, "--configfile", SMOKE, str(extra), status=status)


def _snakemake(folder: Path, log: Path, env: dict[str, str], words: Sequence[str]) -> None:
    """Snakemake's command line in this process, as if started in the clone."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.path.insert(0, str(folder / "workflow"))
    sys.dont_write_bytecode = True
    sys.argv = list(words)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    from snakemake.cli import main

    try:
        main(words[1:])
    finally:
        atexit._run_exitfuncs()  # which a fork of this kind would leave out: the end of the server of steps


def plan(folder: Path, *words: str, overlay: object = None) -> list[Job]:
    """The jobs that a dry run announces."""
    text = snakemake(folder, *words, "--dry-run", "--printshellcmds", overlay=overlay)
    planned = jobs(text)
    assert bool(planned) != (NOTHING in text), text
    return planned


def jobs(text: str) -> list[Job]:
    """The jobs that Snakemake announces in `text`, in its order; rules without an output only name targets."""
    found = []
    for block in re.split(r"^(?:local)?rule ", text, flags=re.MULTILINE)[1:]:
        told = dict(re.findall(r"^(?: {4}|Shell )(\w+): (.*)$", block, re.MULTILINE))
        if "output" in told:
            inputs, outputs = (told[name].split(", ") if name in told else [] for name in ("input", "output"))
            rule = block.partition(":")[0]
            found.append(Job(rule, told.get("wildcards", ""), inputs, outputs, told.get("command", "")))
    return found


def names(found: Sequence[Job]) -> set[str]:
    """`c2s_rank_fit`, `c2s_preprocess dataset=drugs`, ...: no job twice."""
    assert len(set(map(str, found))) == len(found)
    return set(map(str, found))


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every result in `folder`, by relative path; logs, which tell times, are no result."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "logs" not in path.relative_to(folder).parts
    }
