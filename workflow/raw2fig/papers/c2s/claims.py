"""What this run says about each of the paper's claims (config/published/c2s.yaml)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.claims import decide, load_published, write_claims
from raw2fig.papers.c2s.screen import context_split
from raw2fig.stats import RESAMPLES, Estimate, auroc, bootstrap_mean, difference, relative_change
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json, read_table

if TYPE_CHECKING:
    import pandas as pd

SEED = 0


def scaling_steps(scores: pd.DataFrame) -> dict[str, Estimate]:
    """Parts of C2: changes between sizes, paired by held-out sample and seed, clustered by cell."""
    sizes = list(scores.sort_values("parameters")["size"].unique())

    def change(metric: str, task: str | None, first: str, last: str) -> Estimate:
        chosen = scores[(scores["metric"] == metric) & ((scores["task"] == task) if task else True)]
        one, other = (chosen[chosen["size"] == size].reset_index(drop=True) for size in (first, last))
        estimate = bootstrap_mean(other["value"] - one["value"], SEED, groups=one["cell"].tolist())
        return estimate._replace(seeds=one["seed"].nunique())

    parts = {f"{a} to {b} loss": change("loss", None, a, b) for a, b in itertools.pairwise(sizes)}
    first, last = sizes[0], sizes[-1]
    parts[f"{first} to {last} annotation accuracy"] = change("accuracy", "annotation", first, last)
    parts[f"{first} to {last} gene overlap"] = change("overlap", "generation", first, last)
    return parts


def perturbation_values(scores: pd.DataFrame, method: str, metric: str, tier: str = "tier1") -> np.ndarray:
    """Values over the conditions of a tier, in one order for all methods."""
    rows = scores[(scores["method"] == method) & (scores["metric"] == metric) & (scores["tier"] == tier)]
    return rows.sort_values(["cell_type", "cytokine", "exposure"])["value"].to_numpy()


def screen_ranking(scores: pd.DataFrame, planted: set[str], margin: float) -> dict[str, Estimate]:
    """Parts of C11: AUROC by context split, and its gain over the positive context, with intervals from resampling the
    screened cells within each context (the drugs are fixed)."""
    rng = np.random.default_rng(SEED)
    summary = context_split(scores, rng, margin)
    labels = summary["drug"].isin(planted).to_numpy()
    tables = {
        name: part.pivot(index="drug", columns="cell", values="score") for name, part in scores.groupby("context")
    }
    values = {name: (table.drop("vehicle") - table.loc["vehicle"]) for name, table in tables.items()}
    order = values["positive"].index
    known = np.isin(order, list(planted))
    draws = np.empty((RESAMPLES, 2))
    for row in range(RESAMPLES):
        means = {
            name: table.to_numpy()[:, rng.integers(table.shape[1], size=table.shape[1])].mean(1)
            for name, table in values.items()
        }
        split = auroc(known, means["positive"] - means["neutral"])
        draws[row] = split, split - auroc(known, means["positive"])
    both = auroc(labels, summary["split"].to_numpy())
    alone = auroc(labels, summary["delta_positive"].to_numpy())
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    return {
        "AUROC by context split": Estimate(both, float(low[0]), float(high[0]), len(labels)),
        "gain over one context": Estimate(both - alone, float(low[1]), float(high[1]), len(labels)),
    }


@step
def claims(
    *,
    published: Input,
    fit: Input,
    scaling: list[Input],
    logs: list[Input],
    annotation: list[Input],
    spatial: Input,
    perturbation: Input,
    screen: Input,
    truth: Input,
    claims: Output,
    scale: str = "laptop",
    margin: float = 0.25,
) -> None:
    """Decide every claim by the criterion fixed in the published file.

    Parameters
    ----------
    published
        The paper's claims and criteria.
    fit
        Rank fit over all genes.
    scaling
        Scores of the pretrained models, one table per seed.
    logs
        Training logs of the fine-tuned size, one per seed.
    annotation
        Predictions of the model and of the baselines.
    spatial
        Answers to the spatial prompts.
    perturbation
        Scores per condition and method.
    screen
        Scores of the drug screen.
    truth
        What the drug simulator planted.
    margin
        Largest effect of a hit in the neutral context.
    """
    import pandas as pd

    paper = load_published(published)
    line = read_json(fit)["test"]
    low, high = line["r2_ci"]
    r2 = Estimate(line["r2"], low, high, line["cells"])
    sized = pd.concat([read_table(path, {"size": "string", "value": "number"}) for path in scaling], ignore_index=True)
    labelled = pd.concat(
        [read_table(path, {"method": "string", "cell": "string", "predicted": "string"}) for path in annotation]
    )
    labelled["correct"] = (labelled["predicted"].str.lower() == labelled["cell_type"].str.lower()).astype(float)
    accuracy = labelled.pivot(index="cell", columns="method", values="correct")
    answers = read_table(spatial, {"model": "string", "task": "string", "correct": "boolean"})
    answers = answers[answers["task"] == "same_neighbourhood"]
    same = {name: part["correct"].to_numpy(dtype=float) for name, part in answers.groupby("model")}
    scores = read_table(perturbation, {"method": "string", "metric": "string", "value": "number"})
    screened = read_table(screen, {"drug": "string", "context": "string", "cell": "string", "score": "number"})
    planted = {name for name, drug in read_json(truth)["drugs"].items() if drug["planted"]}

    def relative(base: str, method: str) -> Estimate:
        first, last = (perturbation_values(scores, name, "scfid_programme") for name in (base, method))
        return relative_change(first, last, SEED)

    def gain(metric: str, method: str) -> Estimate:
        first, last = (perturbation_values(scores, name, metric) for name in ("SFT", method))
        return difference(first, last, SEED, paired=True)

    measured: dict[str, Estimate | dict[str, Estimate]] = {
        "C1": r2,
        "C1b": r2,
        "C2": scaling_steps(sized),
        "C2c": first_to_last(logs),
        "C4": {
            "accuracy minus logistic regression": difference(accuracy["logistic"], accuracy["C2S"], SEED, paired=True),
            "accuracy minus majority": difference(accuracy["majority"], accuracy["C2S"], SEED, paired=True),
        },
        "C6": bootstrap_mean(same["none"], SEED),
        "C6b": {
            f"{prior} minus none": difference(same["none"], same[prior], SEED, paired=True)
            for prior in ("cpdb", "biogrid", "both")
        },
        "C7": {
            "relative to no change": relative("no_change", "SFT"),
            "relative to additive shift": relative("additive_shift", "SFT"),
            "relative to Gaussian Monge map": relative("gaussian_monge", "SFT"),
        },
        "C8": relative("SFT", "GRPO mse_pair"),
        "C8x": relative("SFT", "GRPO mmd"),
        "C9": gain("kendall", "GRPO kendall"),
        "C9b": gain("pearson_delta", "GRPO kendall"),
        "C11": screen_ranking(screened, planted, margin),
    }
    entries = [decide(claim, measured.get(name)) for name, claim in paper.claims.items()]
    write_claims(claims, "c2s", paper, scale, entries)


def first_to_last(logs) -> Estimate:  # type: ignore[no-untyped-def]
    """Change of the held-out loss from the first probe to the last, mean over seeds; the interval from the spread over
    held-out samples at both probes, which are taken as independent and so make it too wide rather than too narrow."""
    changes, variances, samples = [], [], 0
    for path in logs:
        probes = [record for record in read_json(path)["log"] if "held_out_loss" in record]
        first, last = probes[0], probes[-1]
        changes.append(last["held_out_loss"] - first["held_out_loss"])
        variances.append(first["held_out_error"] ** 2 + last["held_out_error"] ** 2)
        samples = int(last["held_out_samples"])
    value, half = float(np.mean(changes)), 1.96 * float(np.sqrt(np.sum(variances))) / len(changes)
    return Estimate(value, value - half, value + half, samples, len(changes))
