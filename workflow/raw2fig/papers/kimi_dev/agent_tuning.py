"""`raw2fig kimi-dev agent-tune`: a prior becomes an agent by supervised training on trajectories (section 3.7)."""

from __future__ import annotations

import os
from typing import Annotated

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.chats import Reading, use_template
from raw2fig.lm.finetune import Training
from raw2fig.papers.kimi_dev.agents.conversations import encoded, learned
from raw2fig.papers.kimi_dev.trajectory_steps import EXPECTED, Choosing, read_conversations
from raw2fig.settings import Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_json


@step
def agent_tune(
    *,
    model: Input,
    trajectories: Input,
    policy: Output,
    log: Output,
    choosing: Annotated[Choosing, At("agents.choosing")],
    reading: Annotated[Reading, At("agents.reading")],
    training: Annotated[Training, At("agents.training")],
    seed: Seed = 0,
) -> None:
    """Train a model on trajectories of agents, in epochs. What it learns is the agents' turns, and with --world-model
    what they were shown too. On several GPUs: accelerate launch ... -m raw2fig kimi-dev agent-tune ...

    Parameters
    ----------
    model
        Model folder, with a chat template of which trl has a version for training, as those of Qwen2.5 and Qwen3.
    trajectories
        A set of `raw2fig kimi-dev read-trajectories`.
    policy
        Folder of the trained model.
    log
        The tokens that the loss counted in the whole training, and a record for each fiftieth of the updates.
    """
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.finetune import fine_tune
    from raw2fig.lm.models import load

    network, tokenizer = load(str(model), train=True)
    use_template(tokenizer, reading)
    read = read_conversations(trajectories)
    examples = [encoded(tokenizer, one, reading.longest, choosing.world_model) for one in read]
    known = [one for one in examples if one is not None]
    if len(known) < len(read) or not read:
        problem = f"has {len(read)} trajectories, {len(read) - len(known)} of them too long"
        raise InputError(trajectories, problem, f"some, all of at most {reading.longest} tokens; {EXPECTED}")
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    order = in_epochs(len(known), training.steps * training.batch * training.accumulate * processes, seed)
    chosen = [known[place] for place in order]
    records = fine_tune(network, tokenizer, chosen, training, policy, seed)
    write_json({"tokens": sum(map(learned, chosen)), "records": records}, log)
    discard(policy)


def in_epochs(number: int, total: int, seed: int) -> np.ndarray:
    """So many places of `number` examples, (total,): each comes once before any comes again. The trainer goes through
    them once, so what it sees is known beforehand."""
    rng = np.random.default_rng([seed, number])
    return np.concatenate([rng.permutation(number) for _ in range(-(-total // number))])[:total]
