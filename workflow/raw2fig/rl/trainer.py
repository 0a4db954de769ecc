"""Training by the GRPO family on trl's trainer: the one engine, at every scale.

Losses, advantages, filters, averages and streams are the functions beside this module; in `raw2fig.rl.group_trainer`
they meet trl, whose trainer has the loop, the processes, the checkpoints and vLLM.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from raw2fig.errors import InputError
from raw2fig.lm.checkpoint import checkpoint_folder
from raw2fig.lm.finetune import train_and_save
from raw2fig.lm.generate import once_mask
from raw2fig.lm.models import load
from raw2fig.lm.tool_use import ToolUse
from raw2fig.rl.environment import Environment
from raw2fig.rl.filters import Curriculum
from raw2fig.rl.recipe import Recipe
from raw2fig.rl.replay import Replay
from raw2fig.rl.stream import Stream
from raw2fig.rl.update import Rewards, Shaping
from raw2fig.rl.vllm_server import vllm_generation

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LOGGED = {
    *("step", "reward", "reward_std", "kl", "entropy", "loss", "grad_norm", "completions/mean_length"),
    *("kept", "solved", "retired", "skipped", "truncated", "interrupted", "called", "drawn_tokens", "trained_tokens"),
    *("staleness/mean", "staleness/max", "ratio_gap"),
}
"""What the log keeps of an update."""


def grpo(
    base: Path,
    prompts: Sequence[str | list[dict[str, str]]],
    rewards: Rewards,
    recipe: Recipe,
    output: Path,
    seed: int,
    once_words: Sequence[str] = (),
    snapshot_every: int = 0,
    on_snapshot: Callable[[int, PreTrainedModel], dict[str, float]] | None = None,
    scored_by: str = "",
    keep_at: Collection[int] = (),
    shaping: Shaping | None = None,
    tools: ToolUse | None = None,
    environment: Environment | None = None,
    replay: Replay | None = None,
) -> list[dict[str, float]]:
    """Train the model of folder `base`, save it at `output` and return the log: a record {step, reward, ...} of each
    update.

    `scored_by` names what `rewards` and `shaping` depend on: with another name a killed run starts anew instead of
    resuming. With `shaping` the logged `reward` is the first signal, and what the shaping reports is logged as
    `shaping/...`.

    A completion may hold each of `once_words` once (see `raw2fig.lm.generate.once_mask`). Completions call `tools`,
    whose results are not trained on but count as length. With an `environment` prompts are messages, and trl runs its
    tools, whose results are not trained on either. Raises `InputError` for `tools` with vLLM.

    Right completions of earlier updates join the batches as `replay` says.

    `on_snapshot(step, model)` is called every `snapshot_every` steps; what it returns is logged. The weights after the
    updates `keep_at` (0: before the first) are kept as `policies/<step>.safetensors` in `output`. A run killed and
    started again resumes from its last checkpoint beside `output`.
    """
    from raw2fig.rl.group_trainer import GroupTrainer, Run
    from raw2fig.rl.trl_settings import settings_of

    process, processes = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    together = recipe.prompts * processes
    if len(prompts) < together:  # trl would train on none of them
        raise InputError("prompts", f"{len(prompts)} prompts, {together} in a step", "at least those of one step")
    model, tokenizer = load(str(base), train=True)
    size = model.get_output_embeddings().weight.shape[0]
    # vLLM knows no repeat mask
    once = once_mask(tokenizer, once_words, size) if once_words and not recipe.vllm else None
    curriculum = Curriculum(len(prompts), seed, recipe.retire_at)
    words = [] if environment else tokenizer(list(prompts))["input_ids"]  # trl fills in templates itself
    if tools is not None and recipe.vllm:
        raise InputError("vllm", "draws completions that call tools", "none, the sampler does it")
    stream = Stream(recipe, tokenizer, words, curriculum, once, process, processes, tools)
    named = (prompts, ["", scored_by, str(sorted(keep_at)), ""], once_words)
    data = [str(text).encode() + b"\n" for texts in named for text in texts]
    folder = checkpoint_folder(output, {**recipe.model_dump(), "seed": seed}, data, model)
    run = Run(
        recipe,
        prompts,
        rewards,
        shaping,
        stream,
        replay,
        folder,
        once=once,
        keep_at=keep_at,
        snapshot_every=snapshot_every,
        on_snapshot=on_snapshot,
        process=process,
        processes=processes,
        environment=environment,
    )
    rounds = {"max_tool_calling_iterations": environment.most} if environment else {}
    with vllm_generation(recipe.vllm, base) as generation:
        arguments = {**settings_of(recipe, folder, model, seed), **generation, **rounds}
        trainer = GroupTrainer(run, model, tokenizer, arguments)
        if 0 in keep_at:
            trainer.keep(model.state_dict(), 0)
        train_and_save(trainer, folder, output)
        if keep_at and process == 0:
            shutil.copytree(folder / "policies", output / "policies")
    return [
        {n: float(value) for n, value in record.items() if n in LOGGED or n.startswith(("validation", "shaping/"))}
        for record in trainer.state.log_history
        if "train_runtime" not in record
    ]
