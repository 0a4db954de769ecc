"""What the published numbers say about each claim (config/published/dr_llm.yaml)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import sqrt
from typing import TYPE_CHECKING

from raw2fig.papers.dr_llm.accounting import router_weights
from raw2fig.papers.dr_llm.losses import class_weights
from raw2fig.papers.dr_llm.own_claims import ablation_measurements, mini_measurements, real_measurements
from raw2fig.papers.dr_llm.paths import ACTIONS
from raw2fig.papers.dr_llm.published import (
    MODELS,
    SETS,
    by_level,
    changes_out_of_domain,
    gains,
    outcomes,
    printed_change,
    read_data,
    read_in_domain,
    read_independent,
    read_methods,
    read_out_of_domain,
    read_throughput,
    saving,
    total_change,
    total_of,
)
from raw2fig.papers.dr_llm.runs import read_ablations, read_luck, read_measured, read_runs, read_timed
from raw2fig.published import number_in, read_numbers
from raw2fig.stats import SEED, Estimate, Z, difference, fact
from raw2fig.step import Input, claims
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

SAMPLED = 700
"""Questions of Table 3, inferred: 100 of each subset, from the steps of its accuracies and the code's default."""
RERUN = "Llama-3.2-3B-Instruct"
"""The model of Table 3 that others ran again."""


