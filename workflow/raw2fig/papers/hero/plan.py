"""The design of the experiment: replicates, reward models, runs of RL, policies that are evaluated together, and their
files.

`settings` is the section `hero` of the configuration. A replicate has a folder of its own. At laptop scale it draws
problems, cold start, reward models, RL and evaluation anew. A pool of real problems, a released policy and a released
reward model are there once; a replicate then draws its training sets from the pool, and all that follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

REGIMES = ("easy", "mixed", "hard")
SCALES = ("none", "group")
EVALUATED = ("start", *REGIMES)
"""Policies that are evaluated together: the one before RL, and those of a training set."""
ROOT = "<results>/hero"
Settings = Mapping[str, Any]


class Trained(NamedTuple):
    """A run of RL: its replicate, its training set, and its name (arm-scale-reward model)."""

    replicate: int
    regime: str
    run: str

    @property
    def model(self) -> str:
        """Folder of the policy."""
        return f"{folder(self.replicate)}/models/rl/{self.regime}/{self.run}"

    @property
    def log(self) -> str:
        """The record of its updates."""
        return f"{self.model}.json"


def folder(replicate: int | str = "{replicate}") -> str:
    """Folder of a replicate."""
    return f"{ROOT}/r{replicate}"


def is_procedural(settings: Settings) -> bool:
    """Whether problems, policies and reward models are made here."""
    return settings["source"] == "sums"


def where(settings: Settings, replicate: int | str) -> str:
    """Folder of what is made in each replicate at laptop scale, and is there once where it is real."""
    return folder(replicate) if is_procedural(settings) else ROOT


def reward_models(settings: Settings) -> list[str]:
    """Names of the reward models, the first being that of the comparison. Those trained here are called by the noise of
    their labels."""
    return [f"{n:g}" for n in settings["noises"]] if is_procedural(settings) else [settings["released"]["judge_name"]]


def evaluation(settings: Settings, replicate: int | str = "{replicate}") -> str:
    """The problems that policies are evaluated on."""
    name = "problems" if is_procedural(settings) else "evaluation"
    return f"{where(settings, replicate)}/data/{name}.parquet"


def pool(settings: Settings, replicate: int | str = "{replicate}") -> str:
    """The problems with candidate solutions that the training sets are made of."""
    name = "problems" if is_procedural(settings) else "candidates"
    return f"{where(settings, replicate)}/data/{name}.parquet"


def start(settings: Settings, replicate: int | str = "{replicate}") -> str:
    """Folder of the policy that RL starts from."""
    return f"{where(settings, replicate)}/models/start"


def start_logs(settings: Settings) -> list[str]:
    """Records of the cold starts, which tell whether each reached its target; none of a released model's, which has
    no target."""
    return [f"{start(settings, r)}.json" for r in settings["replicates"]] if is_procedural(settings) else []


def reward_model(settings: Settings, name: str, replicate: int | str = "{replicate}") -> str:
    """Folder of a reward model."""
    return f"{where(settings, replicate)}/models/" + (f"reward/{name}" if is_procedural(settings) else "judge")


def runs(settings: Settings) -> list[str]:
    """Runs on every training set: each arm with both scales."""
    first = reward_models(settings)[0]
    return [f"{arm}-{scale}-{first}" for arm in settings["arms"] for scale in SCALES]


def ablations(settings: Settings, regime: str = "hard") -> list[str]:
    """Further runs on the hard or the easy set."""
    named = settings["easy_ablations" if regime == "easy" else "ablations"]
    return [f"{run}-{reward_models(settings)[0]}" for run in named]


def noisy(settings: Settings) -> list[str]:
    """Runs on the hard set with reward models of noisy labels."""
    return [f"hero-none-{name}" for name in reward_models(settings)[1:]]


def trained(settings: Settings) -> list[Trained]:
    """All runs of RL."""
    of_sets = {regime: runs(settings) for regime in REGIMES}
    of_sets["easy"] = [*of_sets["easy"], *ablations(settings, "easy")]
    of_sets["hard"] = [*of_sets["hard"], *ablations(settings), *noisy(settings)]
    return [
        Trained(replicate, regime, run)
        for replicate in settings["replicates"]
        for regime, names in of_sets.items()
        for run in names
    ]


def widths(settings: Settings) -> list[str]:
    """Training sets with another half-width of the band of wrong answers than the one of the comparison: easy-alpha-0.1
    and the like. HERO alone is trained on them, with centred advantages."""
    return [f"{regime}-alpha-{alpha:g}" for regime, alphas in settings["alphas"].items() for alpha in alphas]


def of_width(settings: Settings, width: str = "{regime}-alpha-{alpha}", replicate: int | str = "{replicate}") -> str:
    """Folder of the policy that is trained with such a band."""
    return f"{folder(replicate)}/models/rl/{width}/hero-none-{reward_models(settings)[0]}"


def policies(settings: Settings, together: str, replicate: int | str) -> dict[str, str]:
    """Folders of the policies that are evaluated together, by their names in the scores."""
    if together == "start":
        return {"start/-": start(settings, replicate)}
    if together in widths(settings):
        model = of_width(settings, together, replicate)
        return {f"{together}/{model.rpartition('/')[2]}": model}
    chosen = [one for one in trained(settings) if (str(one.replicate), one.regime) == (str(replicate), together)]
    return {f"{one.regime}/{one.run}": one.model for one in chosen}


def in_each(settings: Settings, *names: str) -> list[str]:
    """Files of every replicate's evaluation: each name in each of their folders."""
    return [f"{folder(replicate)}/evals/{name}.parquet" for replicate in settings["replicates"] for name in names]


def scores(settings: Settings) -> list[str]:
    """Held-out scores of all policies."""
    return in_each(settings, *(f"scores-{together}" for together in EVALUATED))


def width_logs(settings: Settings) -> list[str]:
    """Logs of the runs with other bands."""
    return [
        f"{of_width(settings, width, replicate)}.json"
        for replicate in settings["replicates"]
        for width in widths(settings)
    ]


def width_scores(settings: Settings) -> list[str]:
    """Held-out scores of the policies that are trained with other bands."""
    return in_each(settings, *(f"scores-{width}" for width in widths(settings)))


def rollouts(settings: Settings) -> list[str]:
    """Completions of the policies before RL, each scored by its reward model of the comparison."""
    return in_each(settings, f"rollouts-{reward_models(settings)[0]}")


def has_benchmark(settings: Settings) -> bool:
    """Whether a source of HardVerify-Math is configured."""
    return settings["hardverify"]["source"] != "none"


def file_of(settings: Settings, name: str) -> str:
    """Where a benchmark lies: the user's file, or the one fetched."""
    suffix = {"hardverify": "json", "benchmarks": "parquet"}[name]
    given = settings[name]
    return given["path"] if given["source"] == "path" else f"{ROOT}/sources/{name}.{suffix}"


def fetched(settings: Settings) -> list[str]:
    """Records and folders of what comes from outside, for the table of the run."""
    files = [name for name in ("hardverify", "benchmarks") if settings[name]["source"] in ("url", "hub")]
    records = [f"{ROOT}/sources/{name}.record.json" for name in files]
    if is_procedural(settings):
        return records
    return [*records, f"{ROOT}/sources/pool.record.json", f"{ROOT}/models/policy", f"{ROOT}/models/judge"]
