"""The section `agentic_rl` of the configuration."""

from typing import Any

from pydantic import ValidationError, model_validator

from raw2fig.lm.batches import Optimiser
from raw2fig.lm.chats import Reading
from raw2fig.lm.finetune import Training
from raw2fig.papers.agentic_rl.chains import Chains
from raw2fig.papers.agentic_rl.clip_study import ClipStudy
from raw2fig.papers.agentic_rl.cold_start import Supervised
from raw2fig.papers.agentic_rl.demonstrations import Demonstrations
from raw2fig.papers.agentic_rl.evaluation import Sampling
from raw2fig.papers.agentic_rl.experts import Expert
from raw2fig.papers.agentic_rl.own_rollouts import Rolling
from raw2fig.papers.agentic_rl.plan import KINDS, LONG_COT, NO_TOOL, TAUGHT, WEAK
from raw2fig.papers.agentic_rl.problems import Sizes
from raw2fig.papers.agentic_rl.reinforce import ToolRecipe
from raw2fig.papers.agentic_rl.settings_pretrained import Pretrained
from raw2fig.papers.agentic_rl.tool_loop import Loop
from raw2fig.papers.agentic_rl.tools.fusion import Service
from raw2fig.papers.agentic_rl.tools.interpreter import Running
from raw2fig.papers.agentic_rl.tools.watch import Watching
from raw2fig.papers.agentic_rl.train import Learning
from raw2fig.rl.recipe import Recipe
from raw2fig.settings import Field, Record, Replicates, impossible


class Taught(Record):
    """How a policy that reasons in text learns to use the tool afterwards; the rest is as in the cold start."""

    updates: int = Field(ge=1, description="Updates.")
    demonstrations: int = Field(ge=0, description="Demonstrations at most, the first ones of the file; 0: all.")
    weak_after: int = Field(ge=0, description="Updates after which the weak policy is kept; here none is.")


class ColdStart(Record):
    """How a policy learns to use the tool."""

    supervised: Supervised
    taught: Taught
    optimiser: Optimiser


class Others(Record):
    """Chains of the other sets of problems."""

    narrow: Chains
    easy: Chains


class Trained(Record):
    """Arms of each group; a group without any is not trained."""

    recipes: list[str] = Field(description="Arms from the policy after real trajectories, on all problems.")
    weak: list[str] = Field(description="Arms from the weak policy, on all problems.")
    curated: list[str] = Field(description="Arms from the weak policy, on the problems that curation keeps.")
    narrow: list[str] = Field(description="Arms from the policy after real trajectories, on problems of one family.")
    long_cot_easy: list[str] = Field(description="Arms from the policy that reasons in text, on easy problems.")
    long_cot: list[str] = Field(description="Arms from the policy that reasons in text, on all problems.")
    taught: list[str] = Field(description="Arms from that policy after some real trajectories, on all problems.")

    @model_validator(mode="after")
    def _one_name_each(self) -> Any:
        taken = dict.fromkeys((*KINDS, WEAK, LONG_COT, TAUGHT, NO_TOOL), "a policy before RL")
        for group, arms in self:
            for arm in arms:
                if arm in taken:
                    raise impossible(group, f"has {arm}, which is also {taken[arm]}", "each arm in one group, once")
                taken[arm] = f"an arm of {group}"
        return self


class Reinforcing(Record):
    """RL of the policies."""

    arms: list[str] = Field(min_length=1, description="YAML files of arms, later files over earlier ones.")
    train: Trained
    shared: ToolRecipe


class Own(Record):
    """Your own model with tools, on your own problems."""

    rolling: Rolling
    reading: Reading
    training: Training
    learning: Learning
    recipe: Recipe
    loop: Loop
    watching: Watching
    running: Running
    service: Service


class Settings(Record):
    """Demystifying Reinforcement Learning in Agentic Reasoning"""

    replicates: Replicates
    chains: Chains
    others: Others
    problems: Sizes
    expert: Expert
    demonstrations: Demonstrations
    cold_start: ColdStart
    sampling: Sampling
    rollouts: int = Field(ge=2, description="Responses to each problem that its pass rate is measured on.")
    rl: Reinforcing
    clip_study: ClipStudy
    own: Own
    pretrained: Pretrained

    @model_validator(mode="after")
    def _recipes(self) -> Any:
        for name, changes in self.pretrained.recipes.items():
            try:
                Recipe.model_validate({**self.own.recipe.model_dump(), **changes})
            except ValidationError as error:
                place = f"pretrained.recipes.{name}"
                raise impossible(
                    place, f"is no recipe ({error.errors()[0]['msg']})", "settings that go together"
                ) from None
        return self
