"""The policy that RL starts from: supervised training that stops in the middle of its learning transition."""

from __future__ import annotations

import numpy as np

from raw2fig.step import Input, Output, step
from raw2fig.tables import write_json
from raw2fig.tasks.problems import VERIFIER, WORDS, judge_of, pass_rates, read_problems
from raw2fig.tasks.thinking import demonstration


@step
def warm_start(
    *,
    problems: list[Input],
    model: Output,
    log: Output,
    shape: str = "64/2/4",
    target: float = 0.46,
    thoughts: float = 1.0,
    longest: int = 2000,
    probe_every: int = 50,
    samples: int = 4,
    max_new_tokens: int = 8,
    batch: int = 64,
    lr: float = 4e-3,
    seed: int = 0,
) -> None:
    """Train on demonstrations until the pass rate on validation problems reaches a target.

    Parameters
    ----------
    problems
        Tables of problems; split warm_start is trained on, split validation is measured.
    model
        Model folder.
    log
        Whether the target was reached, the best pass rate and its step, losses, and the pass rate after every
        `probe_every` steps, of all problems and by their verifier.
    shape
        Of the Llama model: hidden/layers/heads.
    target
        Pass rate at which training stops. Far below 0.3, RL does not take off; far above, it has nothing to add.
    thoughts
        Mean length of thinking in the demonstrations.
    longest
        Most steps of the training. If the target is not reached by then, the best policy so far is kept.
    samples
        Completions of each validation problem.
    """
    from raw2fig.lm.examples import encode
    from raw2fig.lm.finetune import Recipe
    from raw2fig.lm.models import build_llama, parse_size
    from raw2fig.lm.tokenizer import word_tokenizer
    from raw2fig.lm.warm_start import train_to_rate

    words = word_tokenizer(WORDS)
    shown, measured = read_problems(problems, "warm_start"), read_problems(problems, "validation")
    rng = np.random.default_rng(seed)
    responses = [demonstration(answer, rng, thoughts) for answer in shown["answer"]]
    examples = encode(words, shown["prompt"].tolist(), responses, 1 << 20)
    length = max(len(example.ids) for example in examples) + max_new_tokens
    network = build_llama(parse_size(shape), words, length, seed)

    judge, prompts = judge_of(measured), measured["prompt"].tolist()

    apart: list[dict[str, float]] = []

    def rate_of(policy) -> float:  # type: ignore[no-untyped-def]
        found = pass_rates(policy, words, prompts, judge, samples, max_new_tokens, seed)
        apart.append(measured.assign(rate=found).groupby(VERIFIER)["rate"].mean().to_dict())
        return float(found.mean())

    recipe = Recipe(steps=longest, batch=batch, lr=lr, constant=True, warmup=0.01, seed=seed)
    found = train_to_rate(network, words, examples, recipe, model, rate_of, target, probe_every)
    rates = [rate | parts for rate, parts in zip(found.pass_rates, apart, strict=True)]
    write_json({"parameters": network.num_parameters(), **found._asdict(), "pass_rates": rates}, log)
