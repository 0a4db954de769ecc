"""`raw2fig agentic-rl cold-start`: a small policy learns to use the tool from demonstrations (section 3.1)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import model_validator

from raw2fig.errors import InputError
from raw2fig.json_lines import read_json_lines
from raw2fig.lm.batches import Optimiser, batch_loss, by_length, check_batches, descend
from raw2fig.lm.models import Shape
from raw2fig.papers.agentic_rl.chains import chain_tokenizer
from raw2fig.papers.agentic_rl.segments import Trajectory, as_example, from_line
from raw2fig.settings import Field, Record, Seed, impossible
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
    demonstrations: int = Field(ge=0, description="Demonstrations at most, the first ones of the file; 0: all.")
    weak_after: int = Field(ge=0, description="Updates after which the weak policy is kept.")

    @model_validator(mode="after")
    def _on_the_way(self) -> Any:
        if self.weak_after >= self.updates:
            raise impossible("weak_after", f"is {self.weak_after}", f"fewer than the {self.updates} updates")
        return self


@step
def cold_start(
    *,
    trajectories: Input,
    base: Input | None = None,
    model: OutputFolder,
    weak: OutputFolder | None = None,
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
    base
        Model folder of a policy that learns on, in place of random weights.
    model
        Model folder.
    weak
        Model folder of the policy on the way, after `weak_after` updates.
    log
        Number of weights, and the loss of each update, in nats per learned token.
    """
    from raw2fig.lm.models import build_tiny_llama, load, save

    words = chain_tokenizer()
    shown = read_demonstrations(trajectories)[: supervised.demonstrations or None]
    examples = encoded(words, shown, supervised.longest)
    if base is None:
        network = build_tiny_llama(supervised.shape, words, supervised.inner, supervised.longest, False, replicate)
    else:
        network, _ = load(str(base), train=True)
    batches = drawn_batches(examples, supervised, np.random.default_rng([replicate, 3]))
    check_batches(examples, batches)
    pad = words.get_vocab()[str(words.pad_token)]

    def kept() -> Iterator[np.ndarray]:
        """The batches; on the way the weak policy is saved."""
        for place, rows in enumerate(batches):
            if weak is not None and place == supervised.weak_after:
                save(network, words, weak)
            yield rows

    losses = descend(
        network,
        kept(),
        len(batches),
        lambda rows: batch_loss(network, [examples[row] for row in rows], pad, "token"),
        optimiser,
    )
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
