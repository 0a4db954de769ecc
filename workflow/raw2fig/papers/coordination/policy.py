"""Tiny policies: transformers that learn from the rule agents' games to play by text themselves.

They are no language models: a constant line of the prompt is one word to them. And what they do under a condition they
have been shown: nothing here says that a prompt brings it about in a pretrained model.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.coordination.personas import read_personas
from raw2fig.papers.coordination.prompts import CORRECT, HIGH, LOW, condition_of, prompt, read
from raw2fig.papers.coordination.rule_agents import HIGH as LARGEST
from raw2fig.step import Input, Output, step
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
TOLD = {1: "too_HIGH", -1: "too_LOW"}
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
    return str(guess), TOLD[feedback]


@step
def train_policy(
    *,
    games: list[Input],
    personas: Input,
    models: list[Output],
    logs: list[Output],
    shapes: list[str] | None = None,
    lrs: list[float] | None = None,
    steps: int = 600,
    batch: int = 32,
    held_out: float = 0.1,
    probes: int = 4,
    seed: int = 0,
) -> None:
    """Train policies of several sizes on games, by the loss on each agent's own guesses.

    Parameters
    ----------
    games
        Tables of games, all conditions of which are learned together.
    personas
        JSON list of personas.
    models
        Model folders, in the order of the shapes.
    logs
        Training logs, in the order of the shapes: parameters, numbers of agents trained on and held out, losses (nats
        per guess).
    shapes
        Of Llama models, as hidden/layers/heads; by default 48/2/4 and 8/1/2.
    lrs
        Peak learning rates, one for each shape; by default 0.003 and 0.024, chosen by the validation loss, which is
        higher at half and at twice these rates.
    batch
        Agents of a step, each with all its rounds.
    held_out
        Share of the games on which the validation loss is measured.
    probes
        Evenly spaced steps at which that is done.
    """
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.finetune import Recipe, fine_tune
    from raw2fig.lm.models import build_llama, load_tokenizer, parse_size
    from raw2fig.lm.tokenizer import save_word_tokenizer

    sizes, peaks = shapes or ["48/2/4", "8/1/2"], lrs or [0.003, 0.024]
    if not len(sizes) == len(peaks) == len(models) == len(logs):
        given = f"{len(sizes)} shapes, {len(peaks)} learning rates, {len(models)} models, {len(logs)} logs"
        raise InputError("shapes", given, "as many of each")
    if not 0 < held_out < 1:
        raise InputError("held_out", f"is {held_out:g}", "a share between 0 and 1")
    train, validation, vocabulary = _trajectories(games, read_personas(personas), held_out, seed)
    probe_at = [round(steps * (index + 1) / probes) for index in range(probes)]
    for shape, lr, folder, log in zip(sizes, peaks, models, logs, strict=True):
        save_word_tokenizer([" ".join(vocabulary)], folder)
        words = load_tokenizer(str(folder))
        shown, kept = (_examples(part, words.get_vocab()) for part in (train, validation))
        network = build_llama(parse_size(shape), words, max(len(one.ids) for one in shown + kept) + 2, seed)
        recipe = Recipe(steps=steps, batch=batch, lr=lr, seed=seed, checkpoint_every=steps)
        records = fine_tune(network, words, shown, recipe, folder, kept, probe_at)
        told = {"shape": shape, "lr": lr, "parameters": network.num_parameters(), "trained_on": len(shown)}
        write_json({**told, "held_out": len(kept), "log": records}, log)
        discard(folder)


Trajectory = tuple[list[str], list[str]]
"""The constant words of an agent's prompts, and its guesses and results in turn, the last result left out."""


def _trajectories(
    tables: Sequence[Path], personas: Sequence[str], held_out: float, seed: int
) -> tuple[list[Trajectory], list[Trajectory], list[str]]:
    """Agents of the games trained on, those of the games held out, and all words there can be."""

    frame = read_tables(tables, COLUMNS)[list(COLUMNS)]
    frame = frame[frame["complete"]].sort_values(["game", "agent", "round"], kind="stable")
    names = sorted(frame["game"].unique())
    number = max(1, round(held_out * len(names)))
    if number >= len(names):
        raise InputError(tables[0], f"{len(names)} complete games", "at least two")
    kept = set(np.random.default_rng(seed).permutation(names)[:number])
    parts: tuple[list[Trajectory], list[Trajectory]] = [], []
    told = {HIGH: TOLD[1], LOW: TOLD[-1], CORRECT: ""}
    for (game, _), rows in frame.groupby(["game", "agent"], sort=False):
        condition, persona = rows["condition"].iloc[0], rows["persona"].iloc[0]
        constant = compact(prompt(condition_of(condition), personas[persona] if persona >= 0 else "", ""))
        turns = zip(rows["guess"], rows["feedback"], strict=True)
        spoken = [word for guess, feedback in turns for word in (str(guess), told[feedback])][:-1]
        parts[game in kept].append((constant, spoken))
    constants = {word for constant, _ in parts[0] + parts[1] for word in constant}
    vocabulary = {*constants, *(line for text in personas for line in _lines(text))}
    return *parts, [*sorted(vocabulary), *map(str, range(LARGEST + 1)), *TOLD.values()]


def _examples(trajectories: Sequence[Trajectory], vocabulary: dict[str, int]) -> list[Example]:
    from raw2fig.lm.examples import Example

    examples = []
    for constant, spoken in trajectories:
        learned = np.zeros(len(constant) + len(spoken), dtype=bool)
        learned[len(constant) :: 2] = True
        ids = np.array([vocabulary[word] for word in (*constant, *spoken)])
        examples.append(Example(ids, len(constant), learned))
    return examples
