"""RL with shaped rewards: the arms of the comparison, each with either scale of the advantages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_args

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.hero.answers import Checking, rule_labels, true_labels
from raw2fig.papers.hero.shaping import Arm, Scale, Shaper, Shaping
from raw2fig.rl.recipe import Recipe
from raw2fig.rl.update import Rewards
from raw2fig.settings import Field, Seed
from raw2fig.step import Input, Output, OutputFolder, step
from raw2fig.tables import read_table, write_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


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
    models: list[OutputFolder],
    logs: list[Output],
    recipe: Recipe,
    shaping: Shaping,
    checking: Checking,
    alpha: Annotated[float, Field(ge=0, lt=1)],
    replicate: Seed,
) -> None:
    """Train a policy with each of several shaped rewards, all from the same weights and with the same prompts.

    Parameters
    ----------
    base
        Model folder of the policy that RL starts from.
    reward_models
        Model folders of the reward models.
    reward_model_names
        Name of each reward model.
    problems
        Table of the problems to train on: prompt, answer.
    runs
        Arm, scale and reward model of each run, such as hero-none-0. Scales are none and group; `raw2fig hero shape
        --help` lists the arms.
    models
        Model folder of each run.
    logs
        Log of each run, with a record of every update.
    alpha
        Half-width of the band of wrong completions (Eq. 3), which the paper chooses by training set.
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
    parameters = shaping.parameters(alpha)
    scorers = {
        name: load_reward_model(str(folder))
        for name, folder in zip(reward_model_names, reward_models, strict=True)
        if any(plan.reward_model == name for plan in plans)
    }
    for plan, model, log in zip(plans, models, logs, strict=True):
        records = grpo(
            base,
            texts,
            signals_of(texts, answers, scorers[plan.reward_model], checking),
            recipe.model_copy(update={"scale": plan.scale}),
            model,
            replicate,
            scored_by=f"{plan.name} {parameters} {checking} {' '.join(answers)}",
            shaping=Shaper(plan.arm, parameters, others=("truth",)),
        )
        write_json({"run": plan.name, **plan._asdict(), "replicate": replicate, "updates": records}, log)
    for model in models:
        discard(model)


def signals_of(
    prompts: list[str],
    answers: list[str],
    scorer: tuple[PreTrainedModel, PreTrainedTokenizerBase],
    checking: Checking,
) -> Rewards:
    """Signals (completions, 3): the rule's label, the reward model's score of the raw text, and the truth, which is
    logged and rewards nothing."""
    from raw2fig.lm.reward_model import scores

    def signals(completions: list[str], indices: list[int], _: int) -> np.ndarray:
        gold = [answers[index] for index in indices]
        rule = rule_labels(checking.verifier, checking.reading, gold, completions)
        exact = (checking.verifier, checking.reading) == ("math_verify", "boxed")
        truth = rule if exact else true_labels(checking.reading, gold, completions)
        scored: Any = scores(*scorer, [prompts[index] for index in indices], completions)
        return np.column_stack([rule, scored, truth])

    return signals