@claims
def measurements(
    *,
    in_domain: Input,
    out_of_domain: Input,
    methods: Input,
    independent: Input,
    throughput: Input,
    data: Input,
    numbers: Input,
    runs: Input | None = None,
    luck: Input | None = None,
    ablations: Input | None = None,
    pretrained: Input | None = None,
    pretrained_luck: Input | None = None,
    pretrained_throughput: Input | None = None,
    pretrained_harness: Input | None = None,
) -> Mapping[str, Measurement]:
    """Decide every claim by its criterion.

    Parameters
    ----------
    in_domain
        Published accuracies and layers on ARC and DART.
    out_of_domain
        Published scores on eight other benchmarks.
    methods
        Published scores of earlier methods.
    independent
        Scores that others published of their own runs.
    throughput
        Published tokens per second by batch size.
    data
        Published sizes of the data.
    numbers
        Other published numbers.
    runs, luck
        Evaluations and searches of the miniature, if it was run.
    ablations
        Its routers with other settings, if there are any.
    pretrained, pretrained_luck
        Those of pretrained models.
    pretrained_throughput, pretrained_harness
        Their speed, and other benchmarks.
    """
    inside, outside, methods_ = read_in_domain(in_domain), read_out_of_domain(out_of_domain), read_methods(methods)
    again, speed, sizes = read_independent(independent), gains(read_throughput(throughput)), read_data(data)
    single = read_numbers(numbers)
    changes = changes_out_of_domain(outside)
    savings = {model: saving(inside, model) for model in MODELS}
    faster = 100 * (1 - single["seconds for 1000 tokens, router"] / single["seconds for 1000 tokens, base"])
    return {
        "C1": lambda: {
            "accuracy": mean_of(total_change(inside, model, "accuracy") for model in MODELS),
            "layers": mean_of(-total_change(inside, model, "layers") for model in MODELS),
        },
        "C1b": lambda: {
            "mean of six models": mean_of(savings.values()),
            "largest": fact(max(savings.values()), len(MODELS)),
        },
        "C1c": lambda: fact(doubled(inside), len(MODELS)),
        "C1d": lambda: fact(misprints(inside), 2 * len(MODELS)),
        "C1e": lambda: fact(max(gain_over_noise(inside, model) for model in MODELS), len(MODELS)),
        "C2": lambda: fact(largest_gain(inside, "Instruct"), 2 * 4),
        "C3": lambda: fact(float(changes.mean(axis=1).mean()), changes.size),
        "C3b": lambda: {
            "six benchmarks": fact(float(changes.drop(columns=["GSM8k", "AIME24"]).to_numpy().mean()), 24),
            "largest drop": fact(float(changes.to_numpy().min()), changes.size),
        },
        "C4": lambda: fact(average(methods_, "Dr.LLM") - average(methods_, "FlexiDepth"), 2),
        "C4b": lambda: like_for_like(methods_, outside, changes),
        "C5": lambda: {
            "time saved": fact(faster, 2),
            "share of routers": fact(100 * single["seconds of routers"] / single["seconds for 1000 tokens, router"], 2),
        },
        "C5b": lambda: fact(faster / max(savings.values()), 2 + len(MODELS)),
        "C6": lambda: fact(float(speed.mean()), len(speed)),
        "C6b": lambda: {
            "one sequence": fact(float(speed.loc[1]), 2),
            "16 sequences and more": fact(float(speed.loc[16:].mean()), 8),
        },
        "C8": lambda: paths_of_a_question(sizes),
        "C9": lambda: fact(sum(count(sizes, "sampled")), 7),
        "C9b": lambda: {
            "questions": fact(sum(labels(single)) / single["layers of LLaMA-3B"], 3),
            "layers saved": fact(saved_by_labels(single), 3),
        },
        "C10": lambda: balance(single),
        "C10b": lambda: {
            action: fact(single[f"percent of labels that {action}"] / share_of(single, action), 2)
            for action in ("skip", "repeat")
        },
        "C10c": lambda: {
            "text over figures": fact(single["macro-F1, text"] - single["macro-F1, Fig. 9, 32 windows"], 2),
            "Fig. 9 over Fig. 8": fact(single["macro-F1, Fig. 9, one window"] - single["macro-F1, Fig. 8, largest"], 2),
        },
        "C11": lambda: {name: fact(weights_of(single, name) / 1e6, 3) for name in ("LLaMA-3B", "LLaMA-8B")},
        "C11b": lambda: {
            name: fact(100 * weights_of(single, name) / single[f"weights of {name}"], 4)
            for name in ("LLaMA-3B", "LLaMA-8B")
        },
        "C12": lambda: {
            name: fact(single[f"{name}, previous layer"] - single[f"{name}, first layer"], 2) for name in SETS
        },
        "C13": lambda: {"smallest": fact(min(agreements(single)), 6), "largest": fact(max(agreements(single)), 6)},
        "C13b": lambda: {
            model: fact(edited_at_least(single, model) / (1 - share_of(single, "execute") / 100), 4)
            for model in ("LLaMA-3B-Instruct", "Qwen-7B-Instruct")
        },
        "C14": lambda: rerun(again),
        "C14b": lambda: rerun(again),
        **mini_measurements(read_runs(runs) if runs else None, read_luck(luck) if luck else None),
        **ablation_measurements(read_ablations(ablations) if ablations else None),
        **real_measurements(
            read_runs(pretrained) if pretrained else None,
            read_luck(pretrained_luck) if pretrained_luck else None,
            read_timed(pretrained_throughput) if pretrained_throughput else None,
            read_measured(pretrained_harness) if pretrained_harness else None,
        ),
    }


def mean_of(values: Iterable[float]) -> Estimate:
    """Mean of published numbers."""
    found = list(values)
    return fact(sum(found) / len(found), len(found))


def doubled(inside: pd.DataFrame) -> int:
    """Models whose printed total of layers is twice the mean over the seven subsets."""
    ratios = [
        number_in(inside, model=model, subset="Total", metric="layers", arm="base")
        / total_of(inside, model, "layers", "base")
        for model in MODELS
    ]
    return sum(abs(ratio - 2) < 0.01 for ratio in ratios)


def misprints(inside: pd.DataFrame) -> int:
    """Printed totals of accuracy that are more than 0.1 off the mean over the seven subsets."""
    return sum(
        abs(
            number_in(inside, model=model, subset="Total", metric="accuracy", arm=arm)
            - total_of(inside, model, "accuracy", arm)
        )
        > 0.1
        for model in MODELS
        for arm in ("base", "router")
    )


def gain_over_noise(inside: pd.DataFrame, model: str) -> float:
    """A model's gain of accuracy over what two accuracies on `SAMPLED` questions each may differ by without one."""
    before, after = (total_of(inside, model, "accuracy", arm) / 100 for arm in ("base", "router"))
    error = sqrt((before * (1 - before) + after * (1 - after)) / SAMPLED)
    return (after - before) / (Z * error)


