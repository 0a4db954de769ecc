"""Policies on held-out problems: truth, the rule's labels and the reward model's scores."""

from __future__ import annotations

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.hero.answers import Reading, rule_labels, true_labels
from raw2fig.step import Input, Output, progress, step
from raw2fig.tables import write_table
from raw2fig.tasks.problems import COLUMNS, read_problems


@step
def evaluate(
    *,
    models: list[Input],
    names: list[str],
    reward_model: Input,
    problems: Input,
    split: str = "held_out",
    samples: int = 4,
    max_new_tokens: int = 5,
    verifier: str = "string",
    reading: Reading = "digits",
    scores: Output,
    seed: int = 0,
) -> None:
    """Draw completions of held-out problems from every policy, with the same random numbers, and score them.

    Parameters
    ----------
    models
        Model folders.
    names
        REGIME/RUN/SEED of each, such as hard/hero-none-0/1; start/-/0 is the policy before RL.
    reward_model
        Model folder of the reward model that scores all of them.
    problems
        Table of problems.
    split
        held_out for what is reported; validation for choosing hyper-parameters.
    samples
        Completions of each problem.
    scores
        A row per policy and problem: regime, run, seed, prompt, form, and shares over the completions: truth, rule; rm,
        the mean score; rule_uniform, whether the rule gives all of them one label.
    """
    import pandas as pd

    from raw2fig.lm.models import load
    from raw2fig.lm.reward_model import load_reward_model
    from raw2fig.lm.reward_model import scores as score
    from raw2fig.lm.sample import sample_texts

    if len(models) != len(names):
        raise InputError("names", f"{len(names)} for {len(models)} models", "one for each")
    frame = read_problems(problems, split, {**COLUMNS, "form": "string"})
    prompts = [prompt for prompt in frame["prompt"] for _ in range(samples)]
    answers = [answer for answer in frame["answer"] for _ in range(samples)]
    judge = load_reward_model(str(reward_model))
    parts = []
    for folder, name in progress(list(zip(models, names, strict=True)), "policies"):
        regime, run, number = name.split("/")
        policy, words = load(str(folder))
        texts = sample_texts(policy, words, frame["prompt"].tolist(), samples, max_new_tokens, seed)
        truth, rule, rm = (
            np.reshape(values, (len(frame), samples))
            for values in (
                true_labels(reading, answers, texts),
                rule_labels(verifier, reading, answers, texts),
                score(*judge, prompts, texts, batch=1024),
            )
        )
        parts.append(
            frame[["prompt", "form"]].assign(
                regime=regime,
                run=run,
                seed=int(number),
                truth=truth.mean(1),
                rule=rule.mean(1),
                rm=rm.mean(1),
                rule_uniform=rule.min(1) == rule.max(1),
            )
        )
    write_table(pd.concat(parts, ignore_index=True), scores)
