"""Policies on held-out problems: truth, the rule's labels and the reward model's scores."""

from __future__ import annotations

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.generate import Engine
from raw2fig.papers.hero.answers import Reading, rule_labels, true_labels
from raw2fig.stats import auroc
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
    temperature: float = 1.0,
    top_p: float = 1.0,
    engine: Engine = "sampler",
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
        REGIME/RUN/SEED of each, such as hard/hero-none-0/1; start/-/1 is the policy before RL of seed 1.
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
        the mean score; rule_uniform, whether the rule gives all of them one label; auroc, of the scores for the truth,
        missing where the completions are all true or all false.
    """
    import pandas as pd

    from raw2fig.lm.reward_model import load_reward_model
    from raw2fig.lm.reward_model import scores as score

    if len(models) != len(names):
        raise InputError("names", f"{len(names)} for {len(models)} models", "one for each")
    frame = read_problems([problems], split, {**COLUMNS, "form": "string"})
    prompts = [prompt for prompt in frame["prompt"] for _ in range(samples)]
    answers = [answer for answer in frame["answer"] for _ in range(samples)]
    # one model at a time on a GPU: first all policies, then the reward model
    drawn = [
        completions(str(folder), frame["prompt"].tolist(), samples, max_new_tokens, temperature, top_p, engine, seed)
        for folder in progress(models, "policies")
    ]
    judge = load_reward_model(str(reward_model))
    parts = []
    for name, texts in zip(names, drawn, strict=True):
        regime, run, number = name.split("/")
        truth, rule, rm = (
            np.reshape(values, (len(frame), samples))
            for values in (
                true_labels(reading, answers, texts),
                rule_labels(verifier, reading, answers, texts),
                score(*judge, prompts, texts, batch=1024 if engine == "sampler" else 16),
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
    samples: int = 8,
    max_new_tokens: int = 8192,
    engine: Engine = "vllm",
    verifier: str = "math_verify",
    reading: Reading = "boxed",
    seed: int = 0,
) -> None:
    """Completions of a policy on held-out problems with the scores of a reward model that was not trained here.

    Parameters
    ----------
    model
        Model folder of the policy.
    reward_model
        Model folder.
    problems
        Table of problems; the split held_out is used.
    rollouts
        `samples` rows for each problem, adjacent: prompt, form, answer, completion, truth, rule, rm, seed.
    """
    from raw2fig.lm.reward_model import load_reward_model, scores

    frame = read_problems([problems], "held_out", {**COLUMNS, "form": "string"})
    texts = completions(str(model), frame["prompt"].tolist(), samples, max_new_tokens, 1.0, 1.0, engine, seed)
    frame = frame.loc[frame.index.repeat(samples), ["prompt", "form", "answer"]].reset_index(drop=True)
    answers = frame["answer"].tolist()
    frame = frame.assign(completion=texts, truth=true_labels(reading, answers, texts))
    frame["rule"] = rule_labels(verifier, reading, answers, texts)
    judge = load_reward_model(str(reward_model))
    frame["rm"] = scores(*judge, frame["prompt"].tolist(), texts, batch=16)
    frame["seed"] = seed
    write_table(frame, rollouts)


def completions(
    source: str,
    prompts: list[str],
    samples: int,
    max_new_tokens: int,
    temperature: float,
    top_p: float,
    engine: Engine,
    seed: int,
) -> list[str]:
    """`samples` completions of each prompt, adjacent, with random numbers that depend on `seed` alone."""
    from raw2fig.lm.generate import draw_seeds, load_completer
    from raw2fig.lm.models import load
    from raw2fig.lm.sample import sample_texts

    if engine == "sampler" and top_p == 1:
        return sample_texts(*load(source), prompts, samples, max_new_tokens, seed, temperature)
    repeated = [prompt for prompt in prompts for _ in range(samples)]
    complete = load_completer(source, engine, (), temperature, top_p)
    return complete(repeated, max_new_tokens, draw_seeds(len(repeated), seed))
