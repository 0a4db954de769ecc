"""What this run says about each of the paper's claims (config/published/hero.yaml)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.claims import decide_all, load_published, write_claims
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
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Said


@step
def claims(
    *,
    published: Input,
    scores: list[Input],
    logs: list[Input],
    rollouts: list[Input],
    inertness: Input,
    miniature: Input,
    claims: Output,
    benchmark: Input | None = None,
    reward_model: str = "0",
    scale: str = "laptop",
) -> None:
    """Decide every claim by the criterion fixed in the published file.

    Parameters
    ----------
    published
        The paper's claims and criteria.
    scores
        Held-out scores of all policies.
    logs
        Logs of all runs.
    rollouts
        Completions of the policies before RL, with truth and scores of that reward model, for each seed.
    inertness
        Changes of the advantages by weight and band width.
    miniature
        Table of verifiers on the policy's answers.
    benchmark
        Table of verifiers on HardVerify-Math, where a source of it is configured.
    reward_model
        Name of the reward model of the comparison.
    """
    paper = load_published(published, scale)
    held_out, told = read_scores(scores), read_logs(logs)

    def less(arm: str, other: str, scale: str = "none", **where: tuple[str, ...]) -> Estimate:
        before, after = (select(held_out, f"{name}-{scale}-{reward_model}", **where) for name in (other, arm))
        return change(before, after)

    def since_start(run: str, column: str, **where: tuple[str, ...]) -> Estimate:
        start = held_out[held_out["regime"] == START]
        return change(start, select(held_out, f"{run}-{reward_model}", **where), column)

    def gradient(run: str, column: str) -> Estimate:
        return over_updates(rows_where(told, run=f"{run}-{reward_model}", regime="hard"), column)

    hard: Any = {"regimes": ("hard",), "forms": ("signed",)}
    no_benchmark = "no source of HardVerify-Math is configured, and none is shipped (docs/scales.md)"
    rm_only = select(held_out, f"rm_only-group-{reward_model}")
    measured: dict[str, Said] = {
        "H1": rates(benchmark, "normalised", ["recall", "precision"]) if benchmark else no_benchmark,
        "H1b": rates(benchmark, "math_verify", ["recall", "false-positive rate"]) if benchmark else no_benchmark,
        "H1c": {
            "recall of signed answers": rates(miniature, "string", ["recall"], "signed")["recall"],
            "precision": rates(miniature, "string", ["precision"], "both")["precision"],
        },
        "H2": {
            "change of truth": since_start("verifier_only-group", "truth", **hard),
            "uniform groups": gradient("verifier_only-group", "uniform_groups"),
        },
        "H3": {
            "HERO": gradient("hero-none", "nonzero_groups"),
            "verifier-only": gradient("verifier_only-none", "nonzero_groups"),
        },
        "H4": less("hero", "verifier_only"),
        "H5": less("hero", "rm_only"),
        "H4g": {
            "less verifier-only": less("hero", "verifier_only", "group"),
            "less RM-only": less("hero", "rm_only", "group"),
        },
        "H6": less("hero", "verifier_only", **hard),
        "H7": less("hero", "naive"),
        "H8": {
            "change of score": since_start("rm_only-group", "rm"),
            "truth less HERO's": change(select(held_out, f"hero-none-{reward_model}"), rm_only),
        },
        "H9": weight_changes(read_table(inertness, {"knob": "string", "scale": "string", "largest": "number"})),
        "H10": less("hero", "hero_no_weight", **hard),
        "H11": less("hero_neg_only", "hero_pos_only", **hard),
        "H13": ranking(read_rollouts(rollouts), within=True),
    }
    write_claims(claims, "hero", paper, scale, decide_all(paper, measured))


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
