"""The section `brain_rot.pretrained` of the configuration: pretrained models that read junk or control text."""

from typing import Any, Literal

from pydantic import model_validator

from raw2fig.fetch.given import DataFiles, check_given
from raw2fig.fetch.origin import ModelOrigin
from raw2fig.lm.batches import Optimiser
from raw2fig.lm.scheduled import Machine
from raw2fig.papers.brain_rot.arms import Thresholds
from raw2fig.papers.brain_rot.cpt import Reading
from raw2fig.papers.brain_rot.english_posts import EnglishPosts
from raw2fig.papers.brain_rot.harness import Harness
from raw2fig.papers.brain_rot.instruct import InstructionTuning
from raw2fig.papers.brain_rot.measure import Measure
from raw2fig.papers.brain_rot.treatments import ArmName, parse_arm
from raw2fig.papers.brain_rot.tune import Search
from raw2fig.settings import Field, Record, Seed, UserFile, impossible, one_of


class Panel(Record):
    """Every one of some arms of some models in some replicates, and the models before they read anything."""

    models: list[str] = Field(description="Names of models; []: the panel is not run.")
    replicates: list[Seed] = Field(description="Replicates.")
    arms: list[ArmName] = Field(description="Arms, as definition/ratio/schedule/eos/loss.")


class JudgeOfPosts(Record):
    """Who says what junk is in arms of M2."""

    judged_by: Literal["rules", "endpoint", "local"] = Field(description="Judge, as in the command judge.")
    judge_model: str | None = Field(description="Its model at the endpoint, or its folder or hub id.")


class Instructed(Record):
    """Instruction tuning of all models, before they are measured."""

    tuning: InstructionTuning
    data: DataFiles = Field(description="Table of instruction, input and output; none: no instruction tuning.")


class Pretrained(Record):
    """Pretrained models that read junk or control text."""

    models: dict[str, ModelOrigin] = Field(description="Name of each model, and where it comes from.")
    panels: dict[str, Panel | None] = Field(description="What is run; null: not this one.")
    lengths: str | None = Field(description="Name of the model whose tokenizer counts lengths, for all models.")
    dump: DataFiles = Field(description="Dump of posts; none: posts are made up.")
    english: EnglishPosts
    thresholds: Thresholds
    quantiles: list[float] = Field(
        description="Thresholds at these quantiles of the dump instead, in their order; []: as they are."
    )
    arm_tokens: int = Field(ge=1, description="Tokens that an arm reads in an epoch.")
    judge: JudgeOfPosts
    reading: Reading
    optimiser: Optimiser = Field(
        description="Of continual pretraining, and of instruction tuning. Its rate was chosen on control arms alone."
    )
    machine: Machine
    launch: str = Field(description="Put before the training commands of sharded models.")
    sharded: list[str] = Field(description="Models that are trained by `launch`, on the GPUs of rules of their own.")
    search: Search
    instructions: Instructed
    measure: Measure
    arc: DataFiles = Field(description="Questions of AI2 ARC; none: ours.")
    files: dict[Literal["requests", "trait", "text", "squad", "hotpot"], UserFile] = Field(
        description="Your files for measures, as in the command probe."
    )
    harness: Harness
    keep_models: bool = Field(description="Keep the trained models when they have been measured.")

    @model_validator(mode="after")
    def _together(self) -> Any:
        panels = {name: panel for name, panel in self.panels.items() if panel}
        for name, panel in panels.items():
            for number, one in enumerate(panel.models):
                one_of(f"panels.{name}.models.{number}", one, list(self.models))
            for number, arm in enumerate(panel.arms):
                if parse_arm(arm).definition == "shuffled":
                    raise impossible(f"panels.{name}.arms.{number}", f"is {arm!r}", "an arm of M1, LEN, POP or M2")
        if self.lengths is not None or any(panel.models for panel in panels.values()):
            one_of("lengths", self.lengths, list(self.models))
        for number, one in enumerate(self.sharded):
            one_of(f"sharded.{number}", one, list(self.models))
        for where, files in (("dump", self.dump), ("arc", self.arc), ("instructions.data", self.instructions.data)):
            check_given(files, where)
            if where != "dump" and files.source != "none" and len(files.files) > 1:
                raise impossible(f"{where}.files", f"is {files.files}", "one file")
        return self
