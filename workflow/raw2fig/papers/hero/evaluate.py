"""Policies on held-out problems: truth, the rule's labels and the reward model's scores."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.generate import Engine
from raw2fig.papers.hero.answers import Checking, rule_labels, true_labels
from raw2fig.settings import Field, Record, Seed
from raw2fig.stats import auroc
from raw2fig.step import Input, Output, progress, step
from raw2fig.tables import write_table
from raw2fig.tasks.problems import COLUMNS, read_problems


class Sampling(Record):
    """How completions are drawn in evaluations."""

    engine: Engine = Field(description="What draws completions.")
    samples: int = Field(ge=1, description="Completions of each problem.")
    temperature: float = Field(gt=0, description="Temperature of sampling.")
    top_p: float = Field(gt=0, le=1, description="Share of the probability that tokens are drawn from.")


@step
def evaluate(
    *,
    models: list[Input],
    names: list[str],
    reward_model: Input,
    problems: Input,
    scores: Output,
    sampling: Sampling,
    checking: Checking,
    max_new_tokens: Annotated[int, Field(ge=1)],
    split: str = "held_out",
    replicate: Seed,
) -> None:
    """Draw completions of held-out problems from every policy, with the same random numbers, and score them.

    Parameters
    ----------
    models
        Model folders.
    names
        Name of each model as REGIME/RUN, such as hard/hero-none-0; start/- is the policy before RL.
    reward_model
        Model folder of the reward model that scores all completions.
    problems
        Table of problems.
    split
        Split of the table: held_out for results, validation to choose hyper-parameters.
    max_new_tokens
        Longest completion, in tokens.
    scores
        A row per policy and problem: regime, run, replicate, prompt, form; the shares truth and rule of the
        completions; their mean score rm; rule_uniform, whether the rule gives all of them the same label; and the auroc
        of the scores for the truth, which is missing where the completions are all true or all false.
    """
    import pandas as pd

    from raw2fig.lm.reward_model import load_reward_model
    from raw2fig.lm.reward_model import scores as score

    if len(models) != len(names):
        raise InputError("names", f"{len(names)} for {len(models)} models", "one for each")
    frame = read_problems([problems], split, {**COLUMNS, "form": "string"})
    prompts = [prompt for prompt in frame["prompt"] for _ in range(sampling.samples)]
    answers = [answer for answer in frame["answer"] for _ in range(sampling.samples)]
    # one model at a time on a GPU: first all policies, then the reward model
    drawn = [
        completions(str(folder), frame["prompt"].tolist(), sampling, max_new_tokens, replicate)
        for folder in progress(models, "policies")
    ]
    scorer = load_reward_model(str(reward_model))
    parts = []
    for name, texts in zip(names, drawn, strict=True):
        regime, run = name.split("/")
        truth, rule, rm = (
            np.reshape(values, (len(frame), sampling.samples))
            for values in (
                true_labels(checking.reading, answers, texts),
                rule_labels(checking.verifier, checking.reading, answers, texts),
                score(*scorer, prompts, texts, batch=1024 if sampling.engine == "sampler" else 16),
            )
        )
        parts.append(
            frame[["prompt", "form"]].assign(
                regime=regime,
                run=run,
                replicate=replicate,
                truth=truth.mean(1),
                rule=rule.mean(1),
                rm=rm.mean(1),
                rule_uniform=rule.min(1) == rule.max(1),
                auroc=aurocs(truth == 1, rm),
            )
        )
    write_table(pd.concat(parts, ignore_index=True), scores)


def aurocs(truth: np.ndarray, rm: np.ndarray) -> np.ndarray:
    """AUROC of the scores for the truth in each group, (groups,), NaN in groups of one truth; (groups, samples)."""
    groups = zip(truth, rm, strict=True)
    return np.array([auroc(kinds, values) if len(set(kinds)) == 2 else np.nan for kinds, values in groups])


@step
def rollouts(
    *,
    model: Input,
    reward_model: Input,
    problems: Input,
    rollouts: Output,
    checking: Checking,
    samples: Annotated[int, Field(ge=1)],
    max_new_tokens: Annotated[int, Field(ge=1)],
    engine: Engine,
    replicate: Seed,
) -> None:
    """Draw completions of held-out problems from a policy, and score them with a reward model that was not trained
    here.

    Parameters
    ----------
    model
        Model folder of the policy.
    reward_model
        Model folder of the reward model.
    problems
        Table of problems; the split held_out is used.
    rollouts
        `samples` rows for each problem, adjacent: prompt, form, answer, completion, truth, rule, rm, replicate.
    samples
        Completions of each problem, as many as a group of RL has.
    max_new_tokens
        Longest completion, in tokens.
    engine
        What draws completions.
    """
    from raw2fig.lm.reward_model import load_reward_model, scores

    frame = read_problems([problems], "held_out", {**COLUMNS, "form": "string"})
    sampling = Sampling(engine=engine, samples=samples, temperature=1.0, top_p=1.0)
    texts = completions(str(model), frame["prompt"].tolist(), sampling, max_new_tokens, replicate)
    frame = frame.loc[frame.index.repeat(samples), ["prompt", "form", "answer"]].reset_index(drop=True)
    answers = frame["answer"].tolist()
    frame = frame.assign(completion=texts, truth=true_labels(checking.reading, answers, texts))
    frame["rule"] = rule_labels(checking.verifier, checking.reading, answers, texts)
    scorer = load_reward_model(str(reward_model))
    frame["rm"] = scores(*scorer, frame["prompt"].tolist(), texts, batch=16)
    frame["replicate"] = replicate
    write_table(frame, rollouts)


def completions(source: str, prompts: list[str], sampling: Sampling, max_new_tokens: int, seed: int) -> list[str]:
    """`sampling.samples` completions of each prompt, adjacent, with random numbers that depend on `seed` alone."""
    from raw2fig.lm.generate import draw_seeds, load_completer
    from raw2fig.lm.models import load
    from raw2fig.lm.sample import sample_texts

    if sampling.engine == "sampler" and sampling.top_p == 1:
        return sample_texts(*load(source), prompts, sampling.samples, max_new_tokens, seed, sampling.temperature)
    repeated = [prompt for prompt in prompts for _ in range(sampling.samples)]
    complete = load_completer(source, sampling.engine, (), sampling.temperature, sampling.top_p)
    return complete(repeated, max_new_tokens, draw_seeds(len(repeated), seed))
