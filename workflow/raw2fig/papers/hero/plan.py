"""The design of the experiment: reward models, runs of RL, policies that are evaluated together, and their files.

`settings` is the section `hero` of the configuration. At laptop scale everything that is trained before RL is each
seed's own; a released policy and reward model are there once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

REGIMES = ("easy", "mixed", "hard")
SCALES = ("none", "group")
ROOT = "<results>/hero"
PROBLEMS = f"{ROOT}/data/problems.parquet"
Settings = Mapping[str, Any]


class Trained(NamedTuple):
    """A run of RL: its training set, its name (arm-scale-reward model), and its seed."""

    regime: str
    run: str
    seed: int

    @property
    def log(self) -> str:
        """The record of its updates."""
        return f"{ROOT}/models/rl/{self.regime}-s{self.seed}/{self.run}.json"


def is_procedural(settings: Settings) -> bool:
    """Whether problems, policies and reward models are made here."""
    return settings["source"] == "sums"


def reward_models(settings: Settings) -> list[str]:
    """Names of the reward models, the first being that of the comparison. Those trained here are called by the noise of
    their labels."""
    return [f"{n:g}" for n in settings["noises"]] if is_procedural(settings) else [settings["released"]["judge_name"]]


def owners(settings: Settings) -> list[str]:
    """Endings of the names of what is trained before RL, one for each seed that has models of its own."""
    return [f"-s{seed}" for seed in settings["seeds"]] if is_procedural(settings) else [""]


def evaluation(settings: Settings) -> str:
    """The problems that policies are evaluated on."""
    return PROBLEMS if is_procedural(settings) else f"{ROOT}/data/evaluation.parquet"


def pool(settings: Settings) -> str:
    """The problems with candidate solutions that the training sets are made of."""
    return PROBLEMS if is_procedural(settings) else f"{ROOT}/data/candidates.parquet"


def start(settings: Settings, seed: Any = "{seed}") -> str:
    """Folder of the policy that a seed's RL starts from."""
    return f"{ROOT}/models/start-s{seed}" if is_procedural(settings) else f"{ROOT}/models/start"


def start_logs(settings: Settings) -> list[str]:
    """Records of the cold starts, which tell whether each reached its target; none of a released model's, which has
    no target."""
    return [f"{start(settings, seed)}.json" for seed in settings["seeds"]] if is_procedural(settings) else []


def reward_model(settings: Settings, name: str, seed: Any = "{seed}") -> str:
    """Folder of a seed's reward model."""
    return f"{ROOT}/models/reward-s{seed}/{name}" if is_procedural(settings) else f"{ROOT}/models/judge"


def runs(settings: Settings) -> list[str]:
    """Runs on every training set: each arm with both scales."""
    first = reward_models(settings)[0]
    return [f"{arm}-{scale}-{first}" for arm in settings["arms"] for scale in SCALES]


def ablations(settings: Settings) -> list[str]:
    """Runs on the hard set alone."""
    return [f"{run}-{reward_models(settings)[0]}" for run in settings["ablations"]]


def noisy(settings: Settings) -> list[str]:
    """Runs on the hard set with reward models of noisy labels, for the first seed alone: a reward model costs more than
    ten runs of RL."""
    return [f"hero-none-{name}" for name in reward_models(settings)[1:]]


def trained(settings: Settings) -> list[Trained]:
    """All runs of RL."""
    seeds = settings["seeds"]
    return [
        *(Trained(regime, run, seed) for regime in REGIMES for run in runs(settings) for seed in seeds),
        *(Trained("hard", run, seed) for run in ablations(settings) for seed in seeds),
        *(Trained("hard", run, seeds[0]) for run in noisy(settings)),
    ]


def evaluated(settings: Settings) -> list[str]:
    """Policies that are evaluated together: one before RL, and those of a training set and seed."""
    starts = [f"start{own}" for own in owners(settings)]
    return starts + [f"{regime}-s{seed}" for regime in REGIMES for seed in settings["seeds"]]


def seed_of(together: str) -> str:
    """Seed of policies that are evaluated together; 0 for the one policy before RL of all seeds."""
    return together.partition("-s")[2] or "0"


def policies(settings: Settings, together: str) -> dict[str, str]:
    """Folders of the policies that are evaluated together, by their names in the scores."""
    if together.startswith("start"):
        seed = seed_of(together)
        return {f"start/-/{seed}": start(settings, seed)}
    return {
        f"{one.regime}/{one.run}/{one.seed}": f"{ROOT}/models/rl/{together}/{one.run}"
        for one in trained(settings)
        if f"{one.regime}-s{one.seed}" == together
    }


def scores(settings: Settings) -> list[str]:
    """Held-out scores of all policies."""
    return [f"{ROOT}/evals/scores-{together}.parquet" for together in evaluated(settings)]


def rollouts(settings: Settings) -> list[str]:
    """Completions of the policies before RL, each scored by its reward model of the comparison. The first file is
    enough for what needs no interval over seeds."""
    return [f"{ROOT}/evals/rollouts{own}-{reward_models(settings)[0]}.parquet" for own in owners(settings)]


def has_benchmark(settings: Settings) -> bool:
    """Whether a source of HardVerify-Math is configured."""
    return settings["hardverify"]["source"] != "none"


def ladders(settings: Settings) -> list[str]:
    """Tables of verifiers on answers whose truth is known: the policy's, and HardVerify-Math."""
    names = ["verifiers.miniature", *(["verifiers"] if has_benchmark(settings) else [])]
    return [f"{ROOT}/tables/{name}.csv" for name in names]


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
