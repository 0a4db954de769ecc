"""What was measured of agents, for each claim about priors (section 4)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

from raw2fig.claims import Absent, Undecided
from raw2fig.papers.kimi_dev.adaptation import ONE_STEP
from raw2fig.papers.kimi_dev.arms import BASE, MID, RL, SFT, UNTRAINED
from raw2fig.papers.kimi_dev.runs import by_replicate, more
from raw2fig.papers.kimi_dev.tasks import LONGER, OPERATOR
from raw2fig.stats import Estimate, over_replicates, paired

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

ADAPTED = {
    **dict.fromkeys(("prior", "budget", "measure"), "string"),
    **dict.fromkeys(("tokens", "n", "replicate"), "integer"),
    "value": "number",
}
"""Columns of `raw2fig kimi-dev adapt`."""
FEW = 10
"""The paper reaches with 100 of 5,016 trajectories what the prior Base reaches with all; here, with at most one in so
many."""
PRETRAINED = "P6"
"""The claim about agents from pretrained models."""
AGENTS = tuple(f"M{number}" for number in range(14, 22))


def sets(agents: pd.DataFrame) -> list[int]:
    """Trajectories of the nested sets, in order."""
    return sorted({int(budget) for budget in agents["budget"] if budget.isdecimal()} - {0})


def agent_measurements(agents: pd.DataFrame | None) -> Mapping[str, Measurement]:
    """Claim about agents → its measurement, or that there are none."""
    if agents is None:
        return dict.fromkeys(AGENTS, Absent("no model became an agent"))
    numbers = sets(agents)
    top = numbers[-1]

    def of(prior: str, budget: int | str, measure: str = "resolved") -> dict[Hashable, float]:
        return by_replicate(agents, prior=prior, budget=str(budget), measure=measure)

    def lead(budget: int | str, one: str = RL, other: str = BASE, measure: str = "resolved") -> dict[Hashable, float]:
        return paired(of(other, budget, measure), of(one, budget, measure))

    def late(prior: str) -> dict[Hashable, float]:
        limits = turn_limits(agents, top)
        if not limits[0].startswith("pass@"):
            raise Absent("agents have one attempt")
        measures = [limits[len(limits) // 2], limits[-1]]
        return paired(*(of(prior, top, measure) for measure in measures))

    def dip() -> dict[str, Estimate]:
        if len(numbers) < 3:
            raise Absent("a dip needs three sets of trajectories")
        first, second, third = (of(SFT, size) for size in numbers[:3])
        return {"after the first set": more(second, first), "before the third set": more(third, second)}

    def elsewhere() -> dict[str, Estimate]:
        ends = [numbers[0], top]
        leads = {part: [lead(size, measure=f"resolved, {part}") for size in ends] for part in (LONGER, OPERATOR)}
        found = {part: over_replicates(few_, least=-1, most=1) for part, (few_, _) in leads.items()}
        closing = [paired(all_, few_) for few_, all_ in leads.values()]
        means = {name: sum(one[name] for one in closing) / len(closing) for name in closing[0]}
        return {**found, "gap closes": over_replicates(means, least=-2, most=2)}

    return {
        "M14": lambda: few_against_all(agents),
        "M15": lambda: more(of(SFT, UNTRAINED), of(RL, UNTRAINED)),
        "M16": lambda: {
            "one step": over_replicates(lead(ONE_STEP, other=MID), least=-1, most=1),
            "gap closes": more(lead(ONE_STEP, other=MID), lead(top, other=MID), least=-2, most=2),
        },
        "M17": dip,
        "M18": lambda: gained_more(late(BASE), late(RL)),
        "M19": lambda: over_replicates(lead(top, measure="BugFixer skill"), least=-1, most=1),
        "M20": lambda: gained_more(of(BASE, top, "reflection"), of(RL, top, "reflection")),
        "M21": elsewhere,
    }


def gained_more(base: Mapping[Hashable, float], rl: Mapping[Hashable, float]) -> Estimate:
    """How much more the prior RL gains after its first edits than Base. Raises `Undecided` where nobody gains or loses
    anything: then there is nothing to compare, and equal replicates would give an interval without length."""
    if not any((*base.values(), *rl.values())):
        raise Undecided("no agent gains or loses anything after its first edits, in any replicate")
    return over_replicates(paired(base, rl), least=-2, most=2)


def few_against_all(agents: pd.DataFrame) -> Estimate:
    """The prior RL with a tenth of the trajectories at most, less Base with all of them."""
    numbers = sets(agents)
    few = max((size for size in numbers if FEW * size <= numbers[-1]), default=numbers[0])
    before = by_replicate(agents, prior=BASE, budget=str(numbers[-1]), measure="resolved")
    return more(by_replicate(agents, prior=RL, budget=str(few), measure="resolved"), before)


def pretrained_agents(agents: pd.DataFrame | None) -> Mapping[str, Measurement]:
    """The claim about agents from pretrained models → its measurement, or that there are none."""
    if agents is None:
        return {PRETRAINED: Absent("no pretrained model became an agent")}
    return {PRETRAINED: lambda: few_against_all(agents)}


def turn_limits(agents: pd.DataFrame, budget: int) -> list[str]:
    """Measures of several attempts, one for each number of turns, in order; of the greedy one where there are none."""
    names = set(agents.loc[agents["budget"] == str(budget), "measure"])
    for kind in ("pass@", "resolved within"):
        if found := [name for name in names if name.startswith(kind) and name.endswith("turns")]:
            return sorted(found, key=lambda name: int(name.split()[2]))
    raise Absent("no agent was measured by turns")
