"""Generation by vLLM during a training: in its processes, or by a server on the GPUs of the job that they leave."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal
from urllib.request import urlopen

from raw2fig.errors import InputError

Vllm = Literal["colocate", "server"]
START = 1200.0
"""Seconds that a server may take to load its model."""
TRAINING = ("RANK", "WORLD_SIZE", "LOCAL_", "GROUP_", "ROLE_", "MASTER_", "TORCHELASTIC_", "ACCELERATE_", "FSDP_")
"""Beginnings of variables that make a process a part of the training."""


@contextmanager
def vllm_generation(mode: Vllm | None, model: Path) -> Iterator[dict[str, Any]]:
    """Arguments of TRL's `GRPOConfig` that make it generate by vLLM, none without a `mode`; a server of `model` is up
    for the time of the block.

    The server is started by the first process of a training, the only one that TRL connects. Raises `InputError` when
    no GPU is left for it, or it does not come up.
    """
    if mode is None:
        yield {}
    elif mode == "colocate" or int(os.environ.get("RANK", "0")) > 0:
        yield {"use_vllm": True, "vllm_mode": mode}
    else:
        with _server(model) as address:
            yield {
                "use_vllm": True,
                "vllm_mode": mode,
                "vllm_server_base_url": address,
                "vllm_group_port": free_port(),
            }


@contextmanager
def _server(model: Path) -> Iterator[str]:
    """Address of a running server, which ends with the block."""
    from trl.scripts.vllm_serve import ScriptArguments, build_command

    gpus, port = spare_gpus(), free_port()
    settings = ScriptArguments(
        model=str(model), host="127.0.0.1", port=port, dtype="bfloat16", tensor_parallel_size=len(gpus)
    )
    own = {name: value for name, value in os.environ.items() if not name.startswith(TRAINING)}
    own |= {"CUDA_VISIBLE_DEVICES": ",".join(gpus), "VLLM_SERVER_DEV_MODE": "1"}
    logging.info("vLLM server on GPU %s, port %d", ", ".join(gpus), port)
    # a session of its own, whose processes end together
    server = subprocess.Popen(build_command(settings), env=own, start_new_session=True)
    try:
        yield _when_up(server, f"http://127.0.0.1:{port}")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def spare_gpus() -> list[str]:
    """GPUs of the job beyond one for each process of the training, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = named.split(",") if named else [str(index) for index in range(torch.cuda.device_count())]
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if len(gpus) <= processes:
        raise InputError("vllm", f"{len(gpus)} GPUs for {processes} processes", "one more, for the server")
    return gpus[processes:]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _when_up(server: subprocess.Popen[bytes], address: str) -> str:
    """`address`, once the server answers there."""
    end = time.monotonic() + START
    while time.monotonic() < end:
        if server.poll() is not None:
            raise InputError(
                "vllm", f"the server ended with status {server.returncode}", "a server; its messages are above"
            )
        with suppress(OSError), urlopen(f"{address}/health", timeout=10) as answer:
            if answer.status == 200:
                return address
        time.sleep(0.5)
    raise InputError("vllm", f"no server after {START:.0f} s", "a server that starts; its messages are above")
