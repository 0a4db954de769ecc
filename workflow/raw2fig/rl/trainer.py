"""Training by the GRPO family on trl's trainer: the one engine, at every scale.

Losses, advantages, filters, averages and streams are the functions beside this module; here they meet trl, whose
trainer has the loop, the processes, the checkpoints and vLLM. Overrides of `GRPOTrainer`, and why:

* `_prepare_inputs`: a batch of groups comes from our stream, and gets our advantages and weights while its groups are
  whole; trl shuffles completions into micro-batches before its loss sees them.
* `_compute_loss`: our losses, against the log-probabilities that the sampler stored. trl would compute them anew.
* `_get_per_token_logps_and_entropies`: the policy that is scored must be the policy that was sampled, so a repeat mask
  is applied to the logits here too. Without a mask the method is trl's own.
* `_save_checkpoint`: batches in flight and the curriculum are part of a checkpoint.

`rollout_func`, an argument, hands the stream's completions to trl.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.checkpoint import checkpoint_folder
from raw2fig.lm.finetune import train_and_save
from raw2fig.lm.generate import once_mask
from raw2fig.lm.models import load
from raw2fig.lm.sample import head_in
from raw2fig.rl.advantages import scaled_advantages
from raw2fig.rl.aggregation import completion_weights
from raw2fig.rl.filters import Curriculum, has_variance
from raw2fig.rl.length import length_penalty, soft_overlong
from raw2fig.rl.losses import clip_loss, kl_penalty, log_ratio, reinforce_loss
from raw2fig.rl.recipe import Recipe
from raw2fig.rl.stream import Rollouts, Stream
from raw2fig.rl.vllm_server import vllm_generation

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Rewards = Callable[[list[str], list[int], int], Sequence[float] | np.ndarray]
"""`rewards(completions, prompt_indices, step)`: one number per completion, above 0 for one that is right; those of one
group are adjacent. A run with a `Shaping` gets a row of signals for each completion, (completions, signals), the first
of which says whether it is right. What it draws at random must depend on `step` alone, so that a resumed run goes on as
an uninterrupted one."""


class Shaping(Protocol):
    """Rewards that need a whole batch of groups, those of all processes, and may keep a state from batch to batch."""

    def rewards(self, signals: np.ndarray) -> np.ndarray:
        """Rewards (groups, generations) of the next update, from signals (signals, groups, generations)."""
        ...

    def told(self, advantages: np.ndarray) -> dict[str, float]:
        """What is logged of that update, whose advantages are (groups, generations)."""
        ...

    def state(self) -> Any:
        """What `restore` takes, as plain data: part of a checkpoint."""
        ...

    def restore(self, state: Any) -> None: ...


def repeat_mask(ids: torch.Tensor, start: int, once: torch.Tensor) -> torch.Tensor:
    """Which tokens may not come next, bool (batch, completion, vocabulary), at each position of a completion that
    starts at `start` in `ids` (batch, prompt + completion): those of `once` (vocabulary) that it already holds."""
    import torch

    completion = ids[:, start:]
    used = torch.nn.functional.one_hot(completion, once.shape[0]).cumsum(1).bool() & once
    return torch.cat([torch.zeros_like(used[:, :1]), used[:, :-1]], dim=1)


def token_losses(
    recipe: Recipe, logps: torch.Tensor, behaviour: torch.Tensor, advantages: torch.Tensor, mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses (completions, tokens) by the recipe, without the KL penalty, and the importance ratios."""
    ratio = log_ratio(logps, behaviour, mask, sequence=recipe.loss == "gspo").exp()
    if recipe.loss in ("cispo", "reinforce"):
        return reinforce_loss(logps, ratio, advantages, recipe.eps_max), ratio
    return clip_loss(ratio, advantages, recipe.eps_low, recipe.eps_high, recipe.dual), ratio


