"""The game: groups of agents that see nothing but text search a number together (coordination.md, section 3.1).

All games advance together, a round at a time, so that whatever answers gets batches. A request that is not answered
ends its game: the game is incomplete, and no guess is made up for it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from raw2fig.papers.coordination.parse import Parser, Source, parse
from raw2fig.papers.coordination.prompts import CORRECT, HIGH, LOW, condition_of, past, prompt
from raw2fig.papers.coordination.schedule import ScheduledGame, digest


class Request(NamedTuple):
    """What an agent is asked. `seed` (64 bits) belongs to this reply alone: equal prompts get different ones."""

    game: str
    agent: int
    round: int
    prompt: str
    seed: int
    temperature: float


class Reply(NamedTuple):
    """What it answers: the text, why that ended (`stop`, `length`, ...), and the tokens of prompt and reply."""

    text: str
    finish_reason: str = "stop"
    tokens_in: int = 0
    tokens_out: int = 0


class Failure(NamedTuple):
    """Why there is no reply."""

    reason: str


Answer = tuple[int, Reply | Failure]
Respond = Callable[[Sequence[Request]], Iterator[Answer]]
"""A backend: for each request its position and the reply, in any order, as they come."""


class Turn(NamedTuple):
    """A guess, as a row of the table of games. `feedback` is that of the round, `success` and `complete` are those of
    the game; `persona` is -1 in conditions without."""

    game: str
    condition: str
    model: str
    agents: int
    temperature: float
    round: int
    agent: int
    persona: int
    guess: int
    target: int
    feedback: str
    parse_source: str
    success: bool
    complete: bool


class Line(NamedTuple):
    """A reply, as a row of the transcript; `prompt_sha` is the SHA-256 of what was asked."""

    game: str
    round: int
    agent: int
    prompt_sha: str
    reply: str
    finish_reason: str
    tokens_in: int
    tokens_out: int


class Outcome(NamedTuple):
    """How a game ended, as a row of the table of outcomes: `rounds` that were played to their end, and, of an
    incomplete game, the `problem`."""

    replicate: int
    game: str
    condition: str
    model: str
    agents: int
    temperature: float
    target: int
    rounds: int
    success: bool
    complete: bool
    problem: str


class Played(NamedTuple):
    """All that came of some games."""

    turns: list[Turn]
    transcript: list[Line]
    outcomes: list[Outcome]


@dataclass
class _State:
    """A game that is being played."""

    game: ScheduledGame
    histories: list[str]
    rounds: list[tuple[str, list[tuple[int, Source]]]] = field(default_factory=list)
    success: bool = False
    problem: str = ""


def play(games: Sequence[ScheduledGame], personas: Sequence[str], respond: Respond, parser: Parser = "final") -> Played:
    """Play `games` to their ends."""
    states = [_State(game, [""] * game.agents) for game in games]
    transcript: list[Line] = []
    for round_ in range(1, max((game.rounds for game in games), default=0) + 1):
        on = [state for state in states if not state.success and not state.problem and round_ <= state.game.rounds]
        if not on:
            break
        requests = [request for state in on for request in _requests(state, round_, personas)]
        answers: list[Reply | Failure] = [Failure("no reply")] * len(requests)
        for position, answer in respond(requests):
            answers[position] = answer
        start = 0
        for state in on:
            end = start + state.game.agents
            transcript += _advance(state, requests[start:end], answers[start:end], parser)
            start = end
        logging.info("round %d: %d games, %d solved", round_, len(on), sum(state.success for state in on))
    return Played([turn for state in states for turn in _turns(state)], transcript, list(map(_outcome, states)))


def _requests(state: _State, round_: int, personas: Sequence[str]) -> list[Request]:
    game, condition = state.game, condition_of(state.game.condition)
    return [
        Request(
            game.game,
            agent,
            round_,
            prompt(condition, personas[game.personas[agent]] if condition.persona else "", state.histories[agent]),
            digest(game.replicate, game.game, agent, round_),
            game.temperature,
        )
        for agent in range(game.agents)
    ]


def _advance(
    state: _State, requests: Sequence[Request], answers: Sequence[Reply | Failure], parser: Parser
) -> Iterator[Line]:
    """Take in the answers of a round. Yields the transcript's lines, also of a round that another agent's missing reply
    has ended."""
    guesses = []
    for request, answer in zip(requests, answers, strict=True):
        if isinstance(answer, Failure):
            state.problem = state.problem or f"round {request.round}, agent {request.agent}: {answer.reason}"
            continue
        guesses.append(parse(answer.text, parser))
        asked = prompt_sha(request.prompt)
        yield Line(request.game, request.round, request.agent, asked, *answer)
    if state.problem:
        return
    total = sum(guess for guess, _ in guesses)
    target = state.game.target
    feedback = HIGH if total > target else LOW if total < target else CORRECT
    state.success = feedback == CORRECT
    state.rounds.append((feedback, guesses))
    for agent, (guess, _) in enumerate(guesses):
        state.histories[agent] += past(len(state.rounds), guess, feedback)


def prompt_sha(text: str) -> str:
    """SHA-256 of a prompt."""
    return hashlib.sha256(text.encode()).hexdigest()


def _turns(state: _State) -> Iterator[Turn]:
    game, complete = state.game, not state.problem
    shown = game.personas if condition_of(game.condition).persona else (-1,) * game.agents
    for round_, (feedback, guesses) in enumerate(state.rounds, 1):
        for agent, (guess, source) in enumerate(guesses):
            yield Turn(
                game.game,
                game.condition,
                game.model,
                game.agents,
                game.temperature,
                round_,
                agent,
                shown[agent],
                guess,
                game.target,
                feedback,
                source,
                state.success,
                complete,
            )


def _outcome(state: _State) -> Outcome:
    game = state.game
    return Outcome(
        game.replicate,
        game.game,
        game.condition,
        game.model,
        game.agents,
        game.temperature,
        game.target,
        len(state.rounds),
        state.success,
        not state.problem,
        state.problem,
    )
