"""GRPO on trl's trainer: the one engine, with our batched sampler in place of `generate`.

Overrides of `GRPOTrainer`, and why:

* `rollout_func` (an argument, not a method): completions come from `raw2fig.lm.sample`, which keeps a cache for the
  whole batch and can forbid repeats; not used when vLLM generates.
* `_get_per_token_logps_and_entropies`: the policy that is scored must be the policy that was sampled, so the repeat
  mask is applied to the logits here too. Without a mask the method is trl's own.
* `_get_train_sampler`: the order of prompts in an epoch depends on seed and epoch alone. trl's goes on from epoch to
  epoch in one stream, which a resumed run would start anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.checkpoint import checkpoint_folder
from raw2fig.lm.finetune import train_and_save
from raw2fig.lm.generate import once_mask
from raw2fig.lm.models import load
from raw2fig.lm.sample import sample
from raw2fig.rl.vllm_server import Vllm, vllm_generation

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Rewards = Callable[[list[str], list[int], int], list[float]]
"""`rewards(completions, prompt_indices, step)`: one number per completion; those of one group are adjacent. What it
draws at random must depend on `step` alone, so that a resumed run goes on as an uninterrupted one."""


@dataclass(frozen=True)
class GrpoRecipe:
    """Hyper-parameters of GRPO. `prompts` and `generations` are per process and step; `checkpoint_every` 0: none.

    `vllm`: completions come from vLLM, in each process of the training (colocate) or from a server on the GPUs that no
    process has (server).
    """

    steps: int
    prompts: int = 8
    generations: int = 12
    lr: float = 1e-6
    beta: float = 0.0
    clip: float = 0.2
    temperature: float = 1.0
    max_new_tokens: int = 64
    accumulate: int = 1
    checkpoint_every: int = 100
    gradient_checkpointing: bool = False
    vllm: Vllm | None = None
    seed: int = 0


def repeat_mask(ids: torch.Tensor, start: int, once: torch.Tensor) -> torch.Tensor:
    """Which tokens may not come next, bool (batch, completion, vocabulary), at each position of a completion that
    starts at `start` in `ids` (batch, prompt + completion): those of `once` (vocabulary) that it already holds."""
    import torch

    completion = ids[:, start:]
    used = torch.nn.functional.one_hot(completion, once.shape[0]).cumsum(1).bool() & once
    return torch.cat([torch.zeros_like(used[:, :1]), used[:, :-1]], dim=1)


def grpo(
    base: Path,
    prompts: Sequence[str],
    rewards: Rewards,
    recipe: GrpoRecipe,
    output: Path,
    once_words: Sequence[str] = (),
    snapshot_every: int = 0,
    on_snapshot: Callable[[int, PreTrainedModel], dict[str, float]] | None = None,
    scored_by: str = "",
) -> list[dict[str, float]]:
    """Train the model of folder `base` by GRPO: sequence-mean loss, group-scaled advantages, KL penalty `beta` to the
    weights of `base`. Saves it at `output` and returns the log: a record {step, reward, reward_std, kl, ...} per step.

    `scored_by` names what `rewards` depends on: with another name a killed run starts anew instead of resuming.

    A completion may hold each of `once_words` once (see `raw2fig.lm.generate.once_mask`).

    `on_snapshot(step, model)` is called every `snapshot_every` steps; what it returns is logged. A run killed and
    started again resumes from its last checkpoint beside `output`.
    """

    import torch
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    class Trainer(GRPOTrainer):
        def _get_per_token_logps_and_entropies(
            self,
            model: Any,
            input_ids: torch.Tensor,
            attention_mask: torch.Tensor,
            logits_to_keep: int,
            *args: Any,
            **kwargs: Any,
        ) -> tuple[torch.Tensor, torch.Tensor, None]:
            if once is None:
                return super()._get_per_token_logps_and_entropies(
                    model, input_ids, attention_mask, logits_to_keep, *args, **kwargs
                )
            logits = model(input_ids=input_ids, attention_mask=attention_mask).logits[:, -logits_to_keep - 1 : -1]
            forbidden = repeat_mask(input_ids, input_ids.shape[1] - logits_to_keep, once.to(logits.device))
            logits = (logits.float() / self.temperature).masked_fill(forbidden, float("-inf"))
            logps = torch.log_softmax(logits, dim=-1)
            chosen = logps.gather(2, input_ids[:, -logits_to_keep:, None])[..., 0]
            # padding repeats a token that may be forbidden; it is masked in the loss but must stay finite
            chosen = torch.where(attention_mask[:, -logits_to_keep:].bool(), chosen, 0.0)
            entropy = -(logps.exp() * logps.masked_fill(forbidden, 0.0)).sum(-1)
            return chosen, entropy.detach(), None

        def _get_train_sampler(self, dataset: Any = None) -> Any:
            sampler: Any = super()._get_train_sampler(dataset)
            sampler.set_epoch = lambda epoch: sampler.generator.manual_seed(self.args.seed + epoch)
            return sampler

    def rollout(texts: list[str], trainer: GRPOTrainer) -> dict[str, list[Any]]:
        # the stream depends on step and process alone, so that a resumed run draws what an uninterrupted one would have
        rng = np.random.default_rng([recipe.seed, trainer.state.global_step, trainer.accelerator.process_index])
        uniforms = rng.random((len(texts), recipe.max_new_tokens))
        ids = tokenizer(texts)["input_ids"]
        policy = trainer.accelerator.unwrap_model(trainer.model)
        drawn = sample(policy, tokenizer, ids, recipe.max_new_tokens, uniforms, recipe.temperature, once)
        return {"prompt_ids": ids, "completion_ids": drawn.ids, "logprobs": drawn.logprobs}

    def reward(completions: Any, prompt_index: Any, trainer_state: Any, **_: Any) -> list[float | None]:
        return list(rewards(completions, prompt_index, trainer_state.global_step))

    class Snapshot(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if on_snapshot and snapshot_every and state.global_step % snapshot_every == 0:
                policy = trainer.accelerator.unwrap_model(trainer.model)
                state.log_history.append({"step": state.global_step, **on_snapshot(state.global_step, policy)})

    together = recipe.prompts * int(os.environ.get("WORLD_SIZE", "1"))
    if len(prompts) < together:  # trl would train on none of them
        raise InputError("prompts", f"{len(prompts)} prompts, {together} in a step", "at least those of one step")
    model, tokenizer = load(str(base), train=True)
    size = model.get_output_embeddings().weight.shape[0]
    # vLLM knows no repeat mask
    once = once_mask(tokenizer, once_words, size) if once_words and not recipe.vllm else None
    data = [text.encode() + b"\n" for texts in (prompts, ["", scored_by, ""], once_words) for text in texts]
    folder = checkpoint_folder(output, asdict(recipe), data, model)
    with vllm_generation(recipe.vllm, base) as generation:
        arguments = GRPOConfig(
            output_dir=str(folder),
            max_steps=recipe.steps,
            per_device_train_batch_size=recipe.prompts * recipe.generations // recipe.accumulate,
            gradient_accumulation_steps=recipe.accumulate,
            num_generations=recipe.generations,
            learning_rate=recipe.lr,
            lr_scheduler_type="constant",
            beta=recipe.beta,
            epsilon=recipe.clip,
            loss_type="grpo",
            scale_rewards="group",
            temperature=recipe.temperature,
            max_completion_length=recipe.max_new_tokens,
            save_strategy="steps" if recipe.checkpoint_every else "no",
            save_steps=recipe.checkpoint_every or 1,
            save_total_limit=1,
            logging_steps=1,
            seed=recipe.seed,
            ddp_find_unused_parameters=False,
            report_to=[],
            disable_tqdm=True,
            bf16=torch.cuda.is_available(),
            gradient_checkpointing=recipe.gradient_checkpointing,
            **generation,
        )
        trainer = Trainer(
            model=model,
            args=arguments,
            processing_class=tokenizer,
            train_dataset=Dataset.from_dict({"prompt": list(prompts), "prompt_index": list(range(len(prompts)))}),
            reward_funcs=cast(Any, reward),
            rollout_func=None if recipe.vllm else rollout,
            callbacks=[Snapshot()],
        )
        train_and_save(trainer, folder, output)
    kept = {"step", "reward", "reward_std", "kl", "entropy", "loss", "grad_norm", "completions/mean_length"}
    return [
        {name: float(value) for name, value in record.items() if name in kept or name.startswith("validation")}
        for record in trainer.state.log_history
        if "train_runtime" not in record
    ]