def overlong_cost(recipe: Recipe, lengths: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """What is added to the rewards of completions (completions,) for their lengths."""
    if recipe.overlong == "shape":
        return soft_overlong(lengths, recipe.max_new_tokens, recipe.cache)
    if recipe.overlong == "penalise_correct":
        return length_penalty(lengths, correct, recipe.max_new_tokens, recipe.cache)
    return np.zeros(len(lengths))


def grpo(
    base: Path,
    prompts: Sequence[str],
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
) -> list[dict[str, float]]:
    """Train the model of folder `base`, save it at `output` and return the log: a record {step, reward, ...} of each
    update.

    `scored_by` names what `rewards` and `shaping` depend on: with another name a killed run starts anew instead of
    resuming. With `shaping` the logged `reward` is the first signal, and what it tells is logged as `shaping/...`.

    A completion may hold each of `once_words` once (see `raw2fig.lm.generate.once_mask`).

    `on_snapshot(step, model)` is called every `snapshot_every` steps; what it returns is logged. The weights after the
    updates `keep_at` (0: before the first) are kept as `policies/<step>.safetensors` in `output`. A run killed and
    started again resumes from its last checkpoint beside `output`.
    """
    import torch
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    class Trainer(GRPOTrainer):
        model: Any
        _buffered_inputs: Any
        scored: np.ndarray  # (completions, signals and cost and whether right) of this process
        rollouts: Rollouts | None = None
        empty = False  # whether the last batch had nothing to train on

        def _prepare_inputs(self, generation_batch: Any) -> Any:
            if not self.model.training:
                return super()._prepare_inputs(generation_batch)
            place = self._step % recipe.accumulate
            if place == 0 or self._buffered_inputs is None:
                batch = self._next()
                rows = recipe.prompts * recipe.generations // recipe.accumulate
                self._buffered_inputs = [
                    {name: tensor[start : start + rows] for name, tensor in batch.items()}
                    for start in range(0, rows * recipe.accumulate, rows)
                ]
            return self._buffered_inputs[place]

        def _next(self) -> dict[str, torch.Tensor]:
            """The next update's completions with their advantages and weights; every tensor has a row for each."""
            update = self.state.global_step
            if recipe.vllm:
                share = curriculum.draw(together)[process::processes]
                indices = [index for index in share for _ in range(recipe.generations)]
            else:
                self.rollouts = stream.next(self.accelerator.unwrap_model(self.model), update)
                indices = self.rollouts.indices
            items: list[Any] = [{"prompt": prompts[index], "prompt_index": index} for index in indices]
            batch = super()._generate_and_score_completions(items)
            mask = drawn_mask = batch["completion_mask"] * batch.get("tool_mask", 1)
            drawn = mask.sum(1)
            ended = self._ended(batch["completion_ids"], batch["completion_mask"])
            if recipe.overlong == "mask":
                mask = mask * ended[:, None]
            behaviour, fresh = self._behaviour(batch, update)
            # what concerns the whole batch is worked out on all processes' completions, in the same order everywhere
            own = torch.from_numpy(np.column_stack([self.scored, indices])).to(mask.device)
            columns = torch.cat([own, torch.stack([mask.sum(1), drawn], 1).double()], 1)
            *signals, costs, passes, places, lengths, drawn = self.accelerator.gather(columns).cpu().numpy().T
            grouped = costs.reshape(-1, recipe.generations)
            grouped = grouped + rewarded(np.reshape(signals, (len(signals), *grouped.shape)))
            kept = has_variance(grouped) if recipe.drop_zero_variance else np.ones(len(grouped), bool)
            for index, rate in zip(places[:: recipe.generations], passes.reshape(grouped.shape).mean(1), strict=True):
                curriculum.note(int(index), float(rate))
            advantages = scaled_advantages(grouped, recipe.scale, kept, recipe.ddof, recipe.epsilon)
            told = shaping.told(advantages) if shaping else {}
            weights = completion_weights(lengths, recipe.generations, recipe.aggregation, kept, recipe.max_new_tokens)
            self.empty = not kept.any()
            first = process * len(indices)
            mine = slice(first, first + len(indices))
            self._note(
                kept=kept.mean(),
                solved=passes.mean(),
                retired=len(curriculum.retired),
                skipped=self.empty,
                drawn_tokens=drawn.sum(),
                trained_tokens=lengths[np.repeat(kept, recipe.generations)].sum(),
                truncated=1 - self._mean(ended, torch.ones_like(ended)),
                interrupted=self._mean((drawn_mask < batch["completion_mask"]).any(1), torch.ones_like(ended)),
                **{f"shaping/{name}": number for name, number in told.items()},
            )
            return {
                **{name: batch[name] for name in KEPT if name in batch},
                "advantages": torch.from_numpy(advantages.ravel()[mine]).to(behaviour),
                "weights": torch.from_numpy(weights[mine] * processes).to(behaviour),
                "mask": mask,
                "behaviour": behaviour,
                "fresh": fresh,
            }

        def _ended(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            """Which completions hold an end of sequence, bool (completions,)."""
            ends = torch.isin(ids, torch.tensor(self.eos_token_ids, device=ids.device))
            return (ends & mask.bool()).any(1)

        def _behaviour(self, batch: Any, update: int) -> tuple[torch.Tensor, torch.Tensor]:
            """Log-probabilities under the policy that sampled each token, as the sampler stored them, and where the
            loss takes those of the policy that is trained now instead, so that the ratio is 1: for tokens that vLLM
            scored NaN, and for those of the current weights where all is float32. There the two differ by the order
            of sums alone; under autocast the difference is a real one."""
            behaviour = batch["sampling_per_token_logps"]
            if self.rollouts is None:
                return behaviour, behaviour.isnan()
            versions = torch.full(behaviour.shape, update, device=behaviour.device)
            for row, places in enumerate(self.rollouts.versions):
                versions[row, : len(places)] = torch.tensor(places)
            lag, mask = update - versions, batch["completion_mask"]
            longest = self.accelerator.gather((lag * mask).max()).max().item()
            self._note(**{"staleness/mean": self._mean(lag, mask), "staleness/max": longest})
            exact = recipe.head == "fp32" and self.accelerator.mixed_precision == "no"
            return behaviour, (versions == update) & exact

        def _mean(self, values: torch.Tensor, mask: torch.Tensor) -> float:
            """Mean over the places of `mask` in all processes."""
            totals = torch.stack([(values * mask).sum().float(), mask.sum().float()])
            total, places = self.accelerator.reduce(totals, reduction="sum").tolist()
            return total / max(1.0, places)

        def _note(self, **numbers: float) -> None:
            for name, number in numbers.items():
                self._metrics["train"][name].append(float(number))

        def _compute_loss(self, model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
            ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
            attended = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
            mask, length = inputs["mask"], inputs["completion_ids"].shape[1]
            logps, entropies, *_ = self._get_per_token_logps_and_entropies(
                model, ids, attended, length, compute_entropy=True
            )
            stored, now = inputs["behaviour"], logps.detach()
            behaviour = torch.where(inputs["fresh"], now, stored)
            losses, _ = token_losses(recipe, logps, behaviour, inputs["advantages"], mask)
            if recipe.beta:
                penalty = kl_penalty(logps, inputs["ref_per_token_logps"])
                losses = losses + recipe.beta * penalty
                self._note(kl=self._mean(penalty, mask))
            # to what the sampler stored, also where the loss has a ratio of 1; NaN is no measurement
            gap = (log_ratio(now, stored, mask, sequence=recipe.loss == "gspo").exp() - 1).abs().nan_to_num()
            gap = gap.expand_as(losses)
            self._note(entropy=self._mean(entropies, mask), ratio_gap=self._mean(gap, mask))
            return (losses * mask).sum(1) @ inputs["weights"]

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
            with head_in(self.accelerator.unwrap_model(model), torch.float32):
                logits = model(input_ids=input_ids, attention_mask=attention_mask).logits
            logits = logits[:, -logits_to_keep - 1 : -1]
            forbidden = repeat_mask(input_ids, input_ids.shape[1] - logits_to_keep, once.to(logits.device))
            logits = (logits.float() / self.temperature).masked_fill(forbidden, float("-inf"))
            logps = torch.log_softmax(logits, dim=-1)
            chosen = logps.gather(2, input_ids[:, -logits_to_keep:, None])[..., 0]
            # padding repeats a token that may be forbidden; it is masked in the loss but must stay finite
            chosen = torch.where(attention_mask[:, -logits_to_keep:].bool(), chosen, 0.0)
            entropy = -(logps.exp() * logps.masked_fill(forbidden, 0.0)).sum(-1)
            return chosen, entropy.detach(), None

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            # before trl's own, which ends with the file that makes a checkpoint whole
            path = folder / f"checkpoint-{self.state.global_step}" / f"stream-{process}.pt"
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save({**stream.state(), "shaping": shaping.state() if shaping else None}, path)
            super()._save_checkpoint(model, trial)

    def rollout(texts: list[str], trainer: Any) -> dict[str, list[Any]]:
        given = trainer.rollouts
        masks = {"env_mask": given.drawn} if recipe.interrupt else {}
        return {"prompt_ids": given.prompt_ids, "completion_ids": given.ids, "logprobs": given.logprobs, **masks}

    def reward(completions: Any, completion_ids: Any, prompt_index: Any, trainer_state: Any, **_: Any) -> list[float]:
        signals = np.asarray(rewards(completions, prompt_index, trainer_state.global_step), float)
        signals = signals.reshape(len(completions), -1)
        correct = signals[:, 0] > 0
        cost = overlong_cost(recipe, np.array([len(ids) for ids in completion_ids]), correct)
        trainer.scored = np.column_stack([signals, cost, correct])
        return (signals[:, 0] + cost).tolist()

    def rewarded(signals: np.ndarray) -> np.ndarray:
        return shaping.rewards(signals) if shaping else signals[0]

    class Callback(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step:
                path = folder / f"checkpoint-{state.global_step}" / f"stream-{process}.pt"
                state = torch.load(path, weights_only=True)
                stream.restore(state, trainer.accelerator.unwrap_model(trainer.model))
                if shaping:
                    shaping.restore(state["shaping"])

        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if trainer.empty:  # no gradient, and no step on those of before
                trainer.model.zero_grad(set_to_none=True)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if on_snapshot and snapshot_every and state.global_step % snapshot_every == 0:
                policy = trainer.accelerator.unwrap_model(trainer.model)
                state.log_history.append({"step": state.global_step, **on_snapshot(state.global_step, policy)})
            if state.global_step in keep_at:
                keep(trainer.accelerator.get_state_dict(trainer.model), state.global_step)

    def keep(weights: Any, step: int) -> None:
        from safetensors.torch import save_file

        if process == 0:  # beside the checkpoints, where they outlive a kill
            (folder / "policies").mkdir(parents=True, exist_ok=True)
            # a matrix that is shared has two names, and the format wants a copy for each
            whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
            save_file(whole, folder / "policies" / f"{step}.safetensors")

    process, processes = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    together = recipe.prompts * processes
    if len(prompts) < together:  # trl would train on none of them
        raise InputError("prompts", f"{len(prompts)} prompts, {together} in a step", "at least those of one step")
    model, tokenizer = load(str(base), train=True)
    size = model.get_output_embeddings().weight.shape[0]
    # vLLM knows no repeat mask
    once = once_mask(tokenizer, once_words, size) if once_words and not recipe.vllm else None
    curriculum = Curriculum(len(prompts), seed, recipe.retire_at)
    words = tokenizer(list(prompts))["input_ids"]
    stream = Stream(recipe, tokenizer, words, curriculum, once, process, processes)
    named = (prompts, ["", scored_by, str(sorted(keep_at)), ""], once_words)
    data = [text.encode() + b"\n" for texts in named for text in texts]
    folder = checkpoint_folder(output, {**recipe.model_dump(), "seed": seed}, data, model)
    with vllm_generation(recipe.vllm, base) as generation:
        arguments = GRPOConfig(
            output_dir=str(folder),
            max_steps=recipe.steps,
            per_device_train_batch_size=recipe.prompts * recipe.generations // recipe.accumulate,
            gradient_accumulation_steps=recipe.accumulate,
            num_generations=recipe.generations,
            learning_rate=recipe.lr,
            lr_scheduler_type="constant_with_warmup",
            warmup_steps=recipe.warmup,
            weight_decay=recipe.weight_decay,
            adam_epsilon=recipe.adam_epsilon,
            max_grad_norm=recipe.max_grad_norm,
            beta=recipe.beta,
            temperature=recipe.temperature,
            max_completion_length=recipe.max_new_tokens,
            vllm_importance_sampling_correction=False,  # the ratio of the loss is to what vLLM sampled from
            ignore_data_skip=True,  # prompts come from the curriculum
            save_strategy="steps" if recipe.checkpoint_every else "no",
            save_steps=recipe.checkpoint_every or 1,
            save_total_limit=1,
            logging_steps=1,
            seed=seed,
            ddp_find_unused_parameters=False,
            report_to=[],
            disable_tqdm=True,
            bf16=torch.cuda.is_available(),
            # autocast would not; trl cannot where embeddings are shared and not at `model.embed_tokens` (GPT-2)
            cast_lm_head_to_fp32=hasattr(model, "model") or not model.config.tie_word_embeddings,
            gradient_checkpointing=recipe.gradient_checkpointing,
            **generation,
        )
        trainer = Trainer(
            model=model,
            args=arguments,
            processing_class=tokenizer,
            train_dataset=Dataset.from_dict({"prompt": list(prompts)}),
            reward_funcs=cast(Any, reward),
            rollout_func=None if recipe.vllm else rollout,
            callbacks=[Callback()],
        )
        if 0 in keep_at:
            keep(model.state_dict(), 0)
        train_and_save(trainer, folder, output)
        if keep_at and process == 0:
            shutil.copytree(folder / "policies", output / "policies")
    return [
        {n: float(value) for n, value in record.items() if n in LOGGED or n.startswith(("validation", "shaping/"))}
        for record in trainer.state.log_history
        if "train_runtime" not in record
    ]


KEPT = ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask", "ref_per_token_logps")
"""What the loss takes of trl's batch."""
LOGGED = {
    *("step", "reward", "reward_std", "kl", "entropy", "loss", "grad_norm", "completions/mean_length"),
    *("kept", "solved", "retired", "skipped", "truncated", "interrupted", "drawn_tokens", "trained_tokens"),
    *("staleness/mean", "staleness/max", "ratio_gap"),
}
"""What the log keeps of an update."""
