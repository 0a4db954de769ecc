"""The section `hero` of the configuration."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

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
from raw2fig.papers.hero.shape import Reward
from raw2fig.papers.hero.shaping import Arm, Shaping
from raw2fig.papers.hero.train import parse_run
from raw2fig.rl.recipe import Recipe
from raw2fig.settings import Field, Record, Replicates, UserFile, impossible

COMPARED = ("verifier_only", "rm_only", "naive", "hero")
"""Arms that claims and figures compare."""
ABLATED = ("hero_no_weight-none", "hero_no_weight-group", "hero_neg_only-none", "hero_pos_only-none")
"""Ablations on the hard set that figures compare."""
EASY_ABLATED = ("hero_no_weight-none", "hero_neg_only-none", "hero_pos_only-none")
"""Ablations on the easy set, where the paper has them, that claims compare."""


class Alpha(Record):
    """Half-width of the band of wrong completions (Eq. 3), by training set."""

    easy: float = Field(ge=0, lt=1, description="On problems whose solutions the rule accepts.")
    mixed: float = Field(ge=0, lt=1, description="On problems of both kinds.")
    hard: float = Field(ge=0, lt=1, description="On problems whose solutions the rule does not accept.")


class OtherAlphas(Record):
    """Other half-widths with which HERO is trained, to compare with those of `train.alpha`."""

    easy: list[Annotated[float, Field(gt=0, lt=0.5)]] = Field(description="On the easy set.")
    mixed: list[Annotated[float, Field(gt=0, lt=0.5)]] = Field(description="On the mixed set.")


class Source(Record):
    """A file that is not shipped: none of it, your copy (path), or a download."""

    source: Literal["none", "path", "url", "hub"]
    path: UserFile | None = Field(description="Your copy.")
    url: str | None = Field(pattern="^https?://", description="Address of the file.")
    dataset: str | None = Field(description="Data set on the hub that holds the file.")
    file: str | None = Field(description="Name of the file in that data set.")
    revision: str | None = Field(description="Commit, tag or branch on the hub.")
    sha256: str | None = Field(pattern="^[0-9a-fA-F]{64}$", description="SHA-256 of the file.")

    @model_validator(mode="after")
    def _given(self) -> Any:
        for key in {"path": ["path"], "url": ["url"], "hub": ["dataset", "file"]}.get(self.source, []):
            if getattr(self, key) is None:
                raise impossible(key, "is null", f"a value for the source {self.source}")
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

    @model_validator(mode="after")
    def _bands_apart(self) -> Any:
        for name, wrong in self.alpha.model_dump().items():
            right = wrong if self.shaping.beta_band is None else self.shaping.beta_band
            if wrong + right >= 1:
                expected = "a sum below 1, or the two bands overlap"
                raise impossible(f"alpha.{name}", f"is {wrong:g}, and the band of correct ones {right:g}", expected)
        return self


class Settings(Record):
    """HERO"""

    replicates: Replicates
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
    arms: list[Arm] = Field(description="Arms that are trained on every set with both scales.")
    ablations: list[str] = Field(description="Arm and scale of further runs on the hard set.")
    easy_ablations: list[str] = Field(description="Arm and scale of further runs on the easy set.")
    train: Rl
    alphas: OtherAlphas
    shape: Reward
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
        names = [f"{noise:g}" for noise in self.noises]
        for number, noise in enumerate(self.noises):
            if not 0 <= noise < 0.5 or names.count(names[number]) > 1:
                raise impossible(f"noises.{number}", f"is {noise:g}", "different shares from 0 to less than 0.5")
        if sorted(self.arms) != sorted(COMPARED):
            raise impossible("arms", f"is {self.arms}", f"each of {', '.join(COMPARED)} once: the claims compare them")
        for name, alphas in self.alphas.model_dump().items():
            for number, alpha in enumerate(alphas):
                if alpha == getattr(self.train.alpha, name) or alphas.count(alpha) > 1:
                    expected = f"different widths, other than train.alpha.{name}"
                    raise impossible(f"alphas.{name}.{number}", f"is {alpha:g}", expected)
        _check_ablations("ablations", self.ablations, ABLATED)
        _check_ablations("easy_ablations", self.easy_ablations, EASY_ABLATED)
        if self.source == "sums":
            self._sums_fit()
        else:
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

    def _sums_fit(self) -> None:
        if self.regimes.size > self.problems.train:
            expected = f"at most problems.train, {self.problems.train}: each sum is in the easy or in the hard set once"
            raise impossible("regimes.size", f"is {self.regimes.size}", expected)
        # a sign, one digit more than the numbers have, and the end
        longest = self.problems.digits + 3
        if self.train.recipe.max_new_tokens < longest:
            problem, expected = (
                f"is {self.train.recipe.max_new_tokens}",
                f"at least {longest}, which a signed answer has",
            )
            raise impossible("train.recipe.max_new_tokens", problem, expected)


def _check_ablations(key: str, runs: list[str], compared: Sequence[str]) -> None:
    """Refuse runs of the setting `key` that are none, that others are, or that lack one that is `compared`."""
    for number, name in enumerate(runs):
        try:
            arm = parse_run(f"{name}-0").arm
        except InputError as error:
            problem = str(error).partition(": ")[2].partition("; expected ")
            raise impossible(f"{key}.{number}", problem[0], problem[2]) from None
        if arm in COMPARED or runs.count(name) > 1:
            raise impossible(f"{key}.{number}", f"is {name!r}", "a run that no other entry or arm has")
    for name in compared:
        if name not in runs:
            raise impossible(key, f"is {runs}", f"{name} among them: claims or figures compare it")
