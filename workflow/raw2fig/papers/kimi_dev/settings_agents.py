"""The section `kimi_dev.agents` of the configuration: pretrained models, trained for the workflow or not, as agents."""

from typing import Any

from pydantic import model_validator

from raw2fig.fetch.given import DataFiles, check_given
from raw2fig.lm.chats import Reading
from raw2fig.lm.finetune import Training
from raw2fig.papers.kimi_dev.agent_runs import Evaluating
from raw2fig.papers.kimi_dev.agents.policies import Limits
from raw2fig.papers.kimi_dev.agents.workspace import Commands
from raw2fig.papers.kimi_dev.arms import UNTRAINED
from raw2fig.papers.kimi_dev.trajectory_steps import Choosing
from raw2fig.settings import Field, Record, impossible


class Budget(Record):
    """What a prior learns from."""

    trajectories: int = Field(ge=1, description="Trajectories of the set.")
    updates: int = Field(ge=1, description="Updates.")


class Agents(Record):
    """Agents from priors of `pretrained`, at nested budgets (section 3.7). Nothing is run without priors."""

    priors: dict[str, str | None] = Field(
        description="Name of each prior, and the model or policy of `pretrained` that it is; null: not this one."
    )
    sets: list[str] = Field(description="Sets of issues of `pretrained` that agents are evaluated on.")
    trajectories: DataFiles = Field(description="Trajectories as SWE-smith's; none: an expert's on training issues.")
    budgets: dict[str, Budget | None] = Field(
        description="Name of each budget, and what it is; null: not this one. Each prior is also evaluated as it is."
    )
    choosing: Choosing
    reading: Reading
    training: Training
    evaluating: Evaluating
    limits: Limits
    commands: Commands

    @model_validator(mode="after")
    def _whole(self) -> Any:
        check_given(self.trajectories, "trajectories")
        if UNTRAINED in self.budgets:
            raise impossible("budgets", f"has {UNTRAINED}", "other names: each prior is evaluated as it is")
        if any(self.priors.values()) and not (any(self.budgets.values()) and self.sets):
            raise impossible("priors", "are given", "budgets and sets too")
        if self.limits.reply >= self.limits.context:
            raise impossible("limits.reply", f"is {self.limits.reply}", f"less than the context, {self.limits.context}")
        return self
