"""What this run says about each of the paper's claims (config/published/hero.yaml)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.claims import NotConfigured, Undecided
from raw2fig.papers.hero.results import (
    START,
    change,
    over_updates,
    ranking,
    read_logs,
    read_rollouts,
    read_scores,
    select,
)
from raw2fig.stats import SEED, Estimate, bootstrap_mean
from raw2fig.step import Input, claims
from raw2fig.tables import read_json, read_table, rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

WHATEVER_THE_START = ("H1", "H1b", "H1c", "H9")
"""Claims on verifiers and on an identity. All others rest on policies that RL could still improve: where the cold start
fell short of its target, nothing that follows from it is the experiment."""


@claims
def measurements(
    *,
    scores: list[Input],
    logs: list[Input],
    rollouts: list[Input],
    inertness: Input,
    miniature: Input,
    benchmark: Input | None = None,
    starts: list[Input] | None = None,
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
        Completions of each seed's policy before RL, with their truth and their scores.
    inertness
        Changes of the advantages, as `raw2fig hero inertness` writes them.
    miniature
        Table of verifiers on the policy's answers.
    benchmark
        Table of verifiers on HardVerify-Math, if a source of it is configured.
    starts
        Logs of the cold starts, start-s<seed>.json, if the policies are trained here.
    reward_model
        Name of the reward model of the comparison.
    """
    held_out, updates = read_scores(scores), read_logs(logs)

    def less(arm: str, other: str, scale: str = "none", **where: tuple[str, ...]) -> Estimate:
        before, after = (select(held_out, f"{name}-{scale}-{reward_model}", **where) for name in (other, arm))
        return change(before, after)

    def since_start(run: str, column: str, **where: tuple[str, ...]) -> Estimate:
        start = held_out[held_out["regime"] == START]
        return change(start, select(held_out, f"{run}-{reward_model}", **where), column)

    def gradient(run: str, column: str) -> Estimate:
        return over_updates(rows_where(updates, run=f"{run}-{reward_model}", regime="hard"), column)

    def on_benchmark(verifier: str, *names: str) -> Measurement:
        if benchmark is None:
            return NotConfigured("HardVerify-Math is not shipped: name its file or address in hero.hardverify")
        return lambda: rates(benchmark, verifier, names)

    hard: Any = {"regimes": ("hard",), "forms": ("signed",)}
    measured: dict[str, Measurement] = {
        "H1": on_benchmark("normalised", "recall", "precision"),
        "H1b": on_benchmark("math_verify", "recall", "false-positive rate"),
        "H1c": lambda: {
            "recall of signed answers": rates(miniature, "string", ["recall"], "signed")["recall"],
            "precision": rates(miniature, "string", ["precision"], "both")["precision"],
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
        "H9": lambda: weight_changes(read_table(inertness, {"knob": "string", "scale": "string", "largest": "number"})),
        "H10": lambda: less("hero", "hero_no_weight", **hard),
        "H11": lambda: less("hero_neg_only", "hero_pos_only", **hard),
        "H13": lambda: ranking(read_rollouts(rollouts), within=True),
    }
    missed = short_of_target(starts or [])
    if missed is None:
        return measured
    return {claim: how if claim in WHATEVER_THE_START else missed for claim, how in measured.items()}


def short_of_target(starts: Sequence[Path]) -> Undecided | None:
    """What stands for a measurement when a cold start did not reach its target, None when all of them did. A log of an
    earlier version does not say it: a start that fell short made no log then."""
    told = {path.stem.rpartition("-s")[2]: read_json(path) for path in starts}
    missed = [
        f"the cold start of seed {seed} reached {log['best']:.2g} of the target {log['target']:g}"
        for seed, log in told.items()
        if not log.get("reached", True)
    ]
    return Undecided("; ".join(missed)) if missed else None


def rates(table: Path, verifier: str, names: Sequence[str], form: str = "") -> dict[str, Estimate]:
    """Rates of a verifier with their Wilson intervals; `n` are the answers that a rate is a share of. A rate without
    any answer has the widest interval."""
    frame = read_table(table, {"verifier": "string"})
    row = frame[(frame["verifier"] == verifier) & ((frame["form"] == form) if form else True)].iloc[0]
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
    when advantages are only centred, over prompts."""
    weight = frame[frame["knob"] == "weight"]
    group, centred = (weight[weight["scale"] == scale] for scale in ("group", "none"))
    largest = float(group["largest"].max())
    return {
        "largest change, group": Estimate(largest, largest, largest, len(group)),
        "mean change, centred": bootstrap_mean(centred["mean"], SEED),
    }
