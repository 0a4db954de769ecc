"""The section `kimi_dev.pretrained` of the configuration: the workflow with pretrained models on real code."""

from typing import Any, Literal

from pydantic import model_validator

from raw2fig.fetch.given import DataFiles, check_given
from raw2fig.fetch.origin import ModelOrigin
from raw2fig.lm.endpoint import Endpoint
from raw2fig.lm.finetune import Training
from raw2fig.papers.kimi_dev.answering import Asking
from raw2fig.papers.kimi_dev.environments import Building
from raw2fig.papers.kimi_dev.make_issues import Drawing
from raw2fig.papers.kimi_dev.matrix import Running
from raw2fig.papers.kimi_dev.reinforcement import Reinforcement
from raw2fig.papers.kimi_dev.teaching import Mix
from raw2fig.settings import Field, Record, Seed, impossible, one_of


class IssueSet(Record):
    """A set of issues."""

    part: Literal["training", "test", "elsewhere"] = Field(
        description="What it is for; elsewhere: another distribution, for agents alone."
    )
    rows: DataFiles = Field(description="Tables as SWE-bench's; none: issues that are made of installed packages.")

    @model_validator(mode="after")
    def _has_rows(self) -> Any:
        if self.part == "elsewhere" and self.rows.source == "none":  # what is made has one distribution
            raise impossible("rows.source", "is 'none'", "tables, for a set of another distribution")
        return self


class Pretrained(Record):
    """Pretrained models on issues of real code. Nothing is run without models."""

    models: dict[str, ModelOrigin | None] = Field(
        description="Name of each model, and where it comes from; null: not this one."
    )
    base: str | None = Field(description="Model that is trained.")
    teacher: str | None = Field(description="Model that writes the answers of the cold start; null: see served.")
    served: str | None = Field(
        description="Model behind the endpoint that writes them; null, with no teacher: the fixes that are known."
    )
    endpoint: Endpoint
    replicates: list[Seed] = Field(description="Replicates.")
    launch: str = Field(description="Put before training commands, such as accelerate launch.")
    sets: dict[str, IssueSet | None] = Field(description="Sets of issues; null: not this one.")
    drawing: Drawing
    mirrors: str | None = Field(description="Folder of git mirrors, <owner>__<name>.git, for sets with rows.")
    building: Building
    repeats: int = Field(ge=2, description="Runs of the right solution in the audit of issues.")
    running: Running
    mined: list[str] = Field(description="Git repositories whose history is mid-training; none: no mid-training.")
    mix: Mix
    budgets: dict[str, int] = Field(description="Updates of each budget of mid-training, from the smallest.")
    midtraining: Training
    cold: Training
    longest: int = Field(ge=2, description="Tokens of a training example; of a longer one the end is left out.")
    asking: Asking
    reinforcement: Reinforcement
    games: list[int] = Field(min_length=1, description="Patches, and as many tests, of each game of self-play.")

    @model_validator(mode="after")
    def _known(self) -> Any:
        models = [name for name, one in self.models.items() if one]
        for key in ("base", "teacher"):
            if getattr(self, key) is not None:
                one_of(key, getattr(self, key), models)
        if models and self.base is None:
            raise impossible("base", "is null", "one of the models")
        if self.teacher and self.served:
            raise impossible("served", f"is {self.served!r} beside a teacher", "one of the two")
        parts = [one.part for one in self.sets.values() if one]
        if models and (parts.count("test") != 1 or "training" not in parts):
            raise impossible("sets", f"has {parts.count('test')} for test", "sets for training, and one for test")
        for name, one in self.sets.items():
            if one:
                check_given(one.rows, f"sets.{name}.rows")
                if one.rows.source != "none" and self.mirrors is None:
                    raise impossible("mirrors", f"is null, and {name} has rows", "a folder of git mirrors")
        if max(self.games) > self.asking.samples:
            raise impossible("games", f"has {max(self.games)}", f"at most asking.samples, {self.asking.samples}")
        if list(self.budgets.values()) != sorted(self.budgets.values()):
            raise impossible("budgets", "are not in order", "the smallest first")
        return self
