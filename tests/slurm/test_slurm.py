"""`snakemake --profile slurm` against a real Slurm: requests, cancelled jobs, a killed Snakemake, a whole
paper."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from loopback import PATIENCE, Slurm, wait_until

ROOT = Path(__file__).parents[2]
SNAKEFILE = Path(__file__).with_name("Snakefile")
POLL = "6"
"""Seconds to the first look at a job; later ones come 10 s further apart each, so a small value is not
faster."""
CONFIG = {
    "steps": 3000,
    "resources": {
        "partition": "cpu",
        "gpu_partition": "gpu",
        "account": None,
        "classes": {
            "cpu": {"mem_mb": 1500, "runtime": 7, "cpus": 1, "gpu": 0},
            "gpu": {"mem_mb": 1700, "runtime": 90, "cpus": 1, "gpu": 1},
        },
        "rules": {"survey": {"mem_mb": 300}},
    },
}
CHECKPOINTS = "models/.checkpoints-ours-*/checkpoint-*/trainer_state.json"

pytestmark = pytest.mark.xdist_group("slurm")


def command(*flags: str) -> list[str]:
    """Snakemake with the repository's own profiles; status checks sooner than a real cluster would like."""
    profiles = ["--profile", str(ROOT / "profiles/slurm"), "--workflow-profile", str(ROOT / "profiles/default")]
    quick = ["--slurm-init-seconds-before-status-checks", POLL, "--latency-wait", "20"]
    return ["snakemake", *profiles, *quick, *flags]


