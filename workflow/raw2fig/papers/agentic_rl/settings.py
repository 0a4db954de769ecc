"""The section `agentic_rl` of the configuration."""

from typing import Any

from pydantic import ValidationError, model_validator

from raw2fig.lm.batches import Optimiser
from raw2fig.lm.finetune import Training
from raw2fig.papers.agentic_rl.chains import Chains
from raw2fig.papers.agentic_rl.clip_study import ClipStudy
from raw2fig.papers.agentic_rl.cold_start import Supervised
from raw2fig.papers.agentic_rl.demonstrations import Demonstrations
from raw2fig.papers.agentic_rl.evaluation import Sampling
from raw2fig.papers.agentic_rl.experts import Expert
from raw2fig.papers.agentic_rl.fine_tune import Reading
from raw2fig.papers.agentic_rl.own_rollouts import Rolling
from raw2fig.papers.agentic_rl.problems import Sizes
from raw2fig.papers.agentic_rl.settings_pretrained import Pretrained
from raw2fig.papers.agentic_rl.tool_loop import Loop
from raw2fig.papers.agentic_rl.tools.fusion import Service
from raw2fig.papers.agentic_rl.tools.interpreter import Running
from raw2fig.papers.agentic_rl.tools.watch import Watching
from raw2fig.papers.agentic_rl.train import Learning
from raw2fig.rl.recipe import Recipe
from raw2fig.settings import Record, Replicates, impossible


class ColdStart(Record):
    """How a policy learns to use the tool."""

    supervised: Supervised
    optimiser: Optimiser


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
    problems: Sizes
    expert: Expert
    demonstrations: Demonstrations
    cold_start: ColdStart
    sampling: Sampling
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
