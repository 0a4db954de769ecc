"""`raw2fig agentic-rl cold-start`: a small policy learns to use the tool from demonstrations (section 3.1)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from raw2fig.errors import InputError
from raw2fig.json_lines import read_json_lines
from raw2fig.lm.batches import Optimiser, by_length, train_on
from raw2fig.lm.models import Shape
from raw2fig.papers.agentic_rl.chains import chain_tokenizer
from raw2fig.papers.agentic_rl.segments import Trajectory, as_example, from_line
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, step
from raw2fig.tables import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from raw2fig.lm.examples import Example


class Supervised(Record):
    """How a policy learns from demonstrations."""

    shape: Shape = Field(description="Hidden width, layers and heads of the Llama model, as 64/2/4.")
    inner: int = Field(ge=1, description="Width of the feed-forward layers over the hidden width.")
    longest: int = Field(ge=1, description="Tokens of prompt and response that the model can read.")
    updates: int = Field(ge=1, description="Updates.")
    batch: int = Field(ge=1, description="Demonstrations of an update.")


@step
def cold_start(
    *,
    trajectories: Input,
    model: OutputFolder,
    log: Output,
    supervised: Annotated[Supervised, At("cold_start.supervised")],
    optimiser: Annotated[Optimiser, At("cold_start.optimiser")],
    replicate: Seed,
) -> None:
    """Train a policy on demonstrations. Results of the tool are read, and not learned.

    Parameters
    ----------
    trajectories
        Demonstrations of `raw2fig agentic-rl make-trajectories`.
    model
        Model folder.
    log
        Number of weights, and the loss of each update, in nats per learned token.
    """
    from raw2fig.lm.models import build_tiny_llama, save

    words = chain_tokenizer()
    examples = encoded(words, read_demonstrations(trajectories), supervised.longest)
    network = build_tiny_llama(supervised.shape, words, supervised.inner, supervised.longest, False, replicate)
    batches = drawn_batches(examples, supervised, np.random.default_rng([replicate, 3]))
    pad = words.get_vocab()[str(words.pad_token)]
    losses = train_on(network, pad, examples, batches, optimiser, "token")
    save(network, words, model)
    logging.info("loss %.3f over the last 20 updates", float(np.mean(losses[-20:])))
    write_json({"parameters": network.num_parameters(), "losses": losses}, log)


def read_demonstrations(path: Path) -> list[Trajectory]:
    """Trajectories of a file. Raises `InputError` for lines of another form, and for a file without any."""
    expected = "demonstrations of `raw2fig agentic-rl make-trajectories`"
    found = []
    for number, line in read_json_lines(path, expected):
        try:
            found.append(from_line(line))
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(path, f"line {number} is no demonstration", expected) from error
    if not found:
        raise InputError(path, "has no demonstrations", expected)
    return found


def encoded(words: PreTrainedTokenizerBase, demonstrations: Sequence[Trajectory], longest: int) -> list[Example]:
    """Demonstrations as token ids. Raises `InputError` for a word that is none of the miniature's, and for more tokens
    than the model can read."""
    try:
        examples = [as_example(words, one) for one in demonstrations]
    except KeyError as error:
        raise InputError("demonstrations", f"have the word {error}", "words of the miniature") from error
    most = max(len(example.ids) for example in examples)
    if most > longest:
        raise InputError("demonstrations", f"one has {most} tokens", f"at most longest, {longest}")
    return examples


def drawn_batches(examples: Sequence[Example], supervised: Supervised, rng: np.random.Generator) -> list[np.ndarray]:
    """Rows of every update: epochs one after another, in each of them batches of similar length."""
    lengths = [len(example.ids) for example in examples]
    found: list[np.ndarray] = []
    while len(found) < supervised.updates:
        found += by_length(lengths, supervised.batch, rng)
    return found[: supervised.updates]
