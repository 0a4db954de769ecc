"""`make figures`: the stages of a run one after another, then the report.

Within one invocation Snakemake reruns everything behind a stale job, even when its output comes out byte-identical;
across invocations it compares checksums and stops there. One invocation per stage (data, models, evals, figures) thus
keeps a refactored data step from retraining anything (docs/reruns.md). Where nothing is made yet, one invocation does
it all: no core waits for the last job of a stage. Arguments are passed on to Snakemake.
"""

import gc
import itertools
import multiprocessing
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

from raw2fig import warm
from raw2fig.config import load

STAGES = ("data", "models", "evals", "figures")
NOTHING = "Nothing to be done"


def main(arguments: list[str]) -> int:
    """Run what is stale. Returns Snakemake's exit status; 0 when everything is made."""
    if is_current(arguments):
        print("raw2fig: everything is up to date, 0 jobs")
        return 0
    stages = STAGES if report_path(arguments).parent.is_dir() else ("all",)
    with nullcontext() if elsewhere(arguments) else warm.server():
        for stage in stages:
            print(f"raw2fig: stage {stage}", flush=True)
            status = snakemake([stage, *arguments])
            if status:
                return status
    return snakemake(["all", "--report", str(report_path(arguments)), *arguments])


def elsewhere(arguments: list[str]) -> bool:
    """Whether jobs may run on other machines than this one."""
    given = {word.partition("=")[0] for word in arguments}
    return bool(given & {"--executor", "-e", "--profile"}) or "SNAKEMAKE_PROFILE" in os.environ


def report_path(arguments: list[str]) -> Path:
    """Where the report goes: beside the results that the configuration of `arguments` names."""
    files = [Path("config/config.yaml")]
    if "--configfile" in arguments:
        rest = arguments[arguments.index("--configfile") + 1 :]
        files += [Path(word) for word in itertools.takewhile(lambda word: not word.startswith("-"), rest)]
    return Path(load(files)["pathvars"]["results"]) / "report.html"


def is_current(arguments: list[str]) -> bool:
    """Whether the report is there and a dry run finds nothing to do."""
    if not report_path(arguments).is_file():
        return False
    command = ["snakemake", "all", "--dry-run", *arguments]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.returncode == 0 and NOTHING in found.stdout + found.stderr


def snakemake(arguments: list[str]) -> int:
    """Run Snakemake in a fork of this process, which has imported it once for all stages. Ctrl-C reaches it too: it
    ends its jobs and gives up its lock, and is waited for. Returns its exit status."""
    gc.set_threshold(100_000)  # nearly all that the imports and the DAG make stays
    import snakemake.cli

    def main() -> None:
        sys.argv = ["snakemake", *arguments]
        snakemake.cli.main(arguments)

    process = multiprocessing.get_context("fork").Process(target=main)
    process.start()
    while True:
        try:
            process.join()
        except KeyboardInterrupt:
            continue
        return process.exitcode or 0


if __name__ == "__main__":
    if not Path("Snakefile").is_file():
        sys.exit("raw2fig: no Snakefile here; run from the root of the repository")
    sys.exit(main(sys.argv[1:]))