def largest_gain(inside: pd.DataFrame, kind: str) -> float:
    """The largest gain of accuracy on a set, of models whose name ends so."""
    return max(
        printed_change(inside, model, subset, "accuracy") for model in MODELS if model.endswith(kind) for subset in SETS
    )


def average(methods: pd.DataFrame, method: str) -> float:
    """Mean over the four benchmarks of Table 5, as printed."""
    return number_in(methods, method=method, benchmark="Average")


def like_for_like(methods: pd.DataFrame, outside: pd.DataFrame, changes: pd.DataFrame) -> dict[str, Estimate]:
    """On the two benchmarks of Table 5 that Table 4 has too: how far Dr.LLM's scores there are from those of another
    base model, and what routing gains that model."""
    model, both = "LLaMA-8B-Instruct", ["GSM8k", "MMLU"]
    apart = [
        abs(
            number_in(methods, method="Dr.LLM", benchmark=name)
            - number_in(outside, model=model, benchmark=name, arm="router")
        )
        for name in both
    ]
    return {"apart": fact(max(apart), 4), "gain of routing": fact(float(changes.loc[model, both].mean()), 4)}


def count(sizes: pd.DataFrame, name: str) -> list[float]:
    """A column of Table 2, but for its last row."""
    rows = rows_where(sizes, count=name)
    return rows[rows["subset"] != "Total"]["value"].tolist()


def paths_of_a_question(sizes: pd.DataFrame) -> dict[str, Estimate]:
    """Inferences for each of what Table 2 calls visited: the smallest and the largest of its rows."""
    ratios = [a / b for a, b in zip(count(sizes, "inferences"), count(sizes, "visited"), strict=True)]
    return {"smallest": fact(min(ratios), 14), "largest": fact(max(ratios), 14)}


def labels(single: Mapping[str, float]) -> list[int]:
    """Numbers of labels that skip, execute and repeat."""
    return [int(single[f"labels {action}"]) for action in ACTIONS]


def share_of(single: Mapping[str, float], action: str) -> float:
    """Labels with an action, in percent of all."""
    return 100 * single[f"labels {action}"] / sum(labels(single))


def saved_by_labels(single: Mapping[str, float]) -> float:
    """Layers that labels save of a question."""
    skip, _, repeat = labels(single)
    return (skip - repeat) / (sum(labels(single)) / single["layers of LLaMA-3B"])


def balance(single: Mapping[str, float]) -> dict[str, Estimate]:
    """Largest over smallest, of the weights of the classes and of their counts."""
    found = class_weights(labels(single), single["beta of the class weights"])
    return {
        "weights": fact(max(found) / min(found), 4),
        "counts": fact(max(labels(single)) / min(labels(single)), 3),
    }


def weights_of(single: Mapping[str, float], model: str) -> int:
    """Weights of a model's routers."""
    layers, width = (int(single[f"{name} of {model}"]) for name in ("layers", "width"))
    return router_weights(layers, width, int(single["width of a router"]))


def agreements(single: Mapping[str, float]) -> list[float]:
    """Agreement of routes in percent, of six models."""
    return [single[f"agreement of routes, {model}"] for model in MODELS]


def edited_at_least(single: Mapping[str, float], model: str) -> float:
    """Share of a model's decisions that must skip or repeat, for its routes to agree no more than they do.

    Two routes agree at a layer with probability sum p_a^2 over its actions a, which is at least p_execute^2. The mean
    over layers of p_execute^2 is at least the square of its mean, which is therefore at most the root of the agreement.
    """
    return 1 - sqrt(single[f"agreement of routes, {model}"] / 100)


def rerun(again: pd.DataFrame) -> Estimate:
    """Points that routing gained on DART when others ran it, over five levels. The pairs of answers are not published:
    the interval is that of two independent samples."""
    items = int(rows_where(again, model=RERUN)["items"].iloc[0])
    base, routed = (outcomes(by_level(again, RERUN, method), items) for method in ("base", "Dr.LLM"))
    return difference(100 * base, 100 * routed, SEED)
