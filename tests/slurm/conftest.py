"""The `slurm` fixture: one real Slurm for all tests of a session."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import DAEMONS, PATH, Slurm, cluster


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """The cluster, one per test session. Skips where it cannot run, with the reason."""
    missing = [name for name in DAEMONS if shutil.which(name, path=PATH) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)} on this machine: apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        pytest.skip("slurmd starts jobs as their user: it needs root")
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, cluster(Path(folder)) as running:
        yield running
