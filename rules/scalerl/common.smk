"""ScaleRL: what its rules share."""

import re
from dataclasses import fields
from itertools import repeat
from urllib.parse import urlsplit

from raw2fig.rl.arms import read_arm
from raw2fig.rl.recipe import Recipe
from raw2fig.tasks.problems import SPLITS

SCALERL = config["scalerl"]
SCALERL_SOURCES = {domain: section["source"] for domain, section in SCALERL["problems"].items()}
SCALERL_MADE = set(SCALERL_SOURCES.values()) == {"procedural"}
SCALERL_TRAINED = SCALERL["base"]["source"] == "procedural"
if "procedural" in SCALERL_SOURCES.values() and not SCALERL_MADE:
    refuse(InputError("scalerl.problems", f"has the sources {SCALERL_SOURCES}", "all procedural, or none"))
for domain, section in SCALERL["problems"].items():
    digests, files = section["sha256"] or [], section.get("files", [])
    if digests and len(digests) != len(files):
        found = f"{len(digests)} values for {len(files)} files"
        refuse(InputError(f"scalerl.problems.{domain}.sha256", found, "one for each, or null"))
if SCALERL_TRAINED and not SCALERL_MADE:
    refuse(
        InputError(
            "scalerl.base.source", "is 'procedural'", "hub or path: only sums and programs are learned from nothing"
        )
    )
SCALERL_BUDGETS = {arm: budget for budget in SCALERL["budgets"].values() for arm in budget["arms"]}
"""Arm → what its runs may cost."""
if len(SCALERL_BUDGETS) < sum(len(budget["arms"]) for budget in SCALERL["budgets"].values()):
    refuse(InputError("scalerl.budgets", "has an arm twice", "each arm in one budget"))
SCALERL_DOMAINS = {arm: ["math"] for arm in SCALERL_BUDGETS} | {"joint": ["math", "code"]}
"""Arm → the domains that it is trained and evaluated on."""
SCALERL_FULL = SCALERL["budgets"]["full"]["rollouts"]
"""Rollouts of the runs that the law is judged on: shorter ones have too few points."""
SCALERL_ABLATED = [arm for arm in SCALERL_BUDGETS if arm.startswith("loo-")]


SCALERL_ARM = "|".join(map(re.escape, SCALERL_BUDGETS))
SCALERL_DOMAIN = "|".join(SCALERL["problems"])
SCALERL_RANGE = "all|half|full"
SCALERL_CURVES = [f"{arm}-{domain}" for arm, domains in SCALERL_DOMAINS.items() for domain in domains]


def scalerl_runs(wildcards, pattern):
    """A file for each seed of an arm."""
    seeds = SCALERL_BUDGETS[wildcards.arm]["seeds"]
    return expand(f"<results>/scalerl/models/{wildcards.arm}-s{{seed}}{pattern}", seed=seeds)


def scalerl_problems_of(arm):
    """The problems that an arm is trained on, a table for each domain."""
    return expand("<results>/scalerl/data/{domain}.parquet", domain=SCALERL_DOMAINS[arm])


def scalerl_recipe(arm):
    """Settings of an arm, so that only its own runs are made again when they change."""
    try:
        return read_arm([Path(name) for name in SCALERL["arms"]], arm, [field.name for field in fields(Recipe)])
    except InputError as error:
        refuse(error)


SCALERL_ROLLOUTS = flags(SCALERL["rollouts"])


SCALERL_PARTS = {
    f"{domain}-{number:02d}-{re.sub('[^A-Za-z0-9._-]', '', Path(urlsplit(file).path).name)}": {
        **section,
        "url" if section["source"] == "url" else "file": file,
        "sha256": digest,
    }
    for domain, section in SCALERL["problems"].items()
    if section["source"] in ("url", "hub")
    for number, (file, digest) in enumerate(zip(section["files"], section["sha256"] or repeat(None)))
}
"""Files that are fetched → where each is from."""


def scalerl_rows(domain):
    """Where the rows of a domain lie: the user's files, or the ones fetched."""
    if SCALERL_SOURCES[domain] == "path":
        return SCALERL["problems"][domain]["files"]
    return [f"<results>/scalerl/sources/{part}" for part in SCALERL_PARTS if part.startswith(f"{domain}-")]


def scalerl_checksums(domain):
    """Flag with the SHA-256 of the user's files; those of files that are fetched are checked where they are fetched."""
    return option("sha256", SCALERL["problems"][domain]["sha256"]) if SCALERL_SOURCES[domain] == "path" else ""


# what comes from outside, for the table of the run
SCALERL_FETCHED = [
    *(f"<results>/scalerl/sources/{part}.json" for part in SCALERL_PARTS),
    *([] if SCALERL_TRAINED else ["<results>/scalerl/models/base"]),
]
