"""What this run says about each of the paper's claims (config/published/coordination.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from raw2fig.claims import Absent
from raw2fig.papers.coordination.calibrate import DIFFERENTIATION
from raw2fig.papers.coordination.compare import (
    between,
    differentiated,
    effect,
    gain,
    interplay,
    mean_of,
    median_of,
    odds_of,
    rate,
    share_of_groups,
    success_of,
    truncated,
    values_of,
)
from raw2fig.papers.coordination.group_tests import LEVEL, MAIN
from raw2fig.papers.coordination.low_capacity import low_measurements
from raw2fig.papers.coordination.measures import CRITERIA
from raw2fig.papers.coordination.moves import read_moves
from raw2fig.papers.coordination.pooling import read_criteria, share_of
from raw2fig.papers.coordination.results import (
    CONDITIONS,
    TITLES,
    read_calibration,
    read_differentiation,
    read_effects,
    read_outcomes,
    read_pooled,
)
from raw2fig.settings import Field, Record
from raw2fig.stats import Estimate, proportion
from raw2fig.step import At, Input, claims

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

LANGUAGE = ("C1", "C1b", "C2", "C5", "C6", "C7", "C9")
"""Claims on what language models do."""
NO_LANGUAGE = "no pretrained language model plays at this scale"
SHUFFLED = ("row", "column")
PAIRS = (("plain", "persona"), ("plain", "tom"), ("persona", "tom"))
LONG = 60
"""Rounds in which tests have power."""
VARIANTS = {MAIN: "main", "redundancy=mmi": "MMI", "estimator=plugin": "plug-in", "bins=3": "3 bins"}
"""Variants of C10e and the names of their parts."""


class Roles(Record):
    """Players that the claims are about."""

    main: str = Field(description="The player that most claims are about.")
    larger: str = Field(description="The player with the larger model.")
    smaller: str = Field(description="The player with the smaller model.")
    looping: str | None = Field(
        description="The player whose replies do not come to an end without a further line in the prompt."
    )
    lowest: str | None = Field(description="The released language model of low capacity.")


@claims
def measurements(
    *,
    criteria: list[Input],
    pooled: Input,
    calibration: list[Input],
    differentiation: list[Input],
    outcomes: list[Input],
    odds: list[Input],
    reports: list[Input],
    regression: Input,
    mediation: Input,
    planted: Input,
    moves: Input,
    roles: Annotated[Roles, At("roles")],
    trained: list[str] | None = None,
    language: bool = False,
) -> Mapping[str, Measurement]:
    """Decide every claim by its criterion.

    Parameters
    ----------
    criteria
        Tests of groups against all null models.
    pooled
        The same tests pooled by condition.
    calibration
        Rejection rates for groups with known truth.
    differentiation
        Tests of agent differentiation of each group.
    outcomes
        Outcomes of the games of all players that are compared.
    odds
        Odds ratios over group size, then those over temperature.
    reports
        Quality of the replies.
    regression
        Logit of success.
    mediation
        Mediated effects.
    planted
        How well both analyses recover planted effects.
    moves
        How groups answer the feedback.
    trained
        Players that were trained here, in each replicate. What is said of them is over replicates.
    language
        Whether the main player is a pretrained language model. Without one, claims on language models are out of scale.
    """

    main, larger, smaller, policies = roles.main, roles.larger, roles.smaller, trained or []
    tests = read_criteria(criteria)
    tests, groups = tests[tests["model"] == main], read_pooled(pooled)
    groups = groups[groups["model"] == main]
    known, played = read_calibration(calibration), read_outcomes(outcomes)
    likelihood = {"plain": "differentiated", "prewhitened": "differentiated_robust"}
    measured: dict[str, Measurement] = {
        "C1": lambda: {
            part: {f"{TITLES[c]}, {null}": mean_of(groups, name, null, c) for c in CONDITIONS for null in SHUFFLED}
            for part, name in (("capacity", "capacity"), ("practical criterion", "s_macro"))
        },
        "C1b": lambda: share_below(p_values(tests, "s_macro", "column")),
        "C2": lambda: differentiated(read_differentiation(differentiation), main),
        "C2x": lambda: {part: rate(known, "ar", DIFFERENTIATION, name) for part, name in likelihood.items()},
        "C2y": lambda: rate(known, "plain", DIFFERENTIATION, "differentiated_robust"),
        "C3": lambda: {
            "ToM": mean_of(groups, "i3", "sync", "tom"),
            "ToM minus Plain": between(tests, "i3", "sync", "plain", "tom"),
        },
        "C3x": lambda: mean_of(groups, "i3", "matched", "tom"),
        "C4": lambda: {"": {TITLES[c]: share_of_groups(groups, "g3", "column", c) for c in CONDITIONS}},
        "C4b": lambda: median_of(values_of(tests, "g3", "sync", "tom")),
        "C4c": lambda: mean_of(groups, "g3", "column", "plain"),
        "C5": lambda: effect(regression, main, {"term": "interaction"}, "beta"),
        "C5x": lambda: recovered(planted, "interaction"),
        "C6": lambda: effect(mediation, main, {"method": "simulation", "effect": "acme"}, "estimate"),
        "C6x": lambda: recovered(planted, "acme"),
        "C7": lambda: {f"{TITLES[b]} minus {TITLES[a]}": gain(played, main, a, b) for a, b in PAIRS},
        "C8": lambda: interplay(played, larger, smaller, policies),
        "C8b": lambda: {
            "success": {TITLES[c]: success_of(played, smaller, c, policies) for c in CONDITIONS},
            "ToM minus Plain": gain(played, smaller, "plain", "tom", policies),
        },
        "C9": lambda: truncated(reports, roles.looping or ""),
        "C10": lambda: {
            "no memory": {
                f"{c}, {null}": rate(known, "iid", null, c) for null in (*SHUFFLED, "block") for c in CRITERIA
            },
            "AR(0.7)": {c: rate(known, "ar", "column", c) for c in CRITERIA},
        },
        "C10b": lambda: {
            "AR(0.7), row null": rate(known, "ar", "row", "capacity"),
            "sync, column null": rate(known, "sync", "column", "capacity"),
        },
        "C10c": lambda: {
            "column null": rate(known, "sync", "column", "capacity"),
            "coordination-free nulls": {null: rate(known, "sync", null, "capacity") for null in ("sync", "matched")},
        },
        "C10d": lambda: {
            "capacity": rate(known, "flip", "column", "capacity", LONG),
            "practical criterion": rate(known, "steered", "column", "s_macro", LONG),
            "G3": rate(known, "parity", "column", "g3", LONG),
        },
        "C10e": lambda: {part: mean_of(groups, "capacity", "column", "tom", name) for name, part in VARIANTS.items()},
        "P1": lambda: {"": odds_of(odds[0], "agents")},
        "P2": lambda: {"": odds_of(odds[-1], "temperature")},
    }
    measured |= low_measurements(
        roles.lowest, played, lambda: read_moves([moves]), lambda: read_differentiation(differentiation)
    )
    unplayed = () if language else LANGUAGE
    return measured | {name: Absent(NO_LANGUAGE) for name in unplayed}


def p_values(tests: pd.DataFrame, criterion: str, null: str) -> pd.Series:
    """p of all groups of the paper's three conditions, main analysis."""
    chosen = tests[tests["condition"].isin(CONDITIONS) & (tests["variant"] == MAIN)]
    return chosen.loc[(chosen["criterion"] == criterion) & (chosen["null"] == null), "p"].dropna()


def share_below(p: pd.Series) -> Estimate:
    """Share of groups with p < .05."""
    if p.empty:
        raise Absent("no tested groups")
    return share_of(int((p < LEVEL).sum()), len(p))


def recovered(path: Path, analysis: str) -> Estimate:
    """Share of planted tables in which an analysis finds the truth."""
    found = read_effects(path, ("analysis",), ("within", "tables")).set_index("analysis").loc[analysis]
    return proportion(int(found["within"]), int(found["tables"]))
