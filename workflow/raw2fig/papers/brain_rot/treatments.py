"""Arms, by name: `M1/1/official/turn/token` reads junk by definition M1 alone, by the official schedule, each post
closed by the end of a turn, with losses averaged over tokens."""

from __future__ import annotations

from typing import Annotated, NamedTuple, get_args

from pydantic import AfterValidator

from raw2fig.lm.batches import Reduction
from raw2fig.papers.brain_rot.cpt import End, Schedule
from raw2fig.papers.brain_rot.selection import Definition
from raw2fig.settings import impossible

CHOICES = ((*get_args(Definition), "M2"), (), get_args(Schedule), get_args(End), get_args(Reduction))
FORM = "definition/ratio/schedule/eos/loss, such as M1/0.5/official/turn/token"


class Arm(NamedTuple):
    """Which posts are read, the share of junk among their tokens, and how."""

    definition: str
    ratio: float
    schedule: str
    eos: str
    loss: str

    @property
    def name(self) -> str:
        """The arm as in settings."""
        return f"{self.definition}/{self.ratio:g}/{self.schedule}/{self.eos}/{self.loss}"

    @property
    def folder(self) -> str:
        """Name of the folder of its model."""
        return self.name.replace("/", "-")

    @property
    def control(self) -> Arm:
        """The arm that reads control alone and is otherwise the same."""
        return self._replace(ratio=0.0)


def parse_arm(name: str) -> Arm:
    """The arm of a name. Raises `ValueError` for a name that is none."""
    parts = name.split("/")
    if len(parts) != len(CHOICES):
        raise ValueError(name)
    if any(known and part not in known for part, known in zip(parts, CHOICES, strict=True)):
        raise ValueError(name)
    ratio = float(parts[1])
    if not 0 <= ratio <= 1:
        raise ValueError(name)
    return Arm(parts[0], ratio, *parts[2:])


def _possible(name: str) -> str:
    try:
        return parse_arm(name).name
    except ValueError:
        raise impossible("", f"is {name!r}", FORM) from None


ArmName = Annotated[str, AfterValidator(_possible)]
"""An arm in a record of settings."""
