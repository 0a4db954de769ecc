"""`GroupTrainer`: the subclass of trl's `GRPOTrainer` that `raw2fig.rl.trainer.grpo` runs.

Importing trl takes seconds, so this module is imported inside functions only. What it overrides, and why:

* `_prepare_inputs`: a batch of groups comes from our stream, and gets our advantages and weights while its groups are
  whole; trl shuffles completions into micro-batches before its loss sees them.
* `_compute_loss`: our losses, against the log-probabilities that the sampler stored. trl would compute them anew.
* `_get_per_token_logps_and_entropies`: the policy that is scored must be the policy that was sampled, so a repeat mask
  is applied to the logits here too. Without a mask the method is trl's own.
* `_save_checkpoint`: batches in flight and the curriculum are part of a checkpoint.

`rollout_func`, an argument, hands the stream's completions to trl. With vLLM or an environment trl draws completions
itself; with an environment these are messages, between which trl runs its tools.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from raw2fig.lm.sample import head_in
from raw2fig.rl import update
from raw2fig.rl.advantages import scaled_advantages
from raw2fig.rl.aggregation import completion_weights
from raw2fig.rl.environment import Environment, Played
from raw2fig.rl.filters import has_variance
from raw2fig.rl.losses import kl_penalty, log_ratio
from raw2fig.rl.recipe import Recipe
from raw2fig.rl.replay import Replay
from raw2fig.rl.stream import Rollouts, Stream
from raw2fig.rl.update import Rewards, Shaping

KEPT = ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask", "ref_per_token_logps")
"""What the loss takes of trl's batch."""
DRAWN = (*KEPT, "tool_mask", "sampling_per_token_logps")
"""What a batch that waits for its update keeps of trl's."""


@dataclass(frozen=True)
class Run:
    """A training, as one of its processes sees it: what it is told, and where its prompts and checkpoints are."""

    recipe: Recipe
    prompts: Sequence[str | list[dict[str, str]]]  # messages with an environment
    rewards: Rewards
    shaping: Shaping | None
    stream: Stream
    replay: Replay | None
    folder: Path  # of checkpoints
    once: torch.Tensor | None = None  # tokens that come once in a completion, bool (vocabulary)
    keep_at: Collection[int] = ()
    snapshot_every: int = 0
    on_snapshot: Callable[[int, PreTrainedModel], dict[str, float]] | None = None
    process: int = 0
    processes: int = 1
    environment: Environment | None = None

    @property
    def drawn_by_trl(self) -> bool:
        """Whether trl draws completions; otherwise the stream does."""
        return bool(self.recipe.vllm or self.environment)

    def stream_at(self, step: int) -> Path:
        """Where a checkpoint has the state of this process's stream."""
        return self.folder / f"checkpoint-{step}" / f"stream-{self.process}.pt"


class Batch(NamedTuple):
    """The completions of all processes, in the same order in each."""

    signals: np.ndarray  # (signals, groups, generations)
    costs: np.ndarray  # (groups, generations), of length
    passes: np.ndarray  # (groups, generations), 1 for right ones
    indices: np.ndarray  # (groups,), of the prompts
    lengths: np.ndarray  # (completions,), tokens that are trained on
    drawn: np.ndarray  # (completions,), tokens that were drawn


