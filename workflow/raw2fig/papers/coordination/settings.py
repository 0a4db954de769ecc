"""The section `coordination` of the configuration."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import model_validator

from raw2fig.errors import nearest
from raw2fig.lm.endpoint import Endpoint
from raw2fig.lm.finetune import Training
from raw2fig.papers.coordination.backends.model import Generation
from raw2fig.papers.coordination.calibrate import Calibration
from raw2fig.papers.coordination.claims import Roles
from raw2fig.papers.coordination.criteria import Functional, Groups, Shuffles
from raw2fig.papers.coordination.diagnose import Diagnosis
from raw2fig.papers.coordination.early import Early
from raw2fig.papers.coordination.logs import Series
from raw2fig.papers.coordination.parse import Replies
from raw2fig.papers.coordination.planted import Planted
from raw2fig.papers.coordination.play import Player
from raw2fig.papers.coordination.policy import Network, Validation
from raw2fig.papers.coordination.quality import Quality
from raw2fig.papers.coordination.regression import Mediation, Regression
from raw2fig.papers.coordination.schedule import NAME, Cells
from raw2fig.settings import Field, Record, Replicates, UserFile, impossible

Name = Annotated[str, Field(pattern=f"^{NAME}$", max_length=60)]
"""Names become names of files."""


class Size(Record):
    """A size of the tiny policies."""

    network: Network
    training: Training


class Policies(Record):
    """Tiny transformers that are trained here: one for each size in each replicate, if it plays in an experiment."""

    teachers: str = Field(description="Experiment whose games the policies learn from.")
    validation: Validation
    sizes: dict[Name, Size] = Field(description="Sizes by name, which is the name of the player too.")


class Experiment(Record):
    """Who plays which games, and what happens to them."""

    players: list[str] = Field(min_length=1, description="Players, by name.")
    cells: Cells
    shards: int = Field(ge=1, le=10_000, description="Jobs that the games of a player are divided into.")
    tested: bool = Field(description="Test the groups for coordination; without it only success counts.")
    variants: bool = Field(description="Test robustness too, where groups are tested.")
    groups: Groups = Field(
        description="Groups of each player and condition that are tested in a replicate, the first ones; 0: all."
    )
    quality: Quality


class Sweeps(Record):
    """Experiments that vary one thing; they may be the same one."""

    sizes: str = Field(description="Experiment over group sizes.")
    temperatures: str = Field(description="Experiment over sampling temperatures.")


class Tests(Record):
    """Tests of groups."""

    shuffles: Shuffles
    functional: Functional
    robustness: Shuffles


class Settings(Record):
    """Emergent Coordination in Multi-Agent Language Models"""

    replicates: Replicates
    personas: UserFile = Field(description="Tables that the personas are put together from.")
    replies: Replies
    generation: Generation
    endpoint: Endpoint
    players: dict[Name, Player | None] = Field(description="Players beside the policies, by name; null: none.")
    policies: Policies
    experiments: dict[Name, Experiment | None] = Field(description="Experiments by name; null: not done.")
    roles: Roles
    sweeps: Sweeps
    series: Series
    tests: Tests
    early: Early
    regression: Regression
    mediation: Mediation
    calibration: dict[Name, Calibration] = Field(min_length=1, description="Calibrations of the tests, by name.")
    planted: Planted
    diagnose: Diagnosis

    @model_validator(mode="after")
    def _names(self) -> Any:
        done = {name: one for name, one in self.experiments.items() if one}
        trained = set(self.policies.sizes)
        players = [*(name for name, one in self.players.items() if one), *self.policies.sizes]
        for name, one in done.items():
            _known(f"experiments.{name}.players", one.players, players)
        if any(trained & set(one.players) for one in done.values()):
            _known("policies.teachers", [self.policies.teachers], done)
        for name in ("sizes", "temperatures"):
            _known(f"sweeps.{name}", [getattr(self.sweeps, name)], done)
        swept = (self.sweeps.sizes, self.sweeps.temperatures)
        tested = [player for one in done.values() if one.tested for player in one.players]
        compared = [player for name, one in done.items() if name not in swept for player in one.players]
        # claims on tests of groups are about games that count one by one
        _known("roles.main", [self.roles.main], [name for name in tested if name not in trained])
        for role in ("larger", "smaller"):
            _known(f"roles.{role}", [getattr(self.roles, role)], compared)
        if (self.roles.larger in trained) != (self.roles.smaller in trained):
            raise impossible("roles.smaller", f"is {self.roles.smaller!r}", "a policy if roles.larger is one")
        for role in ("looping", "lowest"):
            if (name := getattr(self.roles, role)) is not None:
                _known(f"roles.{role}", [name], compared)
        return self


def _known(where: str, names: Iterable[str], known: Iterable[str]) -> None:
    choices = list(dict.fromkeys(known))
    for name in names:
        if name not in choices:
            raise impossible(where, f"names {name!r}", nearest(name, choices))
