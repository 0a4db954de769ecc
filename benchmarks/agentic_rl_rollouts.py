"""Rollouts with a tool: our sampler beside trl's own tool loop, with the same model, calculator and problems.

    python benchmarks/agentic_rl_rollouts.py [--policy FOLDER_OF_A_COLD_START]

A policy of the miniature learns to call the calculator first, unless one is given. trl's turns end at the token that
closes a call, and a template puts results between the markers of the miniature, so that both write the same tokens.
Greedy rollouts are of different problems and must have equal ids and equal masks, or the benchmark stops. Sampled ones
are eight of each problem, as in RL. Only the generation of rollouts is timed, on one thread and in turns; our sampler
also gives the log-probability of each token, which trl's does not.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from shared.rows import show

from raw2fig.config import SHIPPED, load
from raw2fig.lm.models import load as load_model
from raw2fig.lm.sample import sample
from raw2fig.papers.agentic_rl.chain_tool import calculator
from raw2fig.papers.agentic_rl.chains import CALL, END_CALL, END_RESULT, RESULT, draw
from raw2fig.papers.agentic_rl.cold_start import cold_start
from raw2fig.papers.agentic_rl.demonstrations import make_trajectories
from raw2fig.papers.agentic_rl.evaluation import tools_of
from raw2fig.papers.agentic_rl.problems import make_problems
from raw2fig.papers.agentic_rl.settings import Settings
from raw2fig.tables import write_json

RESULT_FILE = Path(__file__).parents[1] / "build" / "bench" / "agentic_rl_rollouts.json"
GENERATIONS, LONGEST = 8, 128
"""Rollouts of a problem when they are sampled, and tokens of a rollout at most."""
TEMPLATE = (
    f'{{% for message in messages %}}{{% if message.role == "tool" %}} {RESULT} {{{{ message.content }}}} {END_RESULT}'
    f"{{% else %}} {{{{ message.content }}}}{{% for call in message.tool_calls or [] %}} {CALL} "
    f"{{{{ call.function | tojson }}}} {END_CALL}{{% endfor %}}{{% endif %}}{{% endfor %}}"
)
"""Messages as the miniature writes them. trl renders calls only to cut them off again: those of a rollout keep the ids
that the model wrote, without the tool's name."""
FOUND = {"type": "function", "function": {"name": "calculate", "arguments": {"expression": "{content}"}}}
PARSED = {
    "defaults": {"role": "assistant"},
    "start_anchor_pattern": rf"\?|{END_RESULT}",
    "fields": {
        "tool_calls": {"open": CALL, "close": END_CALL, "repeats": True, "content": "text", "transform": FOUND},
        "content": {"close": "<eos>", "content": "text"},
    },
}
"""How trl finds calls in a turn."""


Rollouts = tuple[list[list[int]], list[list[int]]]
"""Token ids of each response, and 1 for each token of the model, 0 for those of a result."""


def calculate(expression: str) -> str:
    """Calculates.

    Args:
        expression: Words of an expression.
    """
    return " ".join(calculator(expression.split()))


def learned(folder: Path, settings: Settings, updates: int) -> Path:
    """Folder of a policy that calls the tool."""
    problems, trajectories, base = folder / "problems.parquet", folder / "real.jsonl", folder / "policy"
    make_problems(problems=problems, chains=settings.chains, sizes=settings.problems, replicate=0)
    shown = {"expert": settings.expert, "demonstrations": settings.demonstrations, "replicate": 0}
    make_trajectories(problems=problems, trajectories=trajectories, kind="real", **shown)
    supervised = settings.cold_start.supervised.model_copy(update={"updates": updates})
    learning = {"supervised": supervised, "optimiser": settings.cold_start.optimiser, "replicate": 0}
    cold_start(trajectories=trajectories, model=base, log=folder / "log.json", **learning)
    return base


def ours(model: Any, words: Any, prompts: list[str], longest: int, temperature: float) -> Rollouts:
    """By the sampler of the miniature; greedy at a temperature of 0."""
    ids = words(prompts)["input_ids"]
    uniforms = np.random.default_rng(0).random((len(ids), longest)) if temperature else None
    drawn = sample(model, words, ids, longest, uniforms, tools=tools_of(words, calculator, longest))
    return drawn.ids, drawn.drawn


