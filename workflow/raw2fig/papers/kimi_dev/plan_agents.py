"""The design of the experiment on agents: which priors, budgets and files there are.

`settings` is the section `kimi_dev.agents` of the configuration, `real` the section `kimi_dev.pretrained`. A prior is
trained on every set of trajectories of its replicate, and evaluated on every set of issues, as it is too.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

from raw2fig.fetch import given
from raw2fig.papers.kimi_dev import plan_pretrained as pretrained
from raw2fig.papers.kimi_dev.arms import UNTRAINED

Settings = Mapping[str, Any]


def priors(settings: Settings, real: Settings) -> dict[str, str]:
    """Name of each prior → the model or policy that it is; those whose policy is not trained are left out, such as that
    of mid-training without histories."""
    if not pretrained.models(real):
        return {}
    known = [*pretrained.models(real), *pretrained.tuned(real), *pretrained.reinforced(real)]
    return {name: policy for name, policy in settings["priors"].items() if policy in known}


def folder(settings: Settings, real: Settings, prior: str, replicate: int | str = "{replicate}") -> str:
    """Folder of a prior."""
    name = priors(settings, real)[prior]
    return pretrained.model(name) if name in pretrained.models(real) else pretrained.policy(name, replicate)


def budgets(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """The budgets that priors are trained with."""
    return {name: budget for name, budget in settings["budgets"].items() if budget}


def sizes(settings: Settings) -> list[int]:
    """Trajectories of the nested sets."""
    return sorted({int(budget["trajectories"]) for budget in budgets(settings).values()})


def sets(settings: Settings, real: Settings) -> list[str]:
    """The sets of issues that agents are evaluated on."""
    return [name for name in settings["sets"] if name in pretrained.sets(real)]


def fetched_files(settings: Settings, real: Settings) -> dict[str, dict[str, Any]]:
    """Files that are fetched → where each is from, as `raw2fig fetch file` has it."""
    return given.parts("trajectories", settings["trajectories"]) if priors(settings, real) else {}


def fetched(settings: Settings, real: Settings) -> list[str]:
    """Records of what comes from outside, for the table of the run."""
    return [f"{pretrained.SOURCES}/{part}.json" for part in fetched_files(settings, real)]


def place(replicate: int | str = "{replicate}") -> str:
    """Where everything of a replicate lies."""
    return f"{pretrained.place(replicate)}/agents"


def demonstrated(replicate: int | str = "{replicate}") -> str:
    """Trajectories of an expert."""
    return f"{place(replicate)}/expert.jsonl"


def trajectories(settings: Settings, replicate: int | str = "{replicate}") -> list[str]:
    """What sets of trajectories are drawn from."""
    return given.places("trajectories", settings["trajectories"], pretrained.SOURCES) or [demonstrated(replicate)]


def trajectory_sets(replicate: int | str = "{replicate}") -> str:
    """Folder of the nested sets."""
    return f"{place(replicate)}/sets"


def agent(prior: str = "{prior}", budget: str = "{budget}", replicate: int | str = "{replicate}") -> str:
    """Folder of a trained agent."""
    return f"{place(replicate)}/policies/{prior}-{budget}"


def evaluated(settings: Settings, real: Settings) -> list[tuple[str, str]]:
    """Prior and budget of each agent."""
    return list(product(priors(settings, real), [UNTRAINED, *budgets(settings)]))


def evaluated_folder(
    settings: Settings, real: Settings, prior: str, budget: str, replicate: int | str = "{replicate}"
) -> str:
    """Folder of an agent, trained or not."""
    if budget == UNTRAINED:
        return folder(settings, real, prior, replicate)
    return agent(prior, budget, replicate)


def attempts(
    prior: str = "{prior}", budget: str = "{budget}", tasks: str = "{set}", replicate: int | str = "{replicate}"
) -> str:
    """Attempts of an agent at the issues of a set."""
    return f"{place(replicate)}/attempts/{prior}-{budget}-{tasks}.jsonl"


def said(
    prior: str = "{prior}", budget: str = "{budget}", tasks: str = "{set}", replicate: int | str = "{replicate}"
) -> str:
    """What was said in these attempts."""
    return f"{place(replicate)}/said/{prior}-{budget}-{tasks}.jsonl"


def logs(settings: Settings, real: Settings, replicate: int | str = "{replicate}") -> list[str]:
    """Logs of the trainings, in the order of agents."""
    return [f"{agent(*one, replicate)}.json" for one in evaluated(settings, real) if one[1] != UNTRAINED]


def names(settings: Settings, real: Settings) -> list[str]:
    """What agents are called in tables, as in the miniature."""
    return [f"{prior}:{budget.replace('-', ' ')}" for prior, budget in evaluated(settings, real)]


def table(tasks: str = "{set}", replicate: int | str = "{replicate}") -> str:
    """What agents resolved of a set."""
    return f"{place(replicate)}/{tasks}.csv"


def tables(settings: Settings, real: Settings) -> list[str]:
    """The tables of all sets and replicates; none without priors."""
    every = product(sets(settings, real), real["replicates"])
    return [table(*one) for one in every if priors(settings, real)]
