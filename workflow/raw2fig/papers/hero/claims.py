"""What this run says about each of the paper's claims (config/published/hero.yaml)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.claims import Absent, NotConfigured, Undecided
from raw2fig.lm.warm_start import missed_starts, without
from raw2fig.papers.hero.results import (
    DRAWN,
    VERDICTS,
    change,
    means,
    over_updates,
    ranking,
    rate,
    read_logs,
    read_scores,
    select,
    start_of,
)
from raw2fig.papers.hero.widths import of_published_width
from raw2fig.stats import Estimate, over_replicates
from raw2fig.step import Input, claims
from raw2fig.tables import read_table, read_tables, rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

WHATEVER_THE_START = ("H1", "H1b", "H1c", "H9")
"""Claims on verifiers and on an identity. All others rest on policies that RL could still improve, and leave out the
replicates whose cold start fell short of its target."""
CHANGES = {
    **dict.fromkeys(("knob", "scale"), "string"),
    **dict.fromkeys(("largest", "mean"), "number"),
    "replicate": "integer",
}


@claims
def measurements(
    *,
    scores: list[Input],
    logs: list[Input],
    rollouts: list[Input],
    inertness: list[Input],
    miniature: list[Input],
    benchmark: Input | None = None,
    starts: list[Input] | None = None,
    widths: list[Input] | None = None,
    reward_model: str,
) -> Mapping[str, Measurement]:
    """Measure what every claim is about, and decide it by its criterion.

    Parameters
    ----------
    scores
        Held-out scores of all policies.
    logs
        Logs of all runs.
    rollouts
        Completions of each replicate's policy before RL, with their truth and their scores.
    inertness
        Changes of the advantages, as `raw2fig hero inertness` writes them.
    miniature
        Verdicts of verifiers on each replicate's answers, as `raw2fig hero verifier-study-rollouts` writes them.
    benchmark
        Table of verifiers on HardVerify-Math, if a source of it is configured.
    starts
        Logs of the cold starts, if the policies are trained here.
    widths
        Held-out scores of HERO with other widths of the band, if it is trained with some.
    reward_model
        Name of the reward model of the comparison.
    """
    missed = missed_starts(starts or [])
    held_out, updates = without(missed, read_scores(scores)), without(missed, read_logs(logs))

    def less(arm: str, other: str, scale: str = "none", **where: tuple[str, ...]) -> Estimate:
        before, after = (select(held_out, f"{name}-{scale}-{reward_model}", **where) for name in (other, arm))
        return change(before, after)

    def since_start(run: str, column: str, **where: tuple[str, ...]) -> Estimate:
        start = start_of(held_out, where.get("forms", ()))
        return change(start, select(held_out, f"{run}-{reward_model}", **where), column)

    def gradient(run: str, column: str) -> Estimate:
        return over_updates(rows_where(updates, run=f"{run}-{reward_model}", regime="hard"), column)

    def said() -> pd.DataFrame:
        return read_tables(miniature, VERDICTS)

    def on_benchmark(verifier: str, *names: str) -> Measurement:
        if benchmark is None:
            return NotConfigured("HardVerify-Math is not shipped: name its file or address in hero.hardverify")
        return lambda: rates(benchmark, verifier, names)

    hard: Any = {"regimes": ("hard",), "forms": ("signed",)}
    measured: dict[str, Measurement] = {
        "H1": on_benchmark("normalised", "recall", "precision"),
        "H1b": on_benchmark("math_verify", "recall", "false-positive rate"),
        "H1c": lambda: {
            "recall of signed answers": rate(rows_where(said(), verifier="string", form="signed"), "recall"),
            "precision": rate(rows_where(said(), verifier="string"), "precision"),
        },
        "H2": lambda: {
            "change of truth": since_start("verifier_only-group", "truth", **hard),
            "uniform groups": gradient("verifier_only-group", "uniform_groups"),
        },
        "H3": lambda: {
            "HERO": gradient("hero-none", "nonzero_groups"),
            "verifier-only": gradient("verifier_only-none", "nonzero_groups"),
        },
        "H4": lambda: less("hero", "verifier_only"),
        "H5": lambda: less("hero", "rm_only"),
        "H4g": lambda: {
            "less verifier-only": less("hero", "verifier_only", "group"),
            "less RM-only": less("hero", "rm_only", "group"),
        },
        "H6": lambda: less("hero", "verifier_only", **hard),
        "H7": lambda: less("hero", "naive"),
        "H8": lambda: {
            "change of score": since_start("rm_only-group", "rm"),
            "truth less HERO's": change(
                select(held_out, f"hero-none-{reward_model}"), select(held_out, f"rm_only-group-{reward_model}")
            ),
        },
        "H9": lambda: weight_changes(read_tables(inertness, CHANGES)),
        "H10": lambda: less("hero", "hero_no_weight", regimes=("easy",)),
        "H11": lambda: less("hero_neg_only", "hero_pos_only", regimes=("easy",)),
        "H12": lambda: of_better_reward_model(held_out, reward_model, hard),
        "H13": lambda: ranking(without(missed, read_tables(rollouts, DRAWN)), within=True),
        "H16": lambda: less("hero", "verifier_only", regimes=("easy",), forms=("signed",)),
        "H17": lambda: of_published_width(held_out, widths or [], f"hero-none-{reward_model}", missed),
    }
    if not missed or len(held_out):
        return measured
    none = Undecided("; ".join(missed.values()))
    return {claim: how if claim in WHATEVER_THE_START else none for claim, how in measured.items()}


def of_better_reward_model(held_out: pd.DataFrame, reward_model: str, where: Mapping[str, tuple[str, ...]]) -> Estimate:
    """H12: what HERO has with the reward model of the comparison over what it has with the next worse one, whose labels
    were the least noisy of the others. Raises `Absent` where there is no other."""
    hard = set(held_out["run"][held_out["regime"] == "hard"])
    names = sorted(run.removeprefix("hero-none-") for run in hard if run.startswith("hero-none-"))
    others = [name for name in names if name != reward_model]
    if not others:
        raise Absent("one reward model: worse ones, of noisy labels, are trained overnight (noises)")
    worse, better = (select(held_out, f"hero-none-{name}", **where) for name in (others[0], reward_model))
    return change(worse, better)


def rates(table: Path, verifier: str, names: Sequence[str]) -> dict[str, Estimate]:
    """Rates of a verifier on the benchmark with their Wilson intervals; `n` are the answers that a rate is a share of.
    A rate without any answer has the widest interval."""
    frame = read_table(table, {"verifier": "string"})
    row = frame[frame["verifier"] == verifier].iloc[0]
    accepted = row["accepted_equivalent"] + row["accepted_wrong"]
    totals = {"recall": row["equivalent"], "false-positive rate": row["wrong"], "precision": accepted}
    found = {}
    for name in names:
        n, column = int(totals[name]), name.replace("-", "_").replace(" ", "_")
        value, low, high = (row[column], row[f"{column}_low"], row[f"{column}_high"]) if n else (0, 0, 1)
        found[name] = Estimate(float(value), float(low), float(high), n)
    return found


def weight_changes(frame: pd.DataFrame) -> dict[str, Estimate]:
    """Parts of H9: the largest change under group scale, a fact of these rollouts and no estimate, and the mean change
    when advantages are only centred, over replicates; `n` are the groups of all replicates, and of one."""
    weight = frame[frame["knob"] == "weight"]
    group, centred = (weight[weight["scale"] == scale] for scale in ("group", "none"))
    largest = float(group["largest"].max())
    of_one = int(centred["replicate"].value_counts().min())
    return {
        "largest change, group": Estimate(largest, largest, largest, len(group)),
        "mean change, centred": over_replicates(means(centred, "mean"), of_one, least=0),
    }
