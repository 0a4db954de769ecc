"""Training in two processes on the CPU, as `accelerate launch` would start them on GPUs with FSDP2.

    python two_processes.py '[{"step": ["c2s", "sft", ...]}, {"grpo": {"base": ..., "output": ...}}]'

Each job is forked from this process, which has imported everything: starting anew costs 8 s of CPU per process. Prints
the exit status of both processes of every job, as JSON.
"""

import json
import os
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import accelerate
import numpy as np
import pandas
import torch
import torch._dynamo
import torch.distributed.checkpoint
import torch.distributed.fsdp
import trl
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType
from transformers import AutoModelForCausalLM, AutoTokenizer, GPTNeoXForCausalLM, Trainer
from trl import GRPOTrainer

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
from recipes import recipe
from toy_language import GENES, PROMPTS, toy_examples

from raw2fig import cli
from raw2fig.lm.batches import Optimiser
from raw2fig.lm.models import load
from raw2fig.lm.scheduled import Machine, fine_tune_on
from raw2fig.papers.c2s import train
from raw2fig.rl.trainer import grpo

IMPORTED = (accelerate, pandas, trl, AutoModelForCausalLM, AutoTokenizer, GPTNeoXForCausalLM, GRPOTrainer)
"""What a job would import by itself."""


def main(jobs: list[dict[str, Any]]) -> None:
    """Run the jobs one after another."""
    torch.set_num_threads(1)
    status = []
    for job in jobs:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        workers = [fork(job, rank, port) for rank in range(2)]
        status.append([os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers])
    print(json.dumps(status))


def fork(job: dict[str, Any], rank: int, port: int) -> int:
    """Process id of a worker."""
    worker = os.fork()
    if worker:
        return worker
    os.dup2(2, 1)
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "ACCELERATE_USE_CPU": "true",
        "ACCELERATE_USE_FSDP": "true",
        "FSDP_VERSION": "2",
        "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
        "FSDP_RESHARD_AFTER_FORWARD": "true",
        "FSDP_STATE_DICT_TYPE": "SHARDED_STATE_DICT",  # the default of `accelerate launch --fsdp_version 2`
    }
    fsdp_on_cpu()
    status = 1
    try:
        status = work(job, rank)
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    os._exit(status)


def fsdp_on_cpu() -> None:
    """accelerate shards on GPUs and the like only and falls back to DDP without a word: call the CPUs GPUs."""
    make = AcceleratorState.__init__

    def init(self: AcceleratorState, *arguments: Any, **options: Any) -> None:
        PartialState(cpu=True)
        if PartialState._shared_state["distributed_type"] == DistributedType.MULTI_CPU:
            PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
        make(self, *arguments, **options)

    AcceleratorState.__init__ = init


def work(job: dict[str, Any], rank: int) -> int:
    """A command, a short GRPO run or a training on given batches, in one of the two processes. `kill` ends it before
    that training step."""
    if rank:  # the other process is always the last to write
        write = train.write_json
        train.write_json = lambda *arguments: (time.sleep(0.5), write(*arguments))
    if "kill" in job:
        kill_before(job["kill"])
    if "step" in job:
        cli.main(job["step"])
    if "scheduled" in job:
        return scheduled(**job["scheduled"])

    def rewards(completions: list[str], prompts: list[int], step: int) -> list[float]:
        return [float(len(text)) for text in completions]

    settings = recipe(steps=3, prompts=2, generations=4, lr=1e-3, beta=0.05, max_new_tokens=40, checkpoint_every=0)
    base, output = Path(job["grpo"]["base"]), Path(job["grpo"]["output"])
    log = grpo(base, PROMPTS, rewards, settings, output, 0, GENES)
    output.with_name(f"{output.name}-{rank}.json").write_text(json.dumps(log))
    return 0


def scheduled(base: str, output: str, batches: list[list[int]], optimiser: dict[str, float]) -> int:
    """Training on given batches, with losses averaged by sequence."""
    network, words = load(base, train=True)
    rows, settings = [np.array(batch) for batch in batches], Optimiser(**optimiser)
    machine = Machine(gradient_checkpointing=False, checkpoint_every=2)
    losses = fine_tune_on(network, words, toy_examples(words), rows, settings, "sample", machine, Path(output), 0)
    Path(f"{output}.json").write_text(json.dumps(losses))
    return 0


def kill_before(step: int) -> None:
    """End this process, without cleaning up, when its `step`-th training step begins."""
    run, steps = Trainer.training_step, iter(range(1, 1000))

    def training_step(*arguments: Any, **options: Any) -> Any:
        if next(steps) == step:
            os._exit(9)
        return run(*arguments, **options)

    Trainer.training_step = training_step


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
