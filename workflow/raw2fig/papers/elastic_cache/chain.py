"""The task of the miniature: a chain of sums whose results follow from each other, among words that are certain.

A prompt is a number and slots of five words, `+ d = ? ;`, those that are not used `- - - - -`. The answer repeats the
number and the used slots, with the sum so far, modulo a number, for each `?`. Then ends of sequence fill it up. A word
of the prompt and the same word of the answer are always equally far apart. So everything but the sums can be written at
once, and the sums only one after another. Solved problems may stand before the prompt, as in few-shot prompts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import model_validator

from raw2fig.settings import Field, Record, impossible
from raw2fig.tasks.parts import SHARES, TRAINING, part_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

START, MASK = "<start>", "<mask>"
SLOT = ("+", "{step}", "=", "{sum}", ";")
UNKNOWN, UNUSED = "?", "-"
STEPS = (1, 2, 3)
"""What may be added."""
LARGEST = 10
"""Largest modulus: sums have one digit."""

PATIENCE = 100 * SHARES
"""Draws without a new problem after which no more are looked for."""


class Chain(Record):
    """Size of the problems."""

    modulus: int = Field(ge=2, le=LARGEST, description="Sums are modulo this number.")
    slots: int = Field(ge=1, description="Slots of a prompt: most numbers that are added.")
    fewest: int = Field(ge=1, description="Fewest numbers that are added.")
    length: int = Field(ge=1, description="Tokens of an answer with the ends of sequence that fill it up (N).")
    shots: int = Field(ge=0, description="Solved problems that stand before the one that is asked.")

    @model_validator(mode="after")
    def _possible(self) -> Any:
        if self.fewest > self.slots:
            raise impossible("fewest", f"is {self.fewest}", f"at most {self.slots}, the slots")
        if self.length <= words_of(self.slots):
            expected = f"at least {words_of(self.slots) + 1}, the longest answer and an end of sequence"
            raise impossible("length", f"is {self.length}", expected)
        return self

    @property
    def prompt_length(self) -> int:
        """Tokens of a prompt (P), with the solved problems before it."""
        return (2 * self.shots + 1) * words_of(self.slots)


class Problem(NamedTuple):
    """A number to begin with, and what is added to it."""

    first: int
    steps: tuple[int, ...]

    def prompt(self, slots: int) -> list[str]:
        """Words of the prompt, with so many slots."""
        used = [word.format(step=step, sum=UNKNOWN) for step in self.steps for word in SLOT]
        return [START, str(self.first), *used, *[UNUSED] * (len(SLOT) * (slots - len(self.steps)))]

    def answer(self, modulus: int) -> list[str]:
        """Words of the answer before the first end of sequence."""
        sums = (self.first + np.cumsum(self.steps)) % modulus
        used = [
            word.format(step=step, sum=so_far) for step, so_far in zip(self.steps, sums, strict=True) for word in SLOT
        ]
        return [str(self.first), ";", *used]

    def solved(self, slots: int, modulus: int) -> list[str]:
        """Words of the prompt, and as many of the answer, filled up with slots that are not used."""
        answer = self.answer(modulus)
        return [*self.prompt(slots), *answer, *[UNUSED] * (words_of(slots) - len(answer))]

    @property
    def part(self) -> str:
        """The part that the problem belongs to, in every replicate."""
        return part_of(bytes([self.first, *self.steps]))


def words_of(slots: int) -> int:
    """Words of a prompt with so many slots, and of an answer in which all are used."""
    return 2 + len(SLOT) * slots


def draw(chain: Chain, slots: int, rng: np.random.Generator) -> Problem:
    """Any problem with at most so many slots used; each number of slots is equally likely."""
    used = rng.integers(min(chain.fewest, slots), slots + 1)
    first = int(rng.integers(chain.modulus))
    return Problem(first, tuple(rng.choice(STEPS, size=used).tolist()))


def draw_to_train(chain: Chain, slots: int, rng: np.random.Generator) -> Problem:
    """A problem to train on: none that the model may be asked. Chains too short to be asked may be any."""
    while True:
        problem = draw(chain, slots, rng)
        if len(problem.steps) < chain.fewest or problem.part == TRAINING:
            return problem


def distinct(chain: Chain, used: int, part: str, number: int, rng: np.random.Generator) -> list[Problem]:
    """Different problems of a part that add so many numbers; fewer than `number` where hardly another is found."""
    found, missed = dict[Problem, None](), 0
    while len(found) < number and missed < PATIENCE:
        first = int(rng.integers(chain.modulus))
        problem = Problem(first, tuple(rng.choice(STEPS, size=used).tolist()))
        new = problem.part == part and problem not in found
        missed = 0 if new else missed + 1
        if new:
            found[problem] = None
    return list(found)


def chain_tokenizer() -> PreTrainedTokenizerBase:
    """One token for each word of prompts and answers, with an end of sequence and a mask."""
    from raw2fig.lm.tokenizer import word_tokenizer

    digits = [str(digit) for digit in range(LARGEST)]
    tokenizer = word_tokenizer([START, *digits, "+", "=", ";", UNKNOWN, UNUSED])
    tokenizer.add_special_tokens({"mask_token": MASK})
    return tokenizer


def few_shot(chain: Chain, problem: Problem, rng: np.random.Generator) -> list[str]:
    """Words of a prompt of whole size, with solved problems of the training part before it."""
    shots = [draw_to_train(chain, chain.slots, rng) for _ in range(chain.shots)]
    return [*(word for shot in shots for word in shot.solved(chain.slots, chain.modulus)), *problem.prompt(chain.slots)]


def encoded(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Sequence[str]], answers: Sequence[Sequence[str]], length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Token ids of the words of prompts of one size (problems, tokens), and of filled-up answers (problems, length)."""
    ids = tokenizer.get_vocab()
    filled = np.full((len(answers), length), tokenizer.eos_token_id)
    for row, words in zip(filled, answers, strict=True):
        row[: len(words)] = [ids[word] for word in words]
    return np.array([[ids[word] for word in words] for words in prompts]), filled
