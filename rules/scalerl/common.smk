"""ScaleRL: what its rules share."""

import re
from dataclasses import fields

from raw2fig.rl.arms import read_arm
from raw2fig.rl.recipe import Recipe
from raw2fig.tasks.problems import SPLITS

SCALERL = config["scalerl"]
SCALERL_SUMS = SCALERL["problems"]["math"]["source"] == "procedural"
SCALERL_TRAINED = SCALERL["base"]["source"] == "procedural"
if SCALERL_TRAINED and not SCALERL_SUMS:
    refuse(InputError("scalerl.base.source", "is 'procedural'", "hub or path: only sums are learned from nothing"))
SCALERL_BUDGETS = {arm: budget for budget in SCALERL["budgets"].values() for arm in budget["arms"]}
"""Arm → what its runs may cost."""
SCALERL_FULL = SCALERL["budgets"]["full"]["rollouts"]
"""Rollouts of the runs that the law is judged on: shorter ones have too few points."""
SCALERL_ABLATED = [arm for arm in SCALERL_BUDGETS if arm.startswith("loo-")]


SCALERL_ARM = "|".join(map(re.escape, SCALERL_BUDGETS))
SCALERL_DOMAIN = "|".join(SCALERL["problems"])
SCALERL_RANGE = "all|half|full"
SCALERL_CURVES = [f"{arm}-{domain}" for arm, budget in SCALERL_BUDGETS.items() for domain in budget["domains"]]


def scalerl_runs(wildcards, pattern):
    """A file for each seed of an arm."""
    seeds = SCALERL_BUDGETS[wildcards.arm]["seeds"]
    return expand(f"<results>/scalerl/models/{wildcards.arm}-s{{seed}}{pattern}", seed=seeds)


def scalerl_problems_of(arm):
    """The problems that an arm is trained on, a table for each domain."""
    return expand("<results>/scalerl/data/{domain}.parquet", domain=SCALERL_BUDGETS[arm]["domains"])


def scalerl_recipe(arm):
    """Settings of an arm, so that only its own runs are made again when they change."""
    try:
        return read_arm([Path(name) for name in SCALERL["arms"]], arm, [field.name for field in fields(Recipe)])
    except InputError as error:
        refuse(error)


def scalerl_flags(section, *keys):
    """Flags of a step with the values of a section of the configuration."""
    return " ".join(filter(None, (option(key.replace("_", "-"), section.get(key)) for key in keys)))


SCALERL_ROLLOUTS = scalerl_flags(SCALERL["rollouts"], *SCALERL["rollouts"])


# what comes from outside, for the table of the run
SCALERL_FETCHED = [
    *(
        f"<results>/scalerl/sources/{domain}.json"
        for domain, section in SCALERL["problems"].items()
        if section["source"] in ("url", "hub")
    ),
    *([] if SCALERL_TRAINED else ["<results>/scalerl/models/base"]),
]