def stock(
    model: Any, words: Any, size: int, longest: int, temperature: float, folder: Path
) -> Callable[[list[str]], Rollouts]:
    """trl's trainer, as a function from `size` prompts to rollouts."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    words.chat_template, words.response_template = TEMPLATE, PARSED
    model.generation_config.eos_token_id = [words.eos_token_id, words.get_vocab()[END_CALL]]
    arguments = GRPOConfig(
        **{"output_dir": str(folder), "per_device_train_batch_size": size, "num_generations": GENERATIONS},
        **{"max_completion_length": longest, "generation_kwargs": {} if temperature else {"do_sample": False}},
        **{"report_to": [], "use_cpu": True, "bf16": False, "gradient_checkpointing": False},
    )
    trainer: Any = GRPOTrainer(
        model=model,
        args=arguments,
        processing_class=words,
        train_dataset=Dataset.from_list([{"prompt": [{"role": "user", "content": "1 ?"}]}]),
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        tools=[calculate],
    )
    trainer.model.eval()
    # what trl does before it generates: the tools of each rollout
    trainer._sync_tool_dicts, trainer._async_tool_dicts = [{"calculate": calculate}] * size, [{}] * size

    def run(prompts: list[str]) -> Rollouts:
        _, ids, own, *_ = trainer._generate([[{"role": "user", "content": prompt}] for prompt in prompts])
        return ids, own

    return run


def asked(model: Any, words: Any, settings: Settings, number: int, longest: int) -> list[str]:
    """Different problems whose greedy responses have an end, and calls that begin and end: trl cuts others differently,
    and gives no result for the end of a call alone, where our tool says E."""
    rng = np.random.default_rng(1)
    drawn = dict.fromkeys(" ".join(draw(settings.chains, 1 + at % 4, rng).prompt()) for at in range(4 * number))
    responses = ours(model, words, list(drawn), longest, 0)[0]
    opens, closes, end = words.convert_tokens_to_ids([CALL, END_CALL, words.eos_token])
    pairs = zip(drawn, responses, strict=True)
    found = [one for one, ids in pairs if ids[-1] == end and ids.count(opens) == ids.count(closes)]
    if len(found) < number:
        raise RuntimeError(f"{len(found)} of {len(drawn)} responses are whole: more updates, or another policy")
    return found[:number]


def agree(first: Rollouts, second: Rollouts, words: Any) -> None:
    """Stop unless ids and masks are equal, and there are calls."""
    for one, other in zip(zip(*first, strict=True), zip(*second, strict=True), strict=True):
        if one != other:
            raise RuntimeError(f"ours: {words.decode(one[0])} {one[1]}; trl: {words.decode(other[0])} {other[1]}")
    if all(map(all, first[1])):
        raise RuntimeError("no rollout has a call that was answered")


def compared(runs: dict[str, Callable[[], Rollouts]], repetitions: int) -> dict[str, Any]:
    """CPU seconds (median) and rollouts/s of both, in turns, and the median of their ratios."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    last: dict[str, Rollouts] = {}
    for _ in range(repetitions):
        for name, run in runs.items():
            start = time.process_time()
            last[name] = run()
            seconds[name].append(time.process_time() - start)
    row: dict[str, Any] = {}
    for name, (ids, masks) in last.items():
        middle = statistics.median(seconds[name])
        # a result begins where a token of the model is followed by one that is not
        calls = float(np.mean([np.sum(np.diff(own) < 0) for own in masks]))
        row |= {f"CPU s, {name}": middle, f"rollouts/s, {name}": len(ids) / middle, f"calls, {name}": calls}
    row["ratio"] = statistics.median(b / a for a, b in zip(seconds["ours"], seconds["trl"], strict=True))
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", type=Path, help="Model folder of `raw2fig agentic-rl cold-start`.")
    parser.add_argument("--updates", type=int, default=200, help="Updates of the cold start, without a policy.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 256], help="Rollouts of a batch.")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    settings, rows = Settings(**load([SHIPPED])["agentic_rl"]), []
    with tempfile.TemporaryDirectory() as name:
        model, words = load_model(str(options.policy or learned(Path(name), settings, options.updates)))
        prompts = asked(model, words, settings, max(options.sizes), LONGEST)
        for size in options.sizes:
            for mode, temperature in (("greedy", 0.0), ("sampled", 1.0)):
                given = prompts[:size] if mode == "greedy" else sorted(prompts[: size // GENERATIONS] * GENERATIONS)
                theirs = stock(model, words, size, LONGEST, temperature, Path(name) / "trl")
                runs = {"trl": partial(theirs, given), "ours": partial(ours, model, words, given, LONGEST, temperature)}
                if mode == "greedy":
                    agree(runs["ours"](), runs["trl"](), words)
                rows.append({"rollouts": size, "mode": mode, **compared(runs, options.repetitions)})
                show(rows[-1])
    RESULT_FILE.parent.mkdir(parents=True, exist_ok=True)
    write_json(rows, RESULT_FILE)


if __name__ == "__main__":
    main()
