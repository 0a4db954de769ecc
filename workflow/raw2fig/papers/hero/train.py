"""RL with shaped rewards: the arms of the comparison, each with either scale of the advantages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.hero.answers import Reading, rule_labels, true_labels
from raw2fig.rl.recipe import Recipe
from raw2fig.rl.shaping import (
    Arm,
    Failed,
    Hyperparameters,
    Parameters,
    RunningRule,
    Scale,
    Shaper,
    Sigma,
    weighted,
)
from raw2fig.rl.update import Rewards
from raw2fig.rl.vllm_server import Vllm
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, write_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

EPSILON = 1e-6
"""Added to a standard deviation, as in verl; trl's 1e-4 is not small beside that of a band, about 0.03."""


class Run(NamedTuple):
    """`hero-none-0`: arm, scale of the advantages, reward model."""

    arm: Arm
    scale: Scale
    reward_model: str

    @property
    def name(self) -> str:
        return "-".join(self)


def parse_run(text: str) -> Run:
    """Raises `InputError` for another form, or an arm or scale that there is not."""
    parts = text.split("-", 2)
    for name, part, choices in zip(("arm", "scale"), parts, (Arm, Scale), strict=False):
        if part not in get_args(choices):
            raise InputError("runs", f"{text!r}: {name} {part!r}", f"one of {', '.join(get_args(choices))}")
    if len(parts) != 3 or not parts[2]:
        raise InputError("runs", repr(text), "arm-scale-reward model, such as hero-none-0")
    return Run(*parts)  # type: ignore[arg-type]


@step
def train(
    *,
    base: Input,
    reward_models: list[Input],
    reward_model_names: list[str],
    problems: Input,
    runs: list[str],
    models: list[Output],
    logs: list[Output],
    updates: int = 25,
    lr: float = 3e-4,
    warmup: int = 5,
    prompts: int = 12,
    generations: int = 8,
    accumulate: int = 1,
    max_new_tokens: int = 5,
    eps_low: float = 0.2,
    eps_high: float = 0.28,
    beta_kl: float = 0.0,
    alpha: float = 0.1,
    hyperparameters: Hyperparameters = "appendix",
    mixing: float = 0.5,
    beta: float | None = None,
    singleton_z: float = 0.0,
    sigma: Sigma = "raw",
    ddof: Literal[0, 1] = 0,
    running: RunningRule = "ema",
    decay: float = 0.9,
    failed: Failed = "verifier_only",
    verifier: str = "string",
    reading: Reading = "digits",
    checkpoint_every: int = 100,
    gradient_checkpointing: bool = False,
    vllm: Vllm | None = None,
    seed: int = 0,
) -> None:
    """Train a policy with each of several shaped rewards, all from the same weights and with the same prompts.

    Parameters
    ----------
    base
        Model folder of the policy that RL starts from.
    reward_models
        Model folders of reward models.
    reward_model_names
        Their names.
    problems
        Problems that are trained on: prompt, answer.
    runs
        Arm, scale and reward model of each run, such as hero-none-0; raw2fig.rl.shaping has the arms.
    models
        Model folders, one for each run.
    logs
        A record of every update, one for each run.
    warmup
        Updates until the learning rate is reached.
    prompts
        Groups of an update, per process.
    generations
        Completions of a group.
    eps_low
        The ratio is clipped below 1 less this.
    eps_high
        The ratio is clipped above 1 plus this.
    beta_kl
        Weight of the KL penalty.
    alpha
        Half-width of the band of wrong completions.
    hyperparameters
        The paper's values of w_min, w_max and k, of its appendix or its main text.
    mixing
        Share of the label in the arm naive.
    beta
        Half-width of the band of correct completions; without it that of the other.
    singleton_z
        Place in its band, 0 to 1, of a completion alone with its label or tied with all others of it.
    sigma
        sigma_u is the standard deviation of a group's raw scores, or of their places in the bands.
    ddof
        Of that standard deviation.
    running
        The running mean of sigma_u: exponential, or the mean of all updates so far.
    decay
        Share that the exponential mean keeps at each update.
    failed
        What a group gets of whose scores one is missing: the verifier's labels, or no gradient (masked).
    verifier
        The rule, one of raw2fig.papers.hero.verifiers.
    reading
        digits or boxed: how completions give their answer.
    checkpoint_every
        Updates between checkpoints; a killed job resumes from the last one.
    vllm
        Generate by vLLM in the training's processes (colocate), or by a server on GPUs that these leave (server).
    """
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.reward_model import load_reward_model
    from raw2fig.rl.trainer import grpo

    if not len(runs) == len(models) == len(logs) or len(reward_models) != len(reward_model_names):
        raise InputError("runs", f"{len(runs)} for {len(models)} models, {len(logs)} logs", "as many of each")
    plans = [parse_run(text) for text in runs]
    for plan in plans:
        if plan.reward_model not in reward_model_names:
            raise InputError("runs", f"reward model {plan.reward_model!r}", f"one of {', '.join(reward_model_names)}")
    frame = read_table(problems, {"prompt": "string", "answer": "string"})
    texts, answers = frame["prompt"].tolist(), frame["answer"].tolist()
    plain = Parameters(
        alpha=alpha,
        beta=alpha if beta is None else beta,
        singleton_z=singleton_z,
        mixing=mixing,
        sigma=sigma,
        ddof=ddof,
        running=running,
        decay=decay,
        failed=failed,
    )
    parameters = weighted(plain, hyperparameters)
    judges = {
        name: load_reward_model(str(folder))
        for name, folder in zip(reward_model_names, reward_models, strict=True)
        if any(plan.reward_model == name for plan in plans)
    }
    for plan, model, log in zip(plans, models, logs, strict=True):
        recipe = Recipe(
            steps=updates,
            prompts=prompts,
            generations=generations,
            lr=lr,
            warmup=warmup,
            eps_low=eps_low,
            eps_high=eps_high,
            aggregation="token",
            scale=plan.scale,
            epsilon=EPSILON,
            beta=beta_kl,
            max_new_tokens=max_new_tokens,
            accumulate=accumulate,
            checkpoint_every=checkpoint_every,
            gradient_checkpointing=gradient_checkpointing,
            vllm=vllm,
            seed=seed,
        )
        records = grpo(
            base,
            texts,
            signals_of(texts, answers, judges[plan.reward_model], verifier, reading),
            recipe,
            model,
            scored_by=f"{plan.name} {parameters} {verifier} {reading} {' '.join(answers)}",
            shaping=Shaper(plan.arm, parameters, others=("truth",)),
        )
        write_json({"run": plan.name, **plan._asdict(), "seed": seed, "updates": records}, log)
    for model in models:
        discard(model)


def signals_of(
    prompts: list[str],
    answers: list[str],
    judge: tuple[PreTrainedModel, PreTrainedTokenizerBase],
    verifier: str,
    reading: Reading,
) -> Rewards:
    """Signals (completions, 3): the rule's label, the reward model's score of the raw text, and the truth, which is
    logged and rewards nothing."""
    from raw2fig.lm.reward_model import scores

    def signals(completions: list[str], indices: list[int], _: int) -> np.ndarray:
        gold = [answers[index] for index in indices]
        rule = rule_labels(verifier, reading, gold, completions)
        truth = rule if (verifier, reading) == ("math_verify", "boxed") else true_labels(reading, gold, completions)
        scored: Any = scores(*judge, [prompts[index] for index in indices], completions)
        return np.column_stack([rule, scored, truth])

    return signals
