"""The policy that RL starts from: supervised training that stops in the middle of its learning transition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from raw2fig.lm.finetune import Training
from raw2fig.lm.models import Shape
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, step
from raw2fig.tables import write_json
from raw2fig.tasks.problems import VERIFIER, WORDS, judge_of, pass_rates, read_problems
from raw2fig.tasks.thinking import demonstration

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Policy(Record):
    """The policy before RL, and where its supervised training ends."""

    shape: Shape = Field(description="Hidden width, layers and heads of the Llama model, as 64/2/4.")
    target: float = Field(
        gt=0,
        lt=1,
        description="Pass rate on validation problems at which training ends. Far below 0.3, RL does not take off; far "
        "above, it has nothing to add.",
    )
    thoughts: float = Field(ge=0, description="Mean length of thinking in the demonstrations, in tokens.")
    probe_every: int = Field(ge=1, description="Number of steps between two measurements of the pass rate.")
    samples: int = Field(ge=1, description="Number of completions of each validation problem.")


@step
def warm_start(
    *,
    problems: list[Input],
    model: OutputFolder,
    log: Output,
    policy: Policy,
    training: Annotated[Training, At("base.warm_start.training")],
    max_new_tokens: Annotated[int, Field(ge=1)],
    replicate: Seed,
) -> None:
    """Train on demonstrations until the pass rate on validation problems reaches a target.

    Parameters
    ----------
    problems
        Tables of problems; split warm_start is trained on, split validation is measured.
    model
        Model folder.
    log
        The replicate, whether the target was reached, the best pass rate and its step, losses, and after every
        `probe_every` steps the pass rate, of all problems and by their verifier.
    max_new_tokens
        Longest completion, in tokens.
    """
    from raw2fig.lm.examples import encode
    from raw2fig.lm.models import build_llama, parse_size
    from raw2fig.lm.tokenizer import word_tokenizer
    from raw2fig.lm.warm_start import train_to_rate

    words = word_tokenizer(WORDS)
    shown, measured = read_problems(problems, "warm_start"), read_problems(problems, "validation")
    rng = np.random.default_rng(replicate)
    responses = [demonstration(answer, rng, policy.thoughts) for answer in shown["answer"]]
    examples = encode(words, shown["prompt"].tolist(), responses, 1 << 20)
    length = max(len(example.ids) for example in examples) + max_new_tokens
    network = build_llama(parse_size(policy.shape), words, length, replicate)
    judge, prompts = judge_of(measured), measured["prompt"].tolist()
    by_verifier: list[dict[str, float]] = []

    def rate_of(network: PreTrainedModel) -> float:
        found = pass_rates(network, words, prompts, judge, policy.samples, max_new_tokens, replicate)
        by_verifier.append(measured.assign(rate=found).groupby(VERIFIER)["rate"].mean().to_dict())
        return float(found.mean())

    stop = (rate_of, policy.target, policy.probe_every)
    found = train_to_rate(network, words, examples, training, model, replicate, *stop)
    told = {"replicate": replicate, "parameters": network.num_parameters(), **found._asdict()}
    rates = [rate | parts for rate, parts in zip(found.pass_rates, by_verifier, strict=True)]
    write_json(told | {"pass_rates": rates}, log)
