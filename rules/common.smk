"""What every paper's rules use: the checked configuration, code digests, resources, and the stages of a run."""

import sys
from pathlib import Path
from shlex import quote


from raw2fig.config import read_schema, validate
from raw2fig.errors import InputError
from raw2fig.provenance import source_digest
from raw2fig.resources import resources_for, threads_for


def refuse(error):
    """Stop before the first job for a mistake in the configuration: one line, status 2."""
    print(f"raw2fig: configuration: {error}", file=sys.stderr)
    sys.exit(2)


try:
    validate(config, read_schema(Path(workflow.basedir) / "workflow/schemas"))
except InputError as error:
    refuse(error)

STAGES = ("data", "models", "evals", "figures")
TARGETS = {stage: [] for stage in STAGES}
"""Files of each stage, over all papers; `raw2fig.stages` runs the stages one after another (docs/reruns.md)."""
FIGURES = {}
"""Paper → its figures' PNG files, in the order of the report."""
CLAIMS = {}
"""Paper → its claims.json."""
FETCHED = {}
"""Paper → records of data and folders of models that came from outside."""


def option(flag, value):
    """`--flag value` of a shell line, empty for None and a bare flag for True: what is not set is left to the step."""
    if value is None or value is False or value == "" or value == []:
        return ""
    if isinstance(value, (list, tuple)):
        return f"--{flag} {' '.join(quote(str(item)) for item in value)}"
    return f"--{flag}" if value is True else f"--{flag} {quote(str(value))}"


def flags(section, *keys):
    """Flags of a step with values of a section of the configuration: those of `keys`, or all."""
    return " ".join(filter(None, (option(key.replace("_", "-"), section[key]) for key in keys or section)))


def origin(section):
    """Flags of `raw2fig fetch file`: where a section of the configuration has its data set from."""
    keys = ("source", "url", "dataset", "file", "revision", "sha256")
    return flags(section, *(key for key in keys if key in section))


def samples(counts):
    """{annotation: 600} as the words annotation=600."""
    return [f"{task}={number}" for task, number in counts.items()]


def command(launch, rule="", reserved=0):
    """How a training step is called: directly, or through a launcher such as accelerate, where `{processes}` stands for
    the number of GPUs of the rule's job, less those `reserved` for something else."""
    processes = max(1, resources_for(config, "train", rule).get("gpu", 0) - reserved)
    return f"{launch} raw2fig".replace("{processes}", str(processes)) if launch else "raw2fig"


onstart:
    jobs = workflow.dag.needrun_jobs()
    if workflow.executor_plugin.name == "slurm":
        from raw2fig.leftovers import cancel_leftovers, comment

        # jobs of a killed run that are still in the cluster's queue would work on the same files
        cancel_leftovers([comment(job.rule.name, job.wildcards) for job in jobs], Path.cwd())
    if not workflow.executor_plugin.common_settings.non_local_exec:
        from raw2fig.warm.server import serve_until_exit

        serve_until_exit(len(list(jobs)))
