"""The design of the experiments on pretrained models: which policies, issues and files there are.

`settings` is the section `kimi_dev.pretrained` of the configuration. Sets of issues with rows are there once
(`SHARED`); those that are made of installed packages are made anew in each replicate. A policy is called `mid1` (a
budget of mid-training), `sft` (the cold start) or `plain-0` (an arm and a stage of reinforcement).
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

from raw2fig.fetch import given
from raw2fig.papers.kimi_dev import arms
from raw2fig.papers.kimi_dev.plan import ROOT

Settings = Mapping[str, Any]
SHARED = "shared"
COLD = "sft"
ARMS = {"plain": arms.PLAIN, "positive": arms.POSITIVE, "remedy": arms.REMEDY}
"""What arms are called in names of files → in tables."""
SOURCES = f"{ROOT}/sources"
"""Folder of files that are fetched."""


def place(replicate: int | str = "{replicate}") -> str:
    """Where everything of a replicate lies."""
    return f"{ROOT}/r{replicate}/pretrained"


def home(settings: Settings, name: str, replicate: int | str = "{replicate}") -> str:
    """Where a set of issues lies, below the paper's folder."""
    return f"r{replicate}/pretrained" if is_made(settings, name) else SHARED


def model(name: str = "{model}") -> str:
    """Folder of a pretrained model."""
    return f"{ROOT}/models/{name}"


