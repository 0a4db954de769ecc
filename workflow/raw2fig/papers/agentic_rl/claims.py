"""What the published numbers and our own runs say about each claim (config/published/agentic_rl.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from raw2fig.papers.agentic_rl.claims_data import data_measurements
from raw2fig.papers.agentic_rl.claims_final import final_measurements
from raw2fig.papers.agentic_rl.claims_recipes import recipe_measurements
from raw2fig.papers.agentic_rl.published import Published, read_all
from raw2fig.papers.agentic_rl.reinforced import read_updates, reinforced_measurements
from raw2fig.papers.agentic_rl.runs import (
    clip_measurements,
    demonstrations_measurements,
    policy_measurements,
    read_measured,
    read_uptake,
)
from raw2fig.step import Input, claims

if TYPE_CHECKING:
    from raw2fig.claims import Measurement


@claims
def measurements(
    *,
    sft: Input,
    final: Input,
    recipes: Input,
    studies: Input,
    data: Input,
    settings: Input,
    numbers: Input,
    uptake: Input | None = None,
    real: list[Input] | None = None,
    stitched: list[Input] | None = None,
    measured: list[Input] | None = None,
    updates: list[Input] | None = None,
) -> Mapping[str, Measurement]:
    """Decide every claim by its criterion.

    Parameters
    ----------
    sft
        Published accuracies after SFT.
    final
        Published accuracies of the final comparison.
    recipes
        Published accuracies of the recipes of RL.
    studies
        What the other studies print.
    data
        Published sizes of the data sets.
    settings
        Published settings.
    numbers
        Other published numbers.
    uptake
        Rows of `raw2fig agentic-rl clip-study`.
    real
        Statistics of real trajectories, of each replicate.
    stitched
        The same of stitched ones.
    measured
        Tables of `raw2fig agentic-rl evaluate`, of each replicate.
    updates
        Logs of `raw2fig agentic-rl reinforce`, of each replicate and group.
    """
    tables = read_all(
        sft=sft, final=final, recipes=recipes, studies=studies, data=data, settings=settings, numbers=numbers
    )
    policies = read_measured(measured) if measured else None
    return {
        **published_measurements(tables),
        **clip_measurements(read_uptake(uptake) if uptake else None),
        **demonstrations_measurements(real, stitched),
        **policy_measurements(policies),
        **reinforced_measurements(read_updates(updates) if updates else None, policies),
    }


def published_measurements(tables: Published) -> dict[str, Measurement]:
    """What the published numbers say."""
    return {**data_measurements(tables), **recipe_measurements(tables), **final_measurements(tables)}
