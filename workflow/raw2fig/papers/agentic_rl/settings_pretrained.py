"""The section `agentic_rl.pretrained` of the configuration: pretrained models, their cold starts, and RL from them."""

from typing import Any, Literal

from pydantic import model_validator

from raw2fig.fetch.given import DataFiles, check_given
from raw2fig.fetch.origin import ModelOrigin
from raw2fig.papers.agentic_rl.read_problems import Columns
from raw2fig.rl.recipe import Recipe
from raw2fig.settings import Field, Record, Seed, impossible, one_of


class Start(Record):
    """A policy before RL."""

    model: str = Field(description="Name of a model.")
    demonstrations: Literal["real", "stitched"] = Field(description="What it is trained on.")


class Reinforced(Record):
    """A run of RL."""

    start: str = Field(description="Name of a start, or of a model.")
    problems: Literal["diverse", "maths", "chosen"] = Field(
        description="Problems that it trains on; chosen: those of the diverse set that curation keeps."
    )
    recipe: str = Field(description="Name of a recipe.")


class Curated(Record):
    """Model-aware curation of the diverse problems (section 3.3)."""

    weak: str = Field(description="Start whose problems are thinned out.")
    strong: str = Field(description="Start whose difficulties are the target.")
    rollouts: int = Field(ge=1, description="Rollouts of each problem.")


class Data(Record):
    """Data sets; none: the miniature's, as chats."""

    real: DataFiles = Field(description="Real trajectories, as messages with calls.")
    stitched: DataFiles = Field(description="Stitched ones, as ReTool-like texts.")
    diverse: DataFiles = Field(description="Diverse problems for RL.")
    maths: DataFiles = Field(description="Problems of mathematics alone.")


class Pretrained(Record):
    """Pretrained models with tools. Nothing is run without models."""

    models: dict[str, ModelOrigin | None] = Field(
        description="Name of each model, and where it comes from; null: not this one."
    )
    starts: dict[str, Start | None] = Field(description="Cold starts; null: not this one.")
    recipes: dict[str, dict[str, Any]] = Field(description="Name of each recipe, and how it differs from own.recipe.")
    runs: dict[str, Reinforced | None] = Field(description="Runs of RL; null: not this one.")
    replicates: list[Seed] = Field(description="Replicates.")
    launch: str = Field(description="Put before training commands, such as accelerate launch.")
    data: Data
    benchmarks: dict[str, DataFiles | None] = Field(
        description="Problems of each benchmark; none: the miniature's; null: not this one."
    )
    columns: Columns
    curated: Curated | None = Field(description="Curation for runs on chosen problems.")
    ks: list[int] = Field(description="Numbers of attempts of metrics.")

    @model_validator(mode="after")
    def _known(self) -> Any:
        models = [name for name, one in self.models.items() if one]
        starts = [name for name, one in self.starts.items() if one]
        names = [*models, *starts, *(name for name, one in self.runs.items() if one)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise impossible("runs", f"{twice!r} is two of a model, a start and a run", "a name of its own for each")
        for name, start in self.starts.items():
            if start:
                one_of(f"starts.{name}.model", start.model, models)
        for name, run in self.runs.items():
            if run:
                one_of(f"runs.{name}.start", run.start, [*starts, *models])
                one_of(f"runs.{name}.recipe", run.recipe, list(self.recipes))
                if run.problems == "chosen" and self.curated is None:
                    raise impossible("curated", "is null", f"starts, as the run {name} trains on chosen problems")
                if run.problems == "maths" and self.data.maths.source == "none":  # the miniature has one set
                    raise impossible(f"runs.{name}.problems", "is 'maths'", "diverse, as data.maths has no files")
        for name, changes in self.recipes.items():
            for setting in changes:
                one_of(f"recipes.{name}", setting, list(Recipe.model_fields))
        both = next((name for name in self.benchmarks if name in Data.model_fields), None)
        if both:
            raise impossible(f"benchmarks.{both}", "is a data set's name", "another name")
        if self.curated:
            one_of("curated.weak", self.curated.weak, starts)
            one_of("curated.strong", self.curated.strong, starts)
        for where, files in {
            **{f"data.{name}": getattr(self.data, name) for name in Data.model_fields},
            **{f"benchmarks.{name}": files for name, files in self.benchmarks.items()},
        }.items():
            if files:
                check_given(files, where)
        return self
