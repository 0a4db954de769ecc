"""`make figures`: the stages of a run one after another, then the report.

Within one invocation Snakemake reruns everything behind a stale job, even when its output comes out byte-identical;
across invocations it compares checksums and stops there. One invocation per stage (data, models, evals, figures) thus
keeps a refactored data step from retraining anything (docs/reruns.md). If nothing has been made yet, one invocation
makes everything, so that no core waits for the last job of a stage. Arguments are passed on to Snakemake.
"""

import contextlib
import gc
import io
import multiprocessing
import os
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import BinaryIO

from raw2fig.config import load, merge
from raw2fig.errors import InputError
from raw2fig.warm.server import server

CONFIGURATION = Path("config/config.yaml")
"""What the Snakefile reads first."""
STAGES = ("data", "models", "evals", "figures")
NOTHING = "Nothing to be done"
OTHER_ACTIONS = (
    *("dryrun", "touch", "lint", "list_target_rules", "list_rules", "print_compilation", "containerize", "report"),
    *("generate_unit_tests", "dag", "rulegraph", "filegraph", "d3dag", "unlock", "cleanup_metadata", "cleanup_shadow"),
    *("conda_cleanup_envs", "conda_create_envs_only", "list_conda_envs", "container_cleanup_images", "list_changes"),
    *("list_input_changes", "list_params_changes", "list_untracked", "summary", "detailed_summary", "archive"),
    *("delete_all_output", "delete_temp_output"),
)
"""Arguments of Snakemake with which it makes no results."""


def main(arguments: list[str]) -> int:
    """Run what is stale. Returns Snakemake's exit status; 0 when everything is made. Raises `InputError` for a
    configuration file that cannot be read."""
    options = parse(arguments)
    if options is None or any(getattr(options, action) for action in OTHER_ACTIONS):
        return snakemake(["all", *arguments])
    report = report_path(options)
    if is_current(report, arguments):
        print("raw2fig: everything is up to date, 0 jobs")
        show(report)
        return 0
    stages = STAGES if report.parent.is_dir() else ("all",)
    with contextlib.nullcontext() if elsewhere(options) else server():
        for stage in stages:
            print(f"raw2fig: stage {stage}", flush=True)
            status = snakemake([stage, *arguments])
            if status:
                return status
    status = snakemake(["all", "--report", str(report), *arguments])
    if not status:
        show(report)
    return status


def show(report: Path) -> None:
    """Say which page to open: the one beside the report, if the run made it."""
    page = report.with_name("index.html")
    if page.is_file():
        print(f"raw2fig: look at {os.path.relpath(page)}", flush=True)


def parse(arguments: list[str]) -> Namespace | None:
    """What Snakemake reads from `arguments` and from the profiles that they name; None where it cannot, and will say
    so itself."""
    from snakemake.cli import parse_args
    from snakemake.exceptions import CliException

    said = io.StringIO()  # which profiles it uses, which it says again when it runs
    try:
        with contextlib.redirect_stderr(said):
            _, options = parse_args(["all", *arguments])
    except CliException:
        return None
    except SystemExit:
        sys.stderr.write(said.getvalue())
        raise
    assert isinstance(options, Namespace)
    return options


def elsewhere(options: Namespace) -> bool:
    """Whether jobs may run on other machines than this one."""
    return options.executor not in (None, "local")


def report_path(options: Namespace) -> Path:
    """Where the report goes: beside the results that the configuration names."""
    from snakemake.cli import parse_config

    config = load([*([] if options.replace_workflow_config else [CONFIGURATION]), *options.configfile])
    config = merge(config, parse_config(options.config))
    paths = config.get("pathvars")
    results = paths.get("results") if isinstance(paths, dict) else None
    if not isinstance(results, str):
        raise InputError("pathvars.results", f"is {results!r}", "the folder of the results")
    return Path(options.directory or "", results, "report.html").absolute()


def is_current(report: Path, arguments: list[str]) -> bool:
    """Whether the report is there and a dry run finds nothing to do."""
    if not report.is_file():
        return False
    with tempfile.TemporaryFile() as said:
        status = snakemake(["all", "--dry-run", *arguments], said)
        said.seek(0)
        return status == 0 and NOTHING.encode() in said.read()


def snakemake(arguments: list[str], said: BinaryIO | None = None) -> int:
    """Run Snakemake in a fork of this process, which has imported it once for all stages. Ctrl-C reaches it too: it
    ends its jobs and gives up its lock, and is waited for. What it says goes to the file `said`, if given. Returns its
    exit status."""
    gc.set_threshold(100_000)  # nearly all that the imports and the DAG make stays
    import snakemake.cli

    def main() -> None:
        if said is not None:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
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
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        print(f"raw2fig: configuration: {error}", file=sys.stderr)
        sys.exit(2)