class GroupTrainer(GRPOTrainer):
    """trl's trainer for a `Run`. `arguments` are those of `raw2fig.rl.trl_settings`."""

    model: Any
    _buffered_inputs: Any

    def __init__(
        self, run: Run, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, arguments: dict[str, Any]
    ) -> None:
        self.run = run
        self.rollouts: Rollouts | None = None
        self.scored = np.zeros((0, 0))  # (completions, signals and cost and whether right) of this process
        self.empty = False  # whether the last batch had nothing to train on
        self.waiting: deque[Any] = deque()  # batches that trl drew ahead, as `_drawn` gives them
        super().__init__(
            model=model,
            args=GRPOConfig(**arguments),
            processing_class=tokenizer,
            train_dataset=Dataset.from_dict({"prompt": list(run.prompts)}),
            reward_funcs=cast(Any, self._reward),
            rollout_func=None if run.drawn_by_trl else _rollout,
            environment_factory=run.environment.make if run.environment else None,
            callbacks=[Steps(self)],
        )

    def keep(self, weights: Any, step: int) -> None:
        """Save the weights of a step beside the checkpoints, where they outlive a kill."""
        from safetensors.torch import save_file

        if self.run.process == 0:
            folder = self.run.folder / "policies"
            folder.mkdir(parents=True, exist_ok=True)
            # a matrix that is shared has two names, and the format wants a copy for each
            whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
            save_file(whole, folder / f"{step}.safetensors")

    def _reward(
        self,
        completions: Any,
        completion_ids: Any,
        prompt_index: Any,
        trainer_state: Any,
        environments: Any = None,
        **_: Any,
    ) -> list[float]:
        if environments:
            completions = [Played(*one) for one in zip(completions, environments, strict=True)]
        signals = np.asarray(self.run.rewards(completions, prompt_index, trainer_state.global_step), float)
        signals = signals.reshape(len(completions), -1)
        correct = signals[:, 0] > 0
        lengths = np.array([len(ids) for ids in completion_ids])
        cost = update.overlong_cost(self.run.recipe, lengths, correct)
        self.scored = np.column_stack([signals, cost, correct])
        return np.nan_to_num(signals[:, 0] + cost).tolist()

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        if not self.model.training:
            return super()._prepare_inputs(generation_batch)
        recipe = self.run.recipe
        place = self._step % recipe.accumulate
        if place == 0 or self._buffered_inputs is None:
            batch = self._next()
            rows = recipe.prompts * recipe.generations // recipe.accumulate
            starts = range(0, rows * recipe.accumulate, rows)
            ends = [*starts[1:], None]  # what is replayed comes with the last micro-batch
            self._buffered_inputs = [
                {name: tensor[start:end] for name, tensor in batch.items()}
                for start, end in zip(starts, ends, strict=True)
            ]
        return self._buffered_inputs[place]

    def _next(self) -> dict[str, torch.Tensor]:
        """The next update's completions with their advantages and weights; every tensor has a row for each."""
        recipe, step = self.run.recipe, self.state.global_step
        if not self.waiting:  # a stream draws ahead by itself
            self.waiting.extend(self._drawn(step) for _ in range(recipe.k if self.run.drawn_by_trl else 1))
        indices, batch, self.scored = self.waiting.popleft()
        drawn_mask = batch["completion_mask"] * batch.get("tool_mask", 1)
        ended = self._ended(batch["completion_ids"], batch["completion_mask"])
        mask = drawn_mask * ended[:, None] if recipe.overlong == "mask" else drawn_mask
        behaviour, fresh = self._behaviour(batch, step)
        advantages, weights = self._weighed(self._gathered(indices, mask.sum(1), drawn_mask.sum(1)))
        injected = "called" if self.run.stream.tools or self.run.environment else "interrupted"
        self._note(
            truncated=1 - self._mean(ended, torch.ones_like(ended)),
            **{injected: self._mean((drawn_mask < batch["completion_mask"]).any(1), torch.ones_like(ended))},
        )
        first = self.run.process * len(indices)
        mine = slice(first, first + len(indices))
        own = {
            **{name: batch[name] for name in KEPT if name in batch},
            "advantages": torch.from_numpy(advantages.ravel()[mine]).to(behaviour),
            "weights": torch.from_numpy(weights[mine] * self.run.processes).to(behaviour),
            "mask": mask,
            "behaviour": behaviour,
            "fresh": fresh,
        }
        if self.run.replay is None:
            return own
        return self.run.replay.extended(step, own, self.scored[:, -1] > 0, self.run.stream.tokenizer.pad_token_id)

    def _drawn(self, step: int) -> tuple[list[int], dict[str, torch.Tensor], np.ndarray]:
        """A batch that is drawn with the weights of now: the prompt of each completion, what trl makes of them, and
        what they are scored."""
        indices = self._draw(step)
        items: list[Any] = [{"prompt": self.run.prompts[index], "prompt_index": index} for index in indices]
        batch = super()._generate_and_score_completions(items)
        if "sampling_per_token_logps" not in batch:  # drawn by a model in evaluation mode, which tells none
            batch["sampling_per_token_logps"] = self._now(batch)
        return indices, {name: batch[name] for name in DRAWN if name in batch}, self.scored

    def _now(self, batch: Any) -> torch.Tensor:
        """Log-probabilities of the completions under the weights of now, (completions, tokens)."""
        recipe = self.run.recipe
        ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
        attended = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
        length, rows = batch["completion_ids"].shape[1], len(ids) // recipe.accumulate
        with torch.no_grad():
            return self._get_per_token_logps_and_entropies(self.model, ids, attended, length, batch_size=rows)[0]

    def _draw(self, step: int) -> list[int]:
        """Prompt of each completion of this process's next batch; `rollouts` holds the completions, unless trl draws
        them."""
        recipe, stream = self.run.recipe, self.run.stream
        if not self.run.drawn_by_trl:
            self.rollouts = stream.next(self.accelerator.unwrap_model(self.model), step)
            return self.rollouts.indices
        share = stream.curriculum.draw(recipe.prompts * self.run.processes)[self.run.process :: self.run.processes]
        return [index for index in share for _ in range(recipe.generations)]

    def _gathered(self, indices: list[int], lengths: torch.Tensor, drawn: torch.Tensor) -> Batch:
        """What concerns the whole batch is worked out on all processes' completions, in the same order everywhere."""
        own = torch.from_numpy(np.column_stack([self.scored, indices])).to(lengths.device)
        columns = torch.cat([own, torch.stack([lengths, drawn], 1).double()], 1)
        *signals, costs, passes, places, trained, all_drawn = self.accelerator.gather(columns).cpu().numpy().T
        generations = self.run.recipe.generations
        groups = costs.reshape(-1, generations)
        return Batch(
            np.reshape(signals, (len(signals), *groups.shape)),
            groups,
            passes.reshape(groups.shape),
            places[::generations].astype(int),
            trained,
            all_drawn,
        )

    def _weighed(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Advantages (groups, generations) and weights in the loss (completions,) of the completions of a batch. A
        group with a reward that is NaN is lost: nothing is learned from it."""
        recipe, shaping, curriculum = self.run.recipe, self.run.shaping, self.run.stream.curriculum
        rewards = batch.costs + (shaping.rewards(batch.signals) if shaping else batch.signals[0])
        lost = np.isnan(rewards).any(1)
        rewards = np.where(lost[:, None], 0.0, rewards)
        kept = has_variance(rewards) if recipe.drop_zero_variance else ~lost
        for index, rate in zip(batch.indices, batch.passes.mean(1), strict=True):
            curriculum.note(int(index), float(rate))
        advantages = scaled_advantages(rewards, recipe.scale, kept, recipe.ddof, recipe.epsilon)
        told = shaping.told(advantages) if shaping else {}
        weights = completion_weights(batch.lengths, recipe.generations, recipe.aggregation, kept, recipe.max_new_tokens)
        self.empty = not kept.any()
        self._note(
            kept=kept.mean(),
            solved=batch.passes.mean(),
            retired=len(curriculum.retired),
            skipped=self.empty,
            drawn_tokens=batch.drawn.sum(),
            trained_tokens=batch.lengths[np.repeat(kept, recipe.generations)].sum(),
            **{f"shaping/{name}": number for name, number in told.items()},
        )
        return advantages, weights

    def _ended(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Which completions end with an end of sequence, bool (completions,). Turns before the last one have it too."""
        ends = torch.isin(ids, torch.tensor(self.eos_token_ids, device=ids.device)) & mask.bool()
        return ends.gather(1, (mask.sum(1, keepdim=True) - 1).clamp(min=0).long())[:, 0]

    def _behaviour(self, batch: Any, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-probabilities under the policy that sampled each token, as the sampler stored them, and where the
        loss takes those of the policy that is trained now instead, so that the ratio is 1: for tokens that vLLM
        scored NaN, and for those of the current weights where all is float32. There the two differ by the order
        of sums alone; under autocast the difference is a real one."""
        behaviour = batch["sampling_per_token_logps"]
        if self.rollouts is None:
            return behaviour, behaviour.isnan()
        versions = torch.full(behaviour.shape, step, device=behaviour.device)
        for row, places in enumerate(self.rollouts.versions):
            versions[row, : len(places)] = torch.tensor(places)
        lag, mask = step - versions, batch["completion_mask"]
        longest = self.accelerator.gather((lag * mask).max()).max().item()
        self._note(**{"staleness/mean": self._mean(lag, mask), "staleness/max": longest})
        exact = self.run.recipe.head == "fp32" and self.accelerator.mixed_precision == "no"
        return behaviour, (versions == step) & exact

    def _mean(self, values: torch.Tensor, mask: torch.Tensor) -> float:
        """Mean over the places of `mask` in all processes."""
        totals = torch.stack([(values * mask).sum().float(), mask.sum().float()])
        total, places = self.accelerator.reduce(totals, reduction="sum").tolist()
        return total / max(1.0, places)

    def _note(self, **numbers: float) -> None:
        for name, number in numbers.items():
            self._metrics["train"][name].append(float(number))

    def _compute_loss(self, model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        recipe = self.run.recipe
        ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
        attended = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
        mask, length = inputs["mask"], inputs["completion_ids"].shape[1]
        logps, entropies, *_ = self._get_per_token_logps_and_entropies(
            model, ids, attended, length, compute_entropy=True
        )
        stored, now = inputs["behaviour"], logps.detach()
        behaviour = torch.where(inputs["fresh"], now, stored)
        losses, _ = update.token_losses(recipe, logps, behaviour, inputs["advantages"], mask)
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
        once = self.run.once
        if once is None:
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, *args, **kwargs
            )
        with head_in(self.accelerator.unwrap_model(model), torch.float32):
            logits = model(input_ids=input_ids, attention_mask=attention_mask).logits
        logits = logits[:, -logits_to_keep - 1 : -1]
        forbidden = update.repeat_mask(input_ids, input_ids.shape[1] - logits_to_keep, once.to(logits.device))
        logits = (logits.float() / self.temperature).masked_fill(forbidden, float("-inf"))
        logps = torch.log_softmax(logits, dim=-1)
        chosen = logps.gather(2, input_ids[:, -logits_to_keep:, None])[..., 0]
        # padding repeats a token that may be forbidden; it is masked in the loss but must stay finite
        chosen = torch.where(attention_mask[:, -logits_to_keep:].bool(), chosen, 0.0)
        entropy = -(logps.exp() * logps.masked_fill(forbidden, 0.0)).sum(-1)
        return chosen, entropy.detach(), None

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        # before trl's own, which ends with the file that makes a checkpoint whole
        path, shaping = self.run.stream_at(self.state.global_step), self.run.shaping
        path.parent.mkdir(parents=True, exist_ok=True)
        replay = self.run.replay
        waiting = [(indices, batch, torch.from_numpy(scored)) for indices, batch, scored in self.waiting]
        mine = {
            "shaping": shaping.state() if shaping else None,
            "replay": replay.state() if replay else None,
            "waiting": waiting,
        }
        torch.save({**self.run.stream.state(), **mine}, path)
        super()._save_checkpoint(model, trial)


def _rollout(texts: list[str], trainer: Any) -> dict[str, list[Any]]:
    """What trl gets instead of completions of its own: those of the stream."""
    given = trainer.rollouts
    run = trainer.run
    masks = {"env_mask": given.drawn} if run.recipe.interrupt or run.stream.tools else {}
    return {"prompt_ids": given.prompt_ids, "completion_ids": given.ids, "logprobs": given.logprobs, **masks}


class Steps(TrainerCallback):
    """What happens between the updates of a trainer."""

    def __init__(self, trainer: GroupTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Go on with the stream of the checkpoint that the run is resumed from."""
        run = self.trainer.run
        if state.global_step:
            saved = torch.load(run.stream_at(state.global_step), weights_only=True)
            run.stream.restore(saved, self._policy())
            self.trainer.waiting.extend((indices, batch, scored.numpy()) for indices, batch, scored in saved["waiting"])
            if run.shaping:
                run.shaping.restore(saved["shaping"])
            if run.replay:
                run.replay.restore(saved["replay"])

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.trainer.empty:  # no gradient, and no step on those of before
            self.trainer.model.zero_grad(set_to_none=True)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        run, step = self.trainer.run, state.global_step
        if run.on_snapshot and run.snapshot_every and step % run.snapshot_every == 0:
            state.log_history.append({"step": step, **run.on_snapshot(step, self._policy())})
        if step in run.keep_at:
            self.trainer.keep(self.trainer.accelerator.get_state_dict(self.trainer.model), step)

    def _policy(self) -> Any:
        return self.trainer.accelerator.unwrap_model(self.trainer.model)
