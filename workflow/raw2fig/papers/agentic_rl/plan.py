"""The design of the experiment: which policies there are, what each starts from, and which files there are."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

ROOT = "<results>/agentic_rl"
KINDS = ("real", "stitched")
"""Demonstrations that are compared, and policies that learned from them."""
MAIN, NARROW, EASY = "problems", "narrow", "easy"
"""Sets of problems: those of every comparison; of one family; such as a policy can solve without the tool."""
REAL, WEAK, LONG_COT, TAUGHT = "real", "weak-real", "long_cot", "taught"
"""Policies that RL starts from: after real trajectories, after some of the updates, after solutions in text, and the
same after some real trajectories."""
WITHOUT = "without the tool"
NO_TOOL = f"{REAL}, {WITHOUT}"
"""The policy after real trajectories with a tool that always fails."""


class Group(NamedTuple):
    """Arms that are trained from the same start on the same problems, in one job."""

    start: str
    problems: str
    curated: bool = False


GROUPS = {
    "recipes": Group(REAL, MAIN),
    "weak": Group(WEAK, MAIN),
    "curated": Group(WEAK, MAIN, curated=True),
    "narrow": Group(REAL, NARROW),
    "long_cot_easy": Group(LONG_COT, EASY),
    "long_cot": Group(LONG_COT, MAIN),
    "taught": Group(TAUGHT, MAIN),
}
"""Name in the configuration → its group."""


def published(name: str) -> str:
    """Table of published numbers, which ships with the repository."""
    return f"config/agentic_rl/{name}.csv"


def together(name: str) -> str:
    """Table of all replicates."""
    return f"{ROOT}/evals/{name}.csv"


def problems(replicate: int | str = "{replicate}", name: str = MAIN) -> str:
    """Problems of a replicate."""
    return f"{ROOT}/r{replicate}/data/{name}.parquet"


def demonstrations(replicate: int | str = "{replicate}", kind: str = "{kind}") -> str:
    """Trajectories of a kind."""
    return f"{ROOT}/r{replicate}/data/{kind}.jsonl"


def shown(kind: str) -> str:
    """The set of problems that demonstrations of a kind solve."""
    return EASY if kind == LONG_COT else MAIN


def described(replicate: int | str = "{replicate}", kind: str = "{kind}") -> str:
    """Statistics of these."""
    return f"{ROOT}/r{replicate}/evals/{kind}.json"


def policy(replicate: int | str = "{replicate}", kind: str = "{kind}") -> str:
    """Folder of a policy before RL."""
    return f"{ROOT}/r{replicate}/models/{kind}"


def weak(replicate: int | str = "{replicate}", kind: str = "{kind}") -> str:
    """Folder of the policy on the way to another one."""
    return policy(replicate, f"weak-{kind}")


def trained(replicate: int | str = "{replicate}", group: str = "{group}") -> str:
    """Folder with a policy for each arm of a group."""
    return f"{ROOT}/r{replicate}/models/rl/{group}"


def updates(replicate: int | str = "{replicate}", group: str = "{group}") -> str:
    """Log of the updates of a group."""
    return f"{ROOT}/r{replicate}/evals/updates-{group}.csv"


def rates(replicate: int | str = "{replicate}", kind: str = "{kind}") -> str:
    """Pass rates of a policy on the problems of RL."""
    return f"{ROOT}/r{replicate}/evals/rates-{kind}.csv"


def curated(replicate: int | str = "{replicate}") -> str:
    """Problems that model-aware curation keeps for the weak policy."""
    return f"{ROOT}/r{replicate}/data/curated.csv"


def measured(replicate: int | str = "{replicate}") -> str:
    """Measures of the policies of a replicate."""
    return f"{ROOT}/r{replicate}/evals/measured.csv"


def groups(arms: Mapping[str, Sequence[str]]) -> list[str]:
    """Groups that have arms, in the order of `GROUPS`."""
    return [name for name in GROUPS if arms.get(name)]


def starts(arms: Mapping[str, Sequence[str]]) -> list[str]:
    """Policies that these groups start from, `real` first, `stitched` behind it."""
    used = [GROUPS[name].start for name in groups(arms)]
    return list(dict.fromkeys([*KINDS, *used]))


def folders(arms: Mapping[str, Sequence[str]], replicate: int | str = "{replicate}") -> list[str]:
    """Folders that rules make for the policies that are evaluated: of those before RL, then of groups."""
    before = [policy(replicate, kind) for kind in starts(arms)]
    return before + [trained(replicate, group) for group in groups(arms)]


def evaluated(arms: Mapping[str, Sequence[str]], made: Sequence[str]) -> dict[str, str]:
    """Name of each policy that is evaluated → its model folder, in or among the `folders` that were `made`."""
    before = starts(arms)
    found = dict(zip(before, made, strict=False))
    after = zip(groups(arms), made[len(before) :], strict=True)
    return found | {NO_TOOL: found[REAL]} | {arm: f"{folder}/{arm}" for group, folder in after for arm in arms[group]}


def inputs(group: str, replicate: int | str = "{replicate}") -> dict[str, str]:
    """What the training of a group reads."""
    design = GROUPS[group]
    found = {"start": policy(replicate, design.start), "problems": problems(replicate, design.problems)}
    return found | ({"chosen": curated(replicate)} if design.curated else {})


def chains_of(name: str, section: Mapping[str, Any]) -> Any:
    """Settings of the chains of a set of problems."""
    return section["chains"] if name == MAIN else section["others"][name]


RECIPES = ("T", "TC", "TR", "TCR", "SCR")
COMPARED = {
    "clip_sweep": ("TCR", "TCR-0.315", "TCR-0.35"),
    "paid": ("weak-unpaid", "weak-paid"),
    "diversity": ("TCR", "narrow"),
    "curation": ("uncurated", "curated"),
    "long_cot": ("TCR", "long-CoT-SFT", "long-CoT", "long-CoT-easy"),
}
"""Figure → the arms that it compares."""


def figures(arms: Mapping[str, Sequence[str]]) -> list[tuple[str, list[str], list[str]]]:
    """Figures of RL that can be drawn: name, groups with the arms, and the arms to draw where they are not always the
    same ones."""
    group_of = {arm: group for group in groups(arms) for arm in arms[group]}
    chosen = {"learning": RECIPES, "calls": ("T", "TCR", "TCR-paid")}
    shown = {name: [arm for arm in some if arm in group_of] for name, some in chosen.items()}
    whole = {name: list(some) for name, some in COMPARED.items() if all(arm in group_of for arm in some)}
    drawn = {name: some for name, some in (shown | whole).items() if some}
    return [
        (name, list(dict.fromkeys(group_of[arm] for arm in some)), some if name in chosen else [])
        for name, some in drawn.items()
    ]