def models(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """The pretrained models."""
    return {name: origin for name, origin in settings["models"].items() if origin}


def sets(settings: Settings, part: str = "") -> dict[str, Mapping[str, Any]]:
    """The sets of issues, of one part or of both."""
    return {name: one for name, one in settings["sets"].items() if one and part in ("", one["part"])}


def is_made(settings: Settings, name: str) -> bool:
    """Whether a set has no rows, and is made of installed packages."""
    return sets(settings)[name]["rows"]["source"] == "none"


def read(settings: Settings) -> list[str]:
    """The sets with rows."""
    return [name for name in sets(settings) if not is_made(settings, name)]


def rows(settings: Settings, name: str) -> list[str]:
    """The tables of a set."""
    return given.places(name, sets(settings)[name]["rows"], SOURCES)


def fetched_files(settings: Settings) -> dict[str, dict[str, Any]]:
    """Files that are fetched → where each is from, as `raw2fig fetch file` has it."""
    found = [given.parts(name, one["rows"]) for name, one in sets(settings).items()] if models(settings) else []
    return {part: origin for parts in found for part, origin in parts.items()}


def fetched(settings: Settings) -> list[str]:
    """Records and folders of what comes from outside, for the table of the run."""
    return [*(f"{SOURCES}/{part}.json" for part in fetched_files(settings)), *map(model, models(settings))]


def issues_in(settings: Settings, name: str, home: str) -> str:
    """Folder with the issues of a set before their audit, of the place where the set lies."""
    return f"{ROOT}/{home}/{'issues' if is_made(settings, name) else f'environments/{name}'}"


def file_in(settings: Settings, name: str) -> str:
    """The file in this folder."""
    return f"{sets(settings)[name]['part']}.jsonl" if is_made(settings, name) else "issues.jsonl"


def sound(home: str = "{home}", name: str = "{set}", kind: str = "jsonl") -> str:
    """Issues of a set that passed their audit, or the audit."""
    return f"{ROOT}/{home}/sound/{name}.{kind}"


def all_sound(settings: Settings, part: str, replicate: int | str = "{replicate}") -> list[str]:
    """The sound issues of all sets of a part."""
    return [sound(home(settings, name, replicate), name) for name in sets(settings, part)]


def budgets(settings: Settings) -> list[str]:
    """The policies of mid-training."""
    return [*settings["budgets"]] if settings["mined"] else []


def mined(number: int | str = "{number}", kind: str = "jsonl") -> str:
    """Examples of a repository's history."""
    return f"{ROOT}/{SHARED}/mined/{number}.{kind}"


def taught(settings: Settings, replicate: int | str = "{replicate}") -> str:
    """Answers that the cold start chooses from: those of a teacher, or the fixes that are known."""
    by = "teacher" if settings["teacher"] or settings["served"] else "known"
    return f"{place(replicate)}/taught/{by}.jsonl"


def policy(name: str = "{policy}", replicate: int | str = "{replicate}") -> str:
    """Folder of a policy."""
    return f"{place(replicate)}/policies/{name}"


def stages(settings: Settings) -> range:
    """Stages of reinforcement."""
    return range(settings["reinforcement"]["stages"])


def reinforced(settings: Settings) -> list[str]:
    """The policies of reinforcement; positive examples have the last stage alone."""
    last = stages(settings)[-1]
    every = product(trained(settings), stages(settings))
    return [f"{arm}-{stage}" for arm, stage in every if arm != "positive" or stage == last]


def trained(settings: Settings) -> dict[str, str]:
    """The arms of reinforcement, as `ARMS`."""
    return {name: arm for name, arm in ARMS.items() if arm in (arms.PLAIN, *settings["reinforcement"]["arms"])}


def tuned(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """The policies of supervised training, with its settings."""
    mid = {name: {**settings["midtraining"], "steps": settings["budgets"][name]} for name in budgets(settings)}
    return {**mid, COLD: settings["cold"]}


def folder_before(settings: Settings, name: str, replicate: int | str = "{replicate}") -> str:
    """Folder of what a policy begins with."""
    if name in budgets(settings) or (name == COLD and not budgets(settings)):
        return model(settings["base"])
    if name == COLD:
        return policy(budgets(settings)[-1], replicate)
    arm, _, stage = name.partition("-")
    before = f"{'plain' if arm == 'positive' else arm}-{int(stage) - 1}"
    return policy(COLD if stage == "0" else before, replicate)


def chats(settings: Settings, name: str, replicate: int | str = "{replicate}") -> str:
    """What a policy of supervised training learns from."""
    return f"{ROOT}/{SHARED}/mined.jsonl" if name in budgets(settings) else f"{place(replicate)}/cold.jsonl"


def arm_and_stage(name: str) -> dict[str, str]:
    """The arm of a policy of reinforcement, as tables call it, and its stage."""
    arm, _, stage = name.partition("-")
    return {"arm": ARMS[arm], "stage": stage}


def prompts(name: str = "{policy}", replicate: int | str = "{replicate}") -> str:
    """Prompts of a stage. Arms share those of the first one; positive examples have those of plain."""
    arm, _, stage = name.partition("-")
    return f"{place(replicate)}/prompts/{'plain' if arm == 'positive' or stage == '0' else arm}-{stage}.json"


def prompts_before(name: str, replicate: int | str = "{replicate}") -> list[str]:
    """Prompts of the stage before."""
    arm, _, stage = name.partition("-")
    return [] if stage == "0" else [prompts(f"{arm}-{int(stage) - 1}", replicate)]


def evaluated(settings: Settings) -> dict[str, str]:
    """Policies that are evaluated → what they are called in tables, as in the miniature."""
    last = stages(settings)[-1]
    mid = dict(zip(budgets(settings), arms.MIDTRAINED, strict=False))
    return {**mid, COLD: arms.SFT, **{f"{name}-{last}": arm for name, arm in trained(settings).items()}}


def answers(name: str = "{policy}", tasks: str = "{set}", replicate: int | str = "{replicate}") -> str:
    """Answers of a policy to a set of issues."""
    return f"{place(replicate)}/answers/{name}-{tasks}.jsonl"


def played(name: str = "{policy}", tasks: str = "{set}", replicate: int | str = "{replicate}") -> str:
    """Self-play of a policy on a set of issues."""
    return f"{place(replicate)}/evals/{name}-{tasks}.csv"


def games(settings: Settings) -> list[str]:
    """All tables of self-play; none without models."""
    if not models(settings):
        return []
    every = product(evaluated(settings), sets(settings, "test"), settings["replicates"])
    return [played(*one) for one in every]


def logs(settings: Settings) -> list[str]:
    """Logs of reinforcement; none without models."""
    if not models(settings):
        return []
    every = product(reinforced(settings), settings["replicates"])
    return [f"{policy(name, replicate)}.csv" for name, replicate in every]


def audits(settings: Settings) -> list[str]:
    """Audits of all sets of issues; none without models."""
    if not models(settings):
        return []
    every = product(sets(settings), settings["replicates"])
    return list(dict.fromkeys(sound(home(settings, name, replicate), name, "csv") for name, replicate in every))
