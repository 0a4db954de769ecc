"""The policy that RL starts from: supervised training that stops in the middle of its learning transition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np

from raw2fig.lm.finetune import Training
from raw2fig.lm.models import Shape
from raw2fig.papers.hero.formats import WORDS, is_true
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, step
from raw2fig.tables import write_json
from raw2fig.tasks.problems import COLUMNS, pass_rates, read_problems

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class ColdStart(Record):
    """The policy before RL, and where its supervised training ends."""

    shape: Shape = Field(description="Hidden width, layers and heads of the Llama model, as 64/2/4.")
    target: float = Field(gt=0, lt=1, description="Share of true answers on validation problems that ends training.")
    probe_every: int = Field(ge=1, description="Steps between two measurements of that share.")
    samples: int = Field(ge=1, description="Completions of each validation problem.")


@step
def cold_start(
    *,
    problems: Input,
    model: OutputFolder,
    log: Output,
    policy: ColdStart,
    training: Annotated[Training, At("cold_start.training")],
    max_new_tokens: Annotated[int, Field(ge=1)],
    replicate: Seed,
) -> None:
    """Train on demonstrations in both formats until the share of true answers on validation problems reaches a target.

    Parameters
    ----------
    problems
        Table of problems. The policy learns from the split warm_start and is measured on the split validation.
    model
        Model folder of the policy.
    log
        Replicate, whether the policy reached the target, its best share and the step of that, all measured shares, and
        the losses.
    max_new_tokens
        Longest completion, in tokens.
    """
    from raw2fig.lm.examples import encode
    from raw2fig.lm.models import build_llama, parse_size
    from raw2fig.lm.tokenizer import word_tokenizer
    from raw2fig.lm.warm_start import train_to_rate

    words = word_tokenizer(WORDS)
    shown = read_problems([problems], "warm_start", {**COLUMNS, "candidate": "string"})
    measured = read_problems([problems], "validation", COLUMNS)
    prompts, answers = measured["prompt"].tolist(), measured["answer"].tolist()
    examples = encode(words, shown["prompt"].tolist(), shown["candidate"].tolist(), 1 << 20)
    length = max(len(example.ids) for example in examples) + max_new_tokens
    network = build_llama(parse_size(policy.shape), words, length, replicate)

    def is_right(rows: Sequence[int], texts: Sequence[str]) -> list[bool]:
        return [is_true(answers[row], text) for row, text in zip(rows, texts, strict=True)]

    def rate_of(network: PreTrainedModel) -> float:
        return float(np.mean(pass_rates(network, words, prompts, is_right, policy.samples, max_new_tokens, replicate)))

    found = train_to_rate(
        network, words, examples, training, model, replicate, rate_of, policy.target, policy.probe_every
    )
    write_json({"replicate": replicate, "parameters": network.num_parameters(), **found._asdict()}, log)
