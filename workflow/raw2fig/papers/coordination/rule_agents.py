"""Agents that follow a written rule: players whose ground truth is known, and baselines without coordination.

A rule is a pure function of an agent's memory, its traits and four standard numbers drawn for the decision, so that an
agent that reads a prompt and a simulation of thousands of groups at once play alike:

    state = START
    guess = decide(rule, state, traits, draws_of(rng))         # round 1
    state = observe(state, guess, feedback)                    # feedback: +1 too high, -1 too low
    guess = decide(rule, state, traits, draws_of(rng))         # round 2, ...

`memory` rebuilds the state from an agent's own history, all that a prompt shows. Arrays may have any common shape.

- random   any guess of the range, whatever the feedback
- sync     against the feedback by a step that halves every round down to 1: the search of the paper's functional null
- plain    sync, with inaction in a tenth of the rounds and 15 % noise on the step
- persona  plain, with a start and a step size of its own
- tom      persona, but the further its persona starts from the middle and the more often the feedback has reversed, the
           more seldom it acts; by single units after two reversals
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

Rule = Literal["random", "sync", "plain", "persona", "tom"]
RULES: tuple[Rule, ...] = ("random", "sync", "plain", "persona", "tom")
LOW, HIGH = 0, 50
"""Range of a guess."""
TARGETS = (51, 100)
"""Range of the target, ends included."""
MIDDLE, FIRST_STEP = 25.0, 12.5
INACTION, NOISE = 0.1, 0.15
"""Of `plain` and what builds on it: probability not to move, and standard deviation of the step relative to it."""
OFFSET_SD, SCALE_SD = 6.0, 0.5
"""Of personas: standard deviation of the start's offset, and of the logarithm of the step's scale."""
LEAST_ACTION, SHYNESS = 0.12, 12.0
"""Of `tom`: least probability to act, and the offset at which it is smaller by a factor e."""


class State(NamedTuple):
    """What an agent keeps in mind: its last guess, the last feedback (0 before round 1), the next step before any
    noise, and how often the feedback has reversed."""

    guess: ArrayLike
    feedback: ArrayLike
    step: ArrayLike
    reversals: ArrayLike


class Traits(NamedTuple):
    """What an agent is: offset of its start, scale of its steps, probability not to act, noise of its steps, and
    probability to step with the feedback in place of against it (0 for the rules, as fitted in a null model)."""

    offset: ArrayLike = 0.0
    scale: ArrayLike = 1.0
    inaction: ArrayLike = INACTION
    noise: ArrayLike = NOISE
    contrary: ArrayLike = 0.0


class Draws(NamedTuple):
    """Standard numbers for one decision: normal (start), uniform (act or not), normal (step), uniform (the guess of
    `random`, or which way to step)."""

    start: ArrayLike
    act: ArrayLike
    step: ArrayLike
    guess: ArrayLike


class Played(NamedTuple):
    """Games played to their end: guesses (games, rounds, agents), in which rounds after the end are -1, the number of
    rounds of each game and whether its last one was correct, both (games,)."""

    guesses: np.ndarray
    rounds: np.ndarray
    success: np.ndarray


START = State(MIDDLE, 0, FIRST_STEP, 0)
"""Before round 1."""


def persona_traits(persona: str) -> Traits:
    """Offset and step scale that belong to the persona with this sentence, in every game the same."""
    return traits_of(np.random.default_rng(list(persona.encode())).standard_normal(2))


def traits_of(normal: np.ndarray) -> Traits:
    """Traits of personas from two standard normal numbers each, (2, ...)."""
    return Traits(OFFSET_SD * normal[0], np.exp(SCALE_SD * normal[1]))


def draws_of(rng: np.random.Generator, shape: tuple[int, ...] = ()) -> Draws:
    """The numbers of one decision of each of `shape` agents."""
    return Draws(rng.standard_normal(shape), rng.random(shape), rng.standard_normal(shape), rng.random(shape))


def decide(rule: Rule, state: State, traits: Traits, draws: Draws) -> np.ndarray:
    """The guesses (integers of 0 to 50, in the shape of the arguments) of agents that follow `rule`."""
    if rule == "random":
        return np.floor(LOW + (HIGH - LOW + 1) * np.asarray(draws.guess)).astype(np.int64)
    own = rule in ("persona", "tom")
    offset, scale = (np.asarray(traits.offset), np.asarray(traits.scale)) if own else (np.float64(0), np.float64(1))
    first = np.asarray(state.feedback) == 0
    start = MIDDLE + offset + np.asarray(draws.start)
    step = np.asarray(state.step) * scale
    acts = np.ones_like(np.asarray(draws.act), dtype=bool)
    if rule != "sync":
        step = step * (1 + np.asarray(traits.noise) * np.asarray(draws.step))
        acts = np.asarray(draws.act) >= np.asarray(traits.inaction)
    if rule == "tom":
        reversals = np.asarray(state.reversals)
        eager = np.maximum(LEAST_ACTION, np.exp(-np.abs(offset) / SHYNESS) / (1 + reversals))
        acts = acts & (np.asarray(draws.act) >= 1 - eager)
        step = np.where(reversals >= 2, 1.0, step)
    move = np.where(acts, np.maximum(np.rint(step), 1), 0)
    against = np.where(np.asarray(draws.guess) < np.asarray(traits.contrary), -1, 1)
    guess = np.where(first, np.rint(start), np.asarray(state.guess) - against * np.asarray(state.feedback) * move)
    return np.clip(guess, LOW, HIGH).astype(np.int64)


def observe(state: State, guess: ArrayLike, feedback: ArrayLike) -> State:
    """The state after `guess` and its `feedback`, which is +1 for too high and -1 for too low."""
    before = np.asarray(state.feedback)
    reversals = np.asarray(state.reversals) + (before * np.asarray(feedback) < 0)
    step = np.where(before == 0, state.step, np.maximum(np.asarray(state.step) / 2, 1))
    return State(guess, feedback, step, reversals)


def memory(guesses: Sequence[int], feedback: Sequence[int]) -> State:
    """The state of an agent that guessed `guesses` and was told `feedback`, one entry for each round played."""
    state = START
    for guess, result in zip(guesses, feedback, strict=True):
        state = observe(state, guess, result)
    return state


def simulate(
    rule: Rule,
    targets: np.ndarray,
    traits: Traits,
    rounds: int,
    agents: int,
    draw: Callable[[int, np.ndarray], Draws],
    signal: np.ndarray | None = None,
    ends: bool = True,
) -> Played:
    """Play one game for each of `targets` (games,) until the sum of the guesses is the target, or for `rounds` rounds.

    `draw(round, games)` gives the numbers of a round (from 1) for the games still on, a vector of their positions in
    `targets`; each of its arrays has the shape (games still on, agents) or one that broadcasts to it. Traits are
    numbers or of a shape that broadcasts to (all games, agents). With `signal` (rounds,) the agents get that as
    feedback, +1 or -1, whatever they guess, and all games last. So they do without `ends`: a sum that is the target
    then repeats the last feedback.
    """
    games = len(targets)
    guesses = np.full((games, rounds, agents), -1, dtype=np.int16)
    length, success = np.full(games, rounds), np.zeros(games, dtype=bool)
    on, state = np.arange(games), START
    traits = Traits(*(np.broadcast_to(item, (games, agents)) for item in traits))
    for t in range(rounds):
        guess = decide(rule, state, Traits(*(np.asarray(item)[on] for item in traits)), draw(t + 1, on))
        guesses[on, t] = guess
        feedback = np.sign(guess.sum(axis=1) - targets[on]) if signal is None else np.full(len(on), signal[t])
        if not ends:
            before = np.broadcast_to(state.feedback, guess.shape)[:, 0]
            feedback = np.where(feedback == 0, np.where(before == 0, 1, before), feedback)
        done = feedback == 0
        length[on[done]], success[on[done]] = t + 1, True
        after = observe(state, guess, feedback[:, None])
        state = State(*(np.broadcast_to(item, guess.shape)[~done] for item in after))
        on = on[~done]
        if not len(on):
            break
    return Played(guesses, length, success)


def drawing(rng: np.random.Generator, agents: int) -> Callable[[int, np.ndarray], Draws]:
    """For `simulate`: all numbers from one generator."""
    return lambda _, games: draws_of(rng, (len(games), agents))
