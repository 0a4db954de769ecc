"""The design of the experiment: who plays what, which groups are tested, and where the files of that lie.

Each function takes the paper's section of the configuration.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

RESULTS = "<results>/coordination"
CALIBRATION = "calibration-{}.csv"

Section = Mapping[str, Any]


def experiments(section: Section) -> dict[str, Any]:
    """The experiments that are done."""
    return {name: given for name, given in section["experiments"].items() if given}


def policies(section: Section) -> list[str]:
    """Names of the tiny policies that are trained."""
    policies = section["policies"]
    return [f"{size}-{place}" for size in policies["sizes"] for place in range(len(policies["seeds"]))]


def players(section: Section) -> dict[str, Any]:
    """All players by name, with their backends."""
    named = {name: given for name, given in section["players"].items() if given}
    return named | {name: {"backend": "policy"} for name in policies(section)}


def tested(section: Section) -> list[str]:
    """Experiments whose groups are tested for coordination; in the others only success counts."""
    return [name for name, given in experiments(section).items() if given["tested"]]


def sweeps(section: Section) -> list[str]:
    """Experiments over group sizes and over temperatures."""
    return list(dict.fromkeys([section["sweeps"]["sizes"], section["sweeps"]["temperatures"]]))


def compared(section: Section) -> list[str]:
    """Experiments with one group size and temperature."""
    return [name for name in experiments(section) if name not in sweeps(section)]


def shown(section: Section) -> list[str]:
    """Players that have a panel where not all have one."""
    roles = section["roles"]
    return list(dict.fromkeys([roles["main"], roles["larger"][0], roles["smaller"][0]]))


def names(choices: Iterable[object]) -> str:
    """A regular expression of these names, one that matches nothing for none."""
    return "|".join(re.escape(str(name)) for name in choices) or "(?!)"


def backed_by(section: Section, *backends: str) -> str:
    """The players with one of these backends, as a regular expression."""
    return names(name for name, given in players(section).items() if given["backend"] in backends)


def played(section: Section, kind: str, chosen: Iterable[str]) -> list[str]:
    """Files of all shards of the experiments `chosen`; `kind` is games, transcripts or outcomes."""
    return [
        f"{RESULTS}/games/{name}/{player}.{shard}.{kind}.parquet"
        for name in chosen
        for player in experiments(section)[name]["players"]
        for shard in range(experiments(section)[name]["shards"])
    ]


def evaluated(chosen: Iterable[str], *kinds: str) -> list[str]:
    """Files of evaluation of the experiments `chosen`, such as `rates.csv`."""
    return [f"{RESULTS}/evals/{name}.{kind}" for name in chosen for kind in kinds]


def calibrated(section: Section) -> list[str]:
    """Tables of all calibrations."""
    return [f"{RESULTS}/evals/{CALIBRATION.format(name)}" for name in section["calibration"]]


def criteria(section: Section) -> list[str]:
    """Tables of all tests of groups; robustness variants after the others."""
    robust = [name for name in tested(section) if experiments(section)[name]["variants"]]
    main = evaluated(tested(section), "shuffles.parquet", "functional.parquet")
    return [*main, *evaluated(robust, "variants.parquet")]


def tests_of(section: Section, kind: str, experiment: str) -> dict[str, Any]:
    """Settings of the tests `kind` (shuffles or functional) of an experiment, which says how many groups are tested."""
    return {**section["tests"][kind], "groups": experiments(section)[experiment]["groups"]}


def player(section: Section, name: str, experiment: str, shard: str, model: str, folder: str) -> dict[str, Any]:
    """Settings of the step `play` for a player. `model` is the folder of a policy. Replies of language models are kept,
    and requests counted, below `folder`, in files that outlive a killed job; all shards of a player share the count."""
    given = players(section)[name]
    settings = {"backend": given["backend"], "source": given.get("source", model)}
    if given["backend"] == "model":
        settings |= given.get("generation") or section["generation"]
    if given["backend"] == "endpoint":
        settings |= given.get("endpoint") or section["endpoint"]
        if settings["per_minute"]:
            settings["limit_file"] = f"{folder}/{name}.limit"
    if given["backend"] in ("model", "endpoint"):
        settings["cache"] = f"{folder}/{experiment}/{name}.{shard}"
    return settings


def size(section: Section, name: str) -> dict[str, Any]:
    """Settings of the policies of one size: of their network and of its training."""
    given = section["policies"]["sizes"][name]
    return {**given["network"], **given["training"]}


def language(section: Section) -> bool:
    """Whether the player that most claims are about is a pretrained language model."""
    return players(section)[section["roles"]["main"]]["backend"] in ("model", "endpoint")
