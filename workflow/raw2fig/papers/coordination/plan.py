"""The design of the experiment: who plays what, which groups are tested, and where the files of that lie.

Personas, games, policies and the tests of groups are drawn anew in each replicate and lie in its folder. Each function
takes the paper's section of the configuration.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

RESULTS = "<results>/coordination"
REPLICATE = "{replicate}"
"""The wildcard."""

Section = Mapping[str, Any]


def experiments(section: Section) -> dict[str, Any]:
    """The experiments that are done."""
    return {name: given for name, given in section["experiments"].items() if given}


def policies(section: Section) -> list[str]:
    """Names of the tiny policies that play, and so are trained."""
    playing = {name for one in experiments(section).values() for name in one["players"]}
    return [size for size in section["policies"]["sizes"] if size in playing]


def players(section: Section) -> dict[str, Any]:
    """All players by name, with their backends."""
    named = {name: given for name, given in section["players"].items() if given}
    return named | {name: {"backend": "policy"} for name in policies(section)}


def tested(section: Section) -> list[str]:
    """Experiments whose groups are tested for coordination; in the others only success counts."""
    return [name for name, given in experiments(section).items() if given["tested"]]


def untrained(section: Section) -> list[str]:
    """Tested experiments in which no policy plays: their games count one by one, whatever replicate they are of."""
    trained = set(policies(section))
    return [name for name in tested(section) if not trained & set(experiments(section)[name]["players"])]


def sweeps(section: Section) -> list[str]:
    """Experiments over group sizes and over temperatures."""
    return list(dict.fromkeys([section["sweeps"]["sizes"], section["sweeps"]["temperatures"]]))


def compared(section: Section) -> list[str]:
    """Experiments with one group size and temperature."""
    return [name for name in experiments(section) if name not in sweeps(section)]


def shown(section: Section) -> list[str]:
    """Players that have a panel where not all have one."""
    roles = section["roles"]
    return list(dict.fromkeys([roles["main"], roles["larger"], roles["smaller"]]))


def names(choices: Iterable[object]) -> str:
    """A regular expression of these names, one that matches nothing for none."""
    return "|".join(re.escape(str(name)) for name in choices) or "(?!)"


def packages(section: Section) -> dict[str, dict[str, str]]:
    """The playing models that are fetched from a Python package, by the name of the player → where they are from."""
    playing = {name for one in experiments(section).values() for name in one["players"]}
    return {
        name: {key: given[key] for key in ("package", "sha256") if given.get(key)}
        for name, given in players(section).items()
        if given.get("package") and name in playing
    }


def fetched(player: str = "{player}") -> str:
    """Folder of a model that is fetched: one for all replicates."""
    return f"{RESULTS}/models/{player}"


def backed_by(section: Section, *backends: str) -> str:
    """The players with one of these backends that need no model folder from another rule, as a regular expression."""
    ready = {name: given for name, given in players(section).items() if name not in packages(section)}
    return names(name for name, given in ready.items() if given["backend"] in backends)


def made(kind: str, name: str, replicate: object = REPLICATE) -> str:
    """A file of a replicate; `kind` is a folder, such as data."""
    return f"{RESULTS}/r{replicate}/{kind}/{name}"


def played(section: Section, kind: str, experiment: str, replicate: object = REPLICATE) -> list[str]:
    """Files of all shards of an experiment; `kind` is games, transcripts or outcomes."""
    given = experiments(section)[experiment]
    return [
        made("games", f"{experiment}/{player}.{shard}.{kind}.parquet", replicate)
        for player in given["players"]
        for shard in range(given["shards"])
    ]


def evaluated(chosen: Iterable[str], kind: str, replicate: object = REPLICATE) -> list[str]:
    """Tables `kind`, such as `early.parquet`, of the experiments `chosen`."""
    return [made("evals", f"{name}.{kind}", replicate) for name in chosen]


def in_all(section: Section, files: Iterable[str]) -> list[str]:
    """Files of a replicate in every replicate."""
    return [file.replace(REPLICATE, str(replicate)) for replicate in section["replicates"] for file in files]


def games(section: Section, kind: str, chosen: Iterable[str]) -> list[str]:
    """Files of all shards of the experiments `chosen` in all replicates."""
    return in_all(section, [file for name in chosen for file in played(section, kind, name)])


def over_all(chosen: Iterable[str], kind: str) -> list[str]:
    """Tables `kind`, such as `rates.csv`, of the experiments `chosen` over all replicates."""
    return [f"{RESULTS}/evals/{name}.{kind}" for name in chosen]


def calibrated(section: Section) -> list[str]:
    """Tables of all calibrations."""
    return [f"{RESULTS}/evals/calibration-{name}.csv" for name in section["calibration"]]


def criteria(section: Section) -> list[str]:
    """Tables of all tests of groups."""
    robust = [name for name in tested(section) if experiments(section)[name]["variants"]]
    files = [file for kind in ("shuffles", "functional") for file in evaluated(tested(section), f"{kind}.parquet")]
    return in_all(section, [*files, *evaluated(robust, "variants.parquet")])


def tests_of(section: Section, kind: str, experiment: str) -> dict[str, Any]:
    """Settings of the tests `kind` (shuffles or functional) of an experiment, which says how many groups are tested."""
    return {**section["tests"][kind], "groups": experiments(section)[experiment]["groups"]}


def player(
    section: Section, name: str, experiment: str, shard: str, model: str, folder: str, replicate: object = REPLICATE
) -> dict[str, Any]:
    """Settings of the step `play` for a player. `model` is the folder of a policy. Replies of language models are kept,
    and requests counted, below `folder`, in files that outlive a killed job; all shards of a player share the count."""
    given = players(section)[name]
    settings = {"backend": given["backend"], "source": given.get("source") or model}
    if given["backend"] == "model":
        settings |= given.get("generation") or section["generation"]
    if given["backend"] == "endpoint":
        settings |= given.get("endpoint") or section["endpoint"]
        if settings["per_minute"]:
            settings["limit_file"] = f"{folder}/limits/{name}.limit"
    if given["backend"] in ("model", "endpoint"):
        settings["cache"] = f"{folder}/r{replicate}/replies/{experiment}/{name}.{shard}"
    return settings


def size(section: Section, name: str) -> dict[str, Any]:
    """Settings of the policies of one size: of their network and of its training."""
    given = section["policies"]["sizes"][name]
    return {**given["network"], **given["training"]}


def language(section: Section) -> bool:
    """Whether the player that most claims are about is a pretrained language model."""
    return players(section)[section["roles"]["main"]]["backend"] in ("model", "endpoint")
