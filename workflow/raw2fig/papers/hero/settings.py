"""The section `hero` of the configuration."""

from typing import Any, Literal

from pydantic import model_validator

from raw2fig.errors import InputError
from raw2fig.lm.finetune import Training
from raw2fig.papers.hero.answers import Checking
from raw2fig.papers.hero.cold_start import ColdStart
from raw2fig.papers.hero.evaluate import Sampling
from raw2fig.papers.hero.pool import Pool, Solutions
from raw2fig.papers.hero.problems import Sums
from raw2fig.papers.hero.regimes import Sets
from raw2fig.papers.hero.reward_model import Labelled
from raw2fig.papers.hero.shaping import Arm, Shaping
from raw2fig.papers.hero.train import parse_run
from raw2fig.rl.recipe import Recipe
from raw2fig.settings import Field, Record, Replicates, UserFile, impossible


class Alpha(Record):
    """Half-width of the band of wrong completions (Eq. 3), by training set."""

    easy: float = Field(ge=0, lt=1, description="On problems whose solutions the rule accepts.")
    mixed: float = Field(ge=0, lt=1, description="On problems of both kinds.")
    hard: float = Field(ge=0, lt=1, description="On problems whose solutions the rule does not accept.")


class Source(Record):
    """A file that is not shipped: none of it, your copy (path), or a download."""

    source: Literal["none", "path", "url", "hub"]
    path: UserFile | None = Field(description="Your copy.")
    url: str | None = Field(description="Address of the file.")
    dataset: str | None = Field(description="Data set on the hub that holds the file.")
    file: str | None = Field(description="Name of the file in that data set.")
    revision: str | None = Field(description="Commit, tag or branch on the hub.")
    sha256: str | None = Field(pattern="^[0-9a-fA-F]{64}$", description="SHA-256 of the file.")

    @model_validator(mode="after")
    def _given(self) -> Any:
        needed = {"path": "path", "url": "url", "hub": "dataset"}.get(self.source)
        if needed and getattr(self, needed) is None:
            raise impossible(needed, "is null", f"a value for the source {self.source}")
        return self


class Released(Record):
    """Models that the paper starts from."""

    source: Literal["path", "hub"]
    policy: str | None = Field(description="Policy before its cold start: a folder or a hub id.")
    policy_revision: str | None
    judge: str | None = Field(description="Reward model: a folder or a hub id.")
    judge_revision: str | None
    judge_name: str = Field(pattern="^[A-Za-z0-9._-]+$", description="Name of the reward model in names of runs.")


class PolicySettings(Record):
    """Cold start: the policy that RL starts from."""

    policy: ColdStart
    training: Training


class RewardModelSettings(Record):
    """Training of a reward model."""

    labelled: Labelled
    training: Training


class Sft(Record):
    """Cold start of a released model."""

    solutions: Solutions
    training: Training


class Rl(Record):
    """RL with shaped rewards."""

    recipe: Recipe
    alpha: Alpha
    shaping: Shaping


class Settings(Record):
    """HERO"""

    seeds: Replicates
    source: Literal["sums", "real"] = Field(
        description="sums: problems, policy and reward model are made here; real: the paper's."
    )
    launch: str = Field(description="Put before training commands.")
    checking: Checking
    problems: Sums
    regimes: Sets
    cold_start: PolicySettings
    noises: list[float] = Field(min_length=1, description="Shares of flipped labels, one reward model for each.")
    reward_model: RewardModelSettings
    arms: list[Arm] = Field(min_length=1, description="Arms that are trained on every set with both scales.")
    ablations: list[str] = Field(description="Arm and scale of runs on the hard set alone.")
    train: Rl
    evaluation: Sampling
    verifier_answers: int = Field(ge=2, description="Answers on which verifiers are compared.")
    pool_files: list[UserFile] = Field(description="Parquet files of the pool, in place of the hub.")
    pool: Pool
    prompt_tokens: int = Field(ge=1, description="Tokens of the longest prompt of the pool.")
    released: Released
    sft: Sft
    benchmarks: Source
    hardverify: Source

    @model_validator(mode="after")
    def _together(self) -> Any:
        for number, noise in enumerate(self.noises):
            if not 0 <= noise <= 1 or self.noises.count(noise) > 1:
                raise impossible(f"noises.{number}", f"is {noise}", "different shares from 0 to 1")
        for number, name in enumerate(self.ablations):
            try:
                parse_run(f"{name}-0")
            except InputError as error:
                raise impossible(f"ablations.{number}", str(error).partition(": ")[2], "arm-scale") from None
        if self.source == "real":
            for key in ("policy", "judge"):
                if getattr(self.released, key) is None:
                    raise impossible(f"released.{key}", "is null", "a model, with real problems")
            if self.benchmarks.source == "none":
                raise impossible("benchmarks.source", "is 'none'", "path, url or hub, with real problems")
            if self.hardverify.source == "none":
                raise impossible("hardverify.source", "is 'none'", "path, url or hub, with real problems")
            if not self.pool_files and self.pool.dataset is None:
                raise impossible("pool.dataset", "is null", "a data set, or files in pool_files")
        return self
