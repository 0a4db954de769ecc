"""What every paper's rules use: the checked configuration, flags and digests of steps, resources, the stages of a run,
and the declarations of figures, tables and claims, of which rules/results.smk makes rules."""

import re
import sys
from pathlib import Path
from shlex import quote


from raw2fig.config import check
from raw2fig.errors import InputError
from raw2fig.provenance import step_digest
from raw2fig.resources import check_rules, resources_for, threads_for
from raw2fig.results import caption, declare, files_as_flags, flags as flags_of, option


def refuse(error):
    """Stop before the first job for a mistake in the configuration: one line, status 2."""
    print(f"raw2fig: configuration: {error}", file=sys.stderr)
    sys.exit(2)


try:
    config.update(check(config))
except InputError as error:
    refuse(error)


wildcard_constraints:
    replicate="[0-9]+",


STAGES = ("data", "models", "evals", "figures")
TARGETS = {stage: [] for stage in STAGES}
"""Files of each stage, over all papers; `raw2fig.stages` runs the stages one after another (docs/reruns.md)."""
RESULTS = []
"""Figures, tables and claims in the order of the report."""
FETCHED = {}
"""Paper → records of data and folders of models that came from outside."""


def figure(paper, name, **arguments):
    """Declare a figure: the step's inputs and settings by the names of its parameters."""
    RESULTS.append(declare("figure", paper, name, arguments))


def table(paper, name, **arguments):
    """Declare a table."""
    RESULTS.append(declare("table", paper, name, arguments))


def claims(paper, **arguments):
    """Declare what a paper's claims are measured on."""
    RESULTS.append(declare("claims", paper, "claims", arguments))


def any_of(names):
    """The constraint of a wildcard that is one of `names`."""
    return "|".join(map(re.escape, names)) or "none"


def model_folder(folder, kept):
    """The folder of a trained model, which is removed when nothing needs it any more unless it is `kept`."""
    return directory(folder) if kept else temp(directory(folder))


def flags(section, *keys):
    """Flags of a step for a section of the configuration, whole or only `keys` of it."""
    return flags_of({key: section[key] for key in keys} if keys else section)


def origin(section):
    """Flags of `raw2fig fetch file`: where a section of the configuration has its data set from."""
    keys = ("source", "url", "dataset", "file", "revision", "sha256")
    return " ".join(filter(None, (option(key, section.get(key)) for key in keys)))


def command(launch, rule="", reserved=0):
    """How a training step is called: directly, or through a launcher such as accelerate, where `{processes}` stands for
    the number of GPUs of the rule's job, less those `reserved` for something else."""
    processes = max(1, resources_for(config, "train", rule).get("gpu", 0) - reserved)
    return f"{launch} raw2fig".replace("{processes}", str(processes)) if launch else "raw2fig"


onstart:
    # to keep a limit of jobs per second, Snakemake looks at the inputs of all ready jobs every second, and once more a
    # second for each job that has ended: over hundreds of jobs that took a fifth of a core. Jobs here take seconds.
    workflow.scheduler.job_rate_limiter = None
    jobs = workflow.dag.needrun_jobs()
    if workflow.executor_plugin.name == "slurm":
        from raw2fig.leftovers import cancel_leftovers, comment

        # jobs of a killed run that are still in the cluster's queue would work on the same files
        cancel_leftovers([comment(job.rule.name, job.wildcards) for job in jobs], Path.cwd())
    if not workflow.executor_plugin.common_settings.non_local_exec:
        from raw2fig.warm.server import serve_until_exit

        serve_until_exit(len(list(jobs)))
