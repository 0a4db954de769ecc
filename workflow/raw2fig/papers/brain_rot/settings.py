"""The section `brain_rot` of the configuration."""

from typing import Any

from pydantic import model_validator

from raw2fig.lm.batches import Optimiser
from raw2fig.lm.endpoint import Endpoint
from raw2fig.papers.brain_rot.arms import Thresholds
from raw2fig.papers.brain_rot.base import Pretraining
from raw2fig.papers.brain_rot.cpt import Reading, Treatment
from raw2fig.papers.brain_rot.judge import Judging
from raw2fig.papers.brain_rot.judges import Asking
from raw2fig.papers.brain_rot.made_posts import Posts
from raw2fig.papers.brain_rot.measure import Measure
from raw2fig.papers.brain_rot.miniature import Instructions
from raw2fig.papers.brain_rot.mix import Mixing
from raw2fig.papers.brain_rot.pretrained import Pretrained
from raw2fig.papers.brain_rot.scores import Evaluation
from raw2fig.papers.brain_rot.split import Arms, Filters
from raw2fig.papers.brain_rot.treatments import ArmName
from raw2fig.papers.brain_rot.tune import Search
from raw2fig.papers.brain_rot.world import Arithmetic
from raw2fig.settings import Field, Record, Replicates, impossible


class Base(Record):
    """Training of the models that the arms start from."""

    pretraining: Pretraining
    optimiser: Optimiser


class Miniature(Record):
    """Arms on models and posts that are made here."""

    posts: Posts
    thresholds: Thresholds = Field(description="In words, for posts that are made here.")
    arm_tokens: int = Field(ge=1, description="Tokens that an arm reads in an epoch.")
    arithmetic: Arithmetic
    base: Base
    reading: Reading
    treatment: Treatment = Field(description="What the command cpt does unless its flags say otherwise.")
    optimiser: Optimiser = Field(description="Of continual pretraining. Its rate was chosen on control arms alone.")
    search: Search
    instructions: Instructions
    evaluation: Evaluation
    familiar: list[ArmName] = Field(description="Arms that start from the base that has read posts.")
    unfamiliar: list[ArmName] = Field(description="Arms that start from the base that has not.")
    washed: list[ArmName] = Field(description="Arms that are also instructed for longer, and read clean text.")
    reflecting: list[ArmName] = Field(description="Arms that reflect on their answers after instruction tuning.")

    @model_validator(mode="after")
    def _together(self) -> Any:
        for name in ("familiar", "unfamiliar"):
            arms = getattr(self, name)
            for number, arm in enumerate(arms):
                if arms.count(arm) > 1:
                    raise impossible(f"{name}.{number}", f"is {arm!r} a second time", "each arm once")
        return self


class Split(Record):
    """Posts as junk and control, and mixes of both."""

    thresholds: Thresholds
    filters: Filters
    arms: Arms
    mixing: Mixing


class Judge(Record):
    """Posts as junk and high quality, by a judge."""

    judging: Judging
    asking: Asking
    endpoint: Endpoint


class Settings(Record):
    """Brain rot"""

    replicates: Replicates
    split: Split
    judge: Judge
    measure: Measure
    miniature: Miniature
    pretrained: Pretrained
