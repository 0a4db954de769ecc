"""Tiny policies: transformers that learn from the rule agents' games to play by text themselves.

They are no language models: a constant line of the prompt is one word to them. And what they do under a condition they
have been shown: nothing here says that a prompt brings it about in a pretrained model.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.finetune import Training, fine_tune
from raw2fig.lm.models import Shape, build_llama, load_tokenizer, parse_size
from raw2fig.papers.coordination.personas import read_personas
from raw2fig.papers.coordination.prompts import CORRECT, HIGH, LOW, condition_of, prompt, read
from raw2fig.papers.coordination.rule_agents import HIGH as LARGEST
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, step
from raw2fig.tables import read_tables, write_json

if TYPE_CHECKING:
    from raw2fig.lm.examples import Example

COLUMNS = {
    "game": "string",
    "condition": "string",
    "round": "integer",
    "agent": "integer",
    "persona": "integer",
    "guess": "integer",
    "feedback": "string",
    "complete": "boolean",
}
FEEDBACK = {1: "too_HIGH", -1: "too_LOW"}
"""Feedback as words."""


def compact(text: str) -> list[str]:
    """A prompt as a policy's words: each constant line is one, then come guess and result of each past round.

    Nothing is lost, and what an agent is asked in one round begins with what it was asked in the round before.
    """
    seen = read(text)
    turns = zip(seen.guesses, seen.feedback, strict=True)
    return [*_lines(seen.opening + "\n" + seen.closing), *(word for turn in turns for word in _turn(*turn))]


@cache
def _lines(text: str) -> tuple[str, ...]:
    """Lines as words; without a final punctuation mark, which would be a word of its own."""
    return tuple("_".join(line.split()).rstrip(".:,?;") for line in text.splitlines() if line.strip())


def _turn(guess: int, feedback: int) -> tuple[str, str]:
    return str(guess), FEEDBACK[feedback]


class Network(Record):
    """The Llama model of a policy."""

    shape: Shape = Field(description="Shape of the Llama model: hidden width/layers/heads.")


class Validation(Record):
    """How the training of a policy is watched."""

    held_out: float = Field(gt=0, lt=1, description="Share of the games that the validation loss is measured on.")
    probes: int = Field(ge=1, le=1000, description="Number of evenly spaced updates after which it is measured.")


@step
def train_policy(
    *,
    games: list[Input],
    personas: Input,
    model: OutputFolder,
    train_log: Output,
    network: Annotated[Network, At("policies.sizes.large.network")],
    training: Annotated[Training, At("policies.sizes.large.training")],
    validation: Annotated[Validation, At("policies.validation")],
    replicate: Seed,
) -> None:
    """Train a policy on played games, by the loss on each agent's own guesses.

    Parameters
    ----------
    games
        Tables of games. The policy learns all their conditions together.
    personas
        JSON list of personas.
    model
        The model folder.
    train_log
        JSON: shape, peak learning rate, number of parameters, numbers of agents trained on and held out, and the losses
        in nats per guess.
    """
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.tokenizer import save_word_tokenizer

    train, kept, vocabulary = _trajectories(games, read_personas(personas), validation.held_out, replicate)
    probes = validation.probes
    probe_at = [round(training.steps * (index + 1) / probes) for index in range(probes)]
    save_word_tokenizer([" ".join(vocabulary)], model)
    words = load_tokenizer(str(model))
    shown, unseen = (_examples(part, words.get_vocab()) for part in (train, kept))
    longest = max(len(one.ids) for one in shown + unseen)
    llama = build_llama(parse_size(network.shape), words, longest + 2, replicate)
    losses = fine_tune(llama, words, shown, training, model, replicate, unseen, probe_at)
    facts = {"shape": network.shape, "lr": training.lr, "parameters": llama.num_parameters()}
    write_json({**facts, "trained_on": len(shown), "held_out": len(unseen), "log": losses}, train_log)
    discard(model)


Trajectory = tuple[list[str], list[str]]
"""The constant words of an agent's prompts, and its guesses and results in turn, the last result left out."""


def _trajectories(
    tables: Sequence[Path], personas: Sequence[str], held_out: float, replicate: int
) -> tuple[list[Trajectory], list[Trajectory], list[str]]:
    """Agents of the games trained on, those of the games held out, and all words there can be."""

    frame = read_tables(tables, COLUMNS)[list(COLUMNS)]
    frame = frame[frame["complete"]].sort_values(["game", "agent", "round"], kind="stable")
    names = sorted(frame["game"].unique())
    number = max(1, round(held_out * len(names)))
    if number >= len(names):
        raise InputError(tables[0], f"{len(names)} complete games", "at least two")
    kept = set(np.random.default_rng(replicate).permutation(names)[:number])
    parts: tuple[list[Trajectory], list[Trajectory]] = [], []
    results = {HIGH: FEEDBACK[1], LOW: FEEDBACK[-1], CORRECT: ""}
    for (game, _), rows in frame.groupby(["game", "agent"], sort=False):
        condition, persona = rows["condition"].iloc[0], rows["persona"].iloc[0]
        constant = compact(prompt(condition_of(condition), personas[persona] if persona >= 0 else "", ""))
        turns = zip(rows["guess"], rows["feedback"], strict=True)
        spoken = [word for guess, feedback in turns for word in (str(guess), results[feedback])][:-1]
        parts[game in kept].append((constant, spoken))
    constants = {word for constant, _ in parts[0] + parts[1] for word in constant}
    vocabulary = {*constants, *(line for text in personas for line in _lines(text))}
    return *parts, [*sorted(vocabulary), *map(str, range(LARGEST + 1)), *FEEDBACK.values()]


def _examples(trajectories: Sequence[Trajectory], vocabulary: dict[str, int]) -> list[Example]:
    from raw2fig.lm.examples import Example

    examples = []
    for constant, spoken in trajectories:
        learned = np.zeros(len(constant) + len(spoken), dtype=bool)
        learned[len(constant) :: 2] = True
        ids = np.array([vocabulary[word] for word in (*constant, *spoken)])
        examples.append(Example(ids, len(constant), learned))
    return examples