@contextmanager
def started(slurm: Slurm, folder: Path, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """A running Snakemake, its output in `folder/snakemake.log`; interrupted, so that it cancels its jobs,
    at the end."""
    with (folder / "snakemake.log").open("ab") as log:
        process = subprocess.Popen(
            command("--snakefile", str(SNAKEFILE), "--configfile", "config.yaml", *flags),
            cwd=folder,
            env=slurm.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(PATIENCE)


def finish(process: subprocess.Popen[bytes], folder: Path) -> str:
    """Snakemake's output once it has ended well."""
    status = process.wait(PATIENCE)
    text = (folder / "snakemake.log").read_text()
    assert status == 0, text
    return text


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the inputs of the small DAG: a corpus of 64 examples and its tokenizer."""
    import pandas as pd

    from raw2fig.papers.c2s.corpus import CORPUS
    from raw2fig.papers.c2s.tokenizer import tokenizer
    from raw2fig.tables import write_json, write_table

    rows = [("type", f"cell {index % 7} :", f"g{index % 5} g{index % 3}", "train") for index in range(64)]
    rows += [(task, prompt, response, "test") for task, prompt, response, _ in rows[:4]]
    frame = pd.DataFrame(rows, columns=list(CORPUS))
    write_table(frame, tmp_path / "corpus.parquet")
    write_json({"genes": ["g0", "g1", "g2", "g3", "g4"]}, tmp_path / "panel.json")
    tokenizer(corpora=[tmp_path / "corpus.parquet"], panel=tmp_path / "panel.json", tokenizer=tmp_path / "tokenizer")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    return tmp_path


def running(slurm: Slurm, folder: Path, rule: str) -> str | None:
    """Number of the running job of `rule`."""
    found = [number for number, name in slurm.jobs(folder, "running").items() if name == rule]
    return found[-1] if found else None


def last_step(folder: Path) -> int:
    """Step of the newest whole checkpoint of the long training, 0 without one."""
    return max((int(path.parent.name.rpartition("-")[2]) for path in folder.glob(CHECKPOINTS)), default=0)


def resumed_from(folder: Path) -> int:
    """The step from which the training's log says it went on."""
    found = re.search(r"resuming from step (\d+)", (folder / "logs/sft-ours.log").read_text())
    assert found, (folder / "logs/sft-ours.log").read_text()
    return int(found.group(1))


def test_requests_arrive_and_a_cancelled_training_resumes(slurm: Slurm, project: Path) -> None:
    (project / "go").touch()
    own = {"steps": 800, "resources": {"rules": {"sft": {"cpus": 2}}}}
    (project / "own.yaml").write_text(yaml.safe_dump(own))
    # one core for Snakemake itself, as on a small login node
    with started(slurm, project, "own.yaml", "--cores", "1") as snakemake:
        wait_until(lambda: running(slurm, project, "pretrain"), "the first job")
        small = slurm.job(running(slurm, project, "pretrain") or "")
        wait_until(lambda: last_step(project), "a checkpoint")
        number = running(slurm, project, "sft")
        assert number
        large = slurm.job(number)
        reached = last_step(project)
        slurm.call("scancel", number)
        text = finish(snakemake, project)

    assert (small["Partition"], small["MinMemoryNode"], small["TimeLimit"]) == ("cpu", "1500M", "00:07:00")
    assert "TresPerJob" not in small
    assert (large["Partition"], large["MinMemoryNode"], large["TimeLimit"]) == ("gpu", "1700M", "01:30:00")
    assert large["TresPerJob"] == "gres:gpu:1"
    assert (small["NumCPUs"], large["NumCPUs"]) == ("1", "2")
    assert large["Requeue"] == "1"

    assert "SLURM status is: 'CANCELLED'" in text
    assert "Trying to restart" in text
    assert resumed_from(project) >= reached > 0
    assert list(slurm.jobs(project).values()).count("sft") == 2
    assert list(slurm.jobs(project).values()).count("pretrain") == 1
    # the environment that was active where Snakemake started is the job's too
    assert (project / "survey.txt").read_text().startswith(slurm.environment["PATH"].split(os.pathsep)[1])


def test_a_killed_snakemake_goes_on(slurm: Slurm, project: Path) -> None:
    with started(slurm, project) as snakemake:
        wait_until(lambda: last_step(project), "a checkpoint")
        wait_until(lambda: running(slurm, project, "survey"), "the job beside")
        snakemake.kill()
    first = dict(slurm.jobs(project))
    made = (project / "base.json").stat().st_mtime_ns

    # one job ends while no Snakemake is there to see it, the training runs on
    (project / "go").touch()
    wait_until(lambda: not running(slurm, project, "survey"), "the job beside to end")
    surveyed = (project / "survey.txt").stat().st_mtime_ns
    assert running(slurm, project, "sft")

    refused = subprocess.run(
        command("--snakefile", str(SNAKEFILE), "--configfile", "config.yaml"),
        cwd=project,
        env=slurm.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "--unlock" in refused.stderr
    with started(slurm, project, "--unlock") as unlock:
        finish(unlock, project)
    reached = last_step(project)
    with started(slurm, project) as snakemake:
        text = finish(snakemake, project)

    left = next(number for number, rule in first.items() if rule == "sft")
    assert f"cancelling jobs that a killed run left behind: {left}" in text
    assert slurm.job(left)["JobState"] == "CANCELLED"
    again = [rule for number, rule in slurm.jobs(project).items() if number not in first]
    assert again == ["sft", "summary"]
    assert resumed_from(project) >= reached > 0
    assert (project / "base.json").stat().st_mtime_ns == made
    assert (project / "survey.txt").stat().st_mtime_ns == surveyed


CHAINS = ("c2s/figures/rank.png", "scalerl/r0/evals/long-math.csv", "hero/r0/models/reward/0.json")
SMOKE = [f"build/smoke/{path}" for path in (*CHAINS, "coordination/evals/sizes.rates.csv")]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a fresh clone needs to run, in a folder of its own."""
    for name in ("Snakefile", "rules", "config", "profiles", "workflow"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, tmp_path / name)
    (tmp_path / "slurm").symlink_to((ROOT / "slurm").readlink())
    return tmp_path


def test_smoke_scale_passes_through_sbatch(slurm: Slurm, clone: Path) -> None:
    """As typed in the root of a clone, but for the time to the first status check: a chain of each paper from its data
    to a figure, a model or an evaluation, with rules of every class. A job costs 8 s of CPU here, for it imports all
    anew; the other rules are of the same classes, and the smoke run has their shell lines."""
    words = ["snakemake", *SMOKE, "--profile", "slurm", "--configfile", "config/smoke.yaml"]
    done = subprocess.run(
        [*words, "--slurm-init-seconds-before-status-checks", POLL],
        cwd=clone,
        env=slurm.environment,
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    planned = set(re.findall(r"^(\w+) +\d+$", done.stderr.partition("Job stats:")[2], re.MULTILINE)) - {"total"}
    local = set(re.findall(r"^localrule (\w+):", done.stderr, re.MULTILINE))
    assert set(slurm.jobs(clone).values()) == planned - local
    classes = yaml.safe_load((clone / "config/config.yaml").read_text())["resources"]["classes"].values()
    asked = {(job["MinMemoryNode"], job["TimeLimit"]) for job in map(slurm.job, slurm.jobs(clone))}
    assert asked == {(f"{one['mem_mb']}M", f"{one['runtime'] // 60:02}:{one['runtime'] % 60:02}:00") for one in classes}
    again = subprocess.run(
        [*words, "--dry-run"], cwd=clone, env=slurm.environment, capture_output=True, text=True, check=True
    )
    assert "Nothing to be done" in again.stdout + again.stderr
