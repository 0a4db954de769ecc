"""The policy that RL starts from: supervised training that stops in the middle of its learning transition."""

from __future__ import annotations

import logging

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.scalerl.problems import pass_rates, read_problems
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_json
from raw2fig.tasks.arithmetic import demonstration


@step
def warm_start(
    *,
    problems: Input,
    tokenizer: Input,
    model: Output,
    log: Output,
    shape: str = "64/2/4",
    target: float = 0.4,
    thoughts: float = 1.0,
    longest: int = 2000,
    probe_every: int = 25,
    samples: int = 4,
    max_new_tokens: int = 12,
    batch: int = 128,
    lr: float = 3e-3,
    seed: int = 0,
) -> None:
    """Train on demonstrations until the pass rate on validation problems reaches a target.

    Parameters
    ----------
    problems
        Table of problems; split warm_start is trained on, split validation is measured.
    tokenizer
        Tokenizer folder.
    model
        Model folder.
    log
        Losses, and the pass rate after every `probe_every` steps.
    shape
        Of the Llama model: hidden/layers/heads.
    target
        Pass rate at which training stops. Far below 0.3, RL does not take off; far above, it has nothing to add.
    thoughts
        Mean length of thinking in the demonstrations.
    longest
        Steps after which it is an error that the target is not reached.
    samples
        Completions of each validation problem.
    """
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.examples import encode
    from raw2fig.lm.finetune import Recipe, fine_tune
    from raw2fig.lm.models import build_llama, load_tokenizer, parse_size

    if not 0 < target < 1:
        raise InputError("target", f"is {target:g}", "a pass rate between 0 and 1")
    words = load_tokenizer(str(tokenizer))
    shown, measured = read_problems(problems, "warm_start"), read_problems(problems, "validation")
    rng = np.random.default_rng(seed)
    responses = [demonstration(answer, rng, thoughts) for answer in shown["answer"]]
    examples = encode(words, shown["prompt"].tolist(), responses, 1 << 20)
    length = max(len(example.ids) for example in examples) + max_new_tokens
    network = build_llama(parse_size(shape), words, length, seed)
    rates: list[dict[str, float]] = []

    def stop(policy, step: int) -> bool:  # type: ignore[no-untyped-def]
        if step % probe_every:
            return False
        rate = float(pass_rates(policy, words, measured, samples, max_new_tokens, seed).mean())
        logging.info("step %d: pass rate %.3f", step, rate)
        rates.append({"step": step, "pass_rate": rate})
        return rate >= target

    recipe = Recipe(steps=longest, batch=batch, lr=lr, constant=True, warmup=0.01, checkpoint_every=longest, seed=seed)
    records = fine_tune(network, words, examples, recipe, model, stop=stop)
    discard(model)
    reached = max((record["pass_rate"] for record in rates), default=0.0)
    if reached < target:
        raise InputError("target", f"{target:g} is not reached in {longest} steps, {reached:.3f} is", "a lower one")
    write_json({"parameters": network.num_parameters(), "pass_rates": rates, "log": records}, log)
