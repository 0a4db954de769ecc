"""A real Slurm for the tests: munged, slurmctld and slurmd on loopback, one node, two CPUs, two pretended
GPUs.

Nothing of it is simulated but the GPUs, which are counted and not opened. All files lie in a temporary
folder, ports are free ones, and the daemons are stopped by their own process ids, so a munge or a Slurm of
the machine is left alone.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

DAEMONS = ("munged", "slurmctld", "slurmd")
T = TypeVar("T")
CPUS = 2
GPUS = ("/dev/null", "/dev/zero")
"""Devices that every machine has, in place of GPUs: slurmd wants to see a file for each."""
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin", "/sbin"])
"""Daemons live in sbin, which a user's PATH may lack; snakemake and raw2fig beside the running
interpreter."""

SLURM_CONF = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
PropagateResourceLimits=NONE
ReturnToService=2
MinJobAge=3600
KillWait=2
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=localhost NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus}
PartitionName=cpu Nodes=localhost Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=localhost MaxTime=INFINITE State=UP
"""
GRES_CONF = "AutoDetect=off\n" + "".join(f"Name=gpu File={device}\n" for device in GPUS)


class Slurm(NamedTuple):
    """A running cluster: the environment its clients need, and the folder of its logs."""

    environment: dict[str, str]
    folder: Path

    def call(self, *words: str) -> str:
        """Output of a client command, `call("squeue", "--noheader")`. Raises what
        `subprocess.run(check=True)` does."""
        done = subprocess.run(words, env=self.environment, check=True, capture_output=True, text=True, timeout=60)
        return done.stdout

    def job(self, number: str) -> dict[str, str]:
        """Fields of `scontrol show job`, such as `Partition` and `TimeLimit`."""
        words = self.call("scontrol", "--oneliner", "show", "job", number).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def jobs(self, folder: Path, states: str = "all") -> dict[str, str]:
        """Job number → rule, in order of submission, of the jobs Snakemake submitted from `folder`."""
        lines = self.call("squeue", "--noheader", f"--states={states}", "--format=%i|%Z|%k").splitlines()
        rows = sorted((line.split("|", 2) for line in lines), key=lambda row: int(row[0]))
        return {
            number: comment.removeprefix("rule_").partition("_wildcards_")[0]
            for number, workdir, comment in rows
            if Path(workdir) == folder
        }


PATIENCE = 600.0
"""Seconds after which something hangs for sure: a slow machine that runs other tests beside needs minutes for what an
idle one does in seconds."""


def wait_until(condition: Callable[[], T], what: str) -> T:
    """The first true value of `condition()`, asked four times a second. Raises `TimeoutError` naming
    `what`."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.25)
    raise TimeoutError(f"waited {PATIENCE:.0f} s for {what}")


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def daemon(*words: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A foreground daemon, ended by its process id when the block is left, whatever happened inside."""
    process = subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def cluster(folder: Path) -> Iterator[Slurm]:
    """Start the daemons with everything in `folder`, wait for an idle node; cancel all jobs and stop at the
    end."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    controller_port, node_port = free_ports(2)
    (folder / "slurm.conf").write_text(
        SLURM_CONF.format(
            host=socket.gethostname().partition(".")[0],
            folder=folder,
            controller_port=controller_port,
            node_port=node_port,
            cpus=CPUS,
            gpus=len(GPUS),
            memory=memory,
        )
    )
    (folder / "gres.conf").write_text(GRES_CONF)
    for name in ("state", "spool"):
        (folder / name).mkdir(mode=0o700)
    clients = folder / "bin"
    clients.mkdir()
    # inside a job the executor plugin drops SLURM_CONF before it calls srun; a cluster has /etc/slurm/slurm.conf
    srun = clients / "srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun", path=PATH)} "$@"\n')
    srun.chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))}
    environment = {
        **kept,
        "PATH": f"{clients}{os.pathsep}{PATH}",
        "SLURM_CONF": str(folder / "slurm.conf"),
        "OMP_NUM_THREADS": "1",
    }
    munge = [
        f"--key-file={key}",
        f"--socket={folder}/munge.socket",
        f"--pid-file={folder}/munged.pid",
        f"--log-file={folder}/munged.log",
        f"--seed-file={folder}/munged.seed",
        "--num-threads=2",
    ]
    slurm = Slurm(environment, folder)
    with ExitStack() as stack:
        stack.enter_context(daemon("munged", "--foreground", "--force", *munge, environment=environment))
        wait_until((folder / "munge.socket").exists, "munged")
        stack.enter_context(daemon("slurmctld", "-D", environment=environment))
        stack.enter_context(daemon("slurmd", "-D", environment=environment))
        # first off the stack: job steps outlive slurmd, so they are ended while it is there
        stack.callback(cancel_all, slurm)
        wait_until(lambda: node_is_idle(slurm), f"an idle node; see the logs in {folder}")
        yield slurm


def node_is_idle(slurm: Slurm) -> bool:
    """False also while the controller does not answer yet."""
    try:
        return slurm.call("sinfo", "--noheader", "--partition=cpu", "--format=%t").strip() == "idle"
    except subprocess.CalledProcessError:
        return False


def cancel_all(slurm: Slurm) -> None:
    """End every job and wait until its processes are gone."""
    numbers = slurm.call("squeue", "--noheader", "--format=%i").split()
    if numbers:
        slurm.call("scancel", *numbers)
        wait_until(lambda: not slurm.call("squeue", "--noheader"), "jobs to end")
