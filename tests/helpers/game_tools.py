"""What the tests of the game share: personas, schedules, and players that are functions of a request."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from command_line import status_of

from raw2fig.papers.coordination.engine import Answer, Failure, Reply, Request, Respond
from raw2fig.papers.coordination.personas import read_personas
from raw2fig.papers.coordination.schedule import ScheduledGame, scheduled

ROOT = Path(__file__).parents[2]
ATTRIBUTES = ROOT / "config/coordination/personas.yaml"


def call(*words: object) -> int:
    """Exit status of `raw2fig coordination ...`."""
    return status_of("coordination", *words)


def make_personas(folder: Path, replicate: int = 0) -> Path:
    path = folder / "personas.json"
    assert call("personas", "--attributes", ATTRIBUTES, "--replicate", replicate, "--personas", path) == 0
    return path


def make_schedule(
    folder: Path, personas: Path, games: int = 2, conditions: Sequence[str] = ("plain",), **flags: int
) -> Path:
    path = folder / "schedule.parquet"
    flags = {"replicate": 0} | flags
    more = [word for name, value in flags.items() for word in (f"--{name}", value)]
    given = ("--personas", personas, "--models", "m", "--games", games, "--conditions", *conditions)
    assert call("schedule", *given, *more, "--schedule", path) == 0
    return path


def outputs(folder: Path) -> list[object]:
    """The three output flags of `play`."""
    names = ("games", "transcripts", "outcomes")
    return [word for name in names for word in (f"--{name}", folder / f"{name}.parquet")]


def games_of(condition: str, number: int, agents: int = 4, rounds: int = 8, replicate: int = 0) -> list[ScheduledGame]:
    return [scheduled("m", condition, agents, 1.0, index, rounds, 20, replicate) for index in range(number)]


def player(reply: Callable[[Request], str | None]) -> Respond:
    """A backend of a function of the request; None is a failure."""

    def respond(requests: Sequence[Request]) -> Iterator[Answer]:
        for position, request in enumerate(requests):
            text = reply(request)
            yield position, Failure("silent") if text is None else Reply(text)

    return respond


def sentences(folder: Path) -> list[str]:
    return read_personas(make_personas(folder))
