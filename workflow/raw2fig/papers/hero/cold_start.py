"""The policy that RL starts from: supervised training that stops in the middle of its learning transition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from raw2fig.papers.hero.formats import is_true
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_json
from raw2fig.tasks.problems import COLUMNS, pass_rates, read_problems


@step
def cold_start(
    *,
    problems: Input,
    tokenizer: Input,
    model: Output,
    log: Output,
    shape: str = "64/2/4",
    target: float = 0.45,
    longest: int = 2000,
    probe_every: int = 10,
    samples: int = 1,
    max_new_tokens: int = 5,
    batch: int = 64,
    lr: float = 3e-3,
    seed: int = 0,
) -> None:
    """Train on demonstrations in both formats until the share of true answers on validation problems reaches a target.

    Parameters
    ----------
    problems
        Table of problems; split warm_start is trained on, split validation is measured.
    tokenizer
        Tokenizer folder.
    model
        Model folder.
    log
        Whether the target was reached, the best share and its step, losses, and the share after every `probe_every`
        steps.
    shape
        Of the Llama model: hidden/layers/heads.
    target
        Share of true answers, in a form that the verifier knows or another, at which training stops.
    longest
        Most steps of the training. If the target is not reached by then, the best policy so far is kept.
    samples
        Completions of each validation problem.
    """
    from raw2fig.lm.examples import encode
    from raw2fig.lm.finetune import Recipe
    from raw2fig.lm.models import build_llama, load_tokenizer, parse_size
    from raw2fig.lm.warm_start import train_to_rate

    words = load_tokenizer(str(tokenizer))
    shown = read_problems([problems], "warm_start", {**COLUMNS, "candidate": "string"})
    measured = read_problems([problems], "validation", COLUMNS)
    prompts, answers = measured["prompt"].tolist(), measured["answer"].tolist()
    examples = encode(words, shown["prompt"].tolist(), shown["candidate"].tolist(), 1 << 20)
    length = max(len(example.ids) for example in examples) + max_new_tokens
    network = build_llama(parse_size(shape), words, length, seed)

    def judge(rows: Sequence[int], texts: Sequence[str]) -> list[bool]:
        return [is_true(answers[row], text) for row, text in zip(rows, texts, strict=True)]

    def rate_of(policy) -> float:  # type: ignore[no-untyped-def]
        return float(np.mean(pass_rates(policy, words, prompts, judge, samples, max_new_tokens, seed)))

    recipe = Recipe(steps=longest, batch=batch, lr=lr, constant=True, warmup=0.01, seed=seed)
    found = train_to_rate(network, words, examples, recipe, model, rate_of, target, probe_every)
    write_json({"parameters": network.num_parameters(), **found._asdict()}, log)
