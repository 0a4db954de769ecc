"""Speed of the search and of routed generation, each beside the usual way, on one thread.

    python benchmarks/dr_llm.py

Search: questions of the miniature on a model of its shape with random weights, by the released policy. One path at a
time, with an answer of ten tokens generated for each, is how the released code goes on. The same with one forward pass
for each path, and with all questions together, must find the same.

Generation: the model has random weights and is large enough for its layers to take most of the time. All ways run in
turn, round after round, and speeds are compared within a round. A way is generation by: the plain model; the same model
routed, with routers that are asked and execute every layer; 20 % of its layers skipped, the same ones in each row or
others in each; and the skips without a cache, which is how others make repeats and skips exact. Skips that save exactly
the skipped layers' time have the speed in the last column.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from raw2fig.lm.models import build_tiny_llama
from raw2fig.lm.tokenizer import word_tokenizer
from raw2fig.papers.dr_llm.answering import Answering, ask
from raw2fig.papers.dr_llm.records import Question
from raw2fig.papers.dr_llm.routing import RoutedModel
from raw2fig.papers.dr_llm.routing.routers import Routers, new_routers
from raw2fig.papers.dr_llm.search import Search, search
from raw2fig.papers.dr_llm.searching import evaluator
from raw2fig.papers.dr_llm.tree import Selection
from raw2fig.papers.dr_llm.world import KNOWN, draw_item, vocabulary
from raw2fig.tables import write_json

RESULT = Path(__file__).parents[1] / "build" / "bench" / "dr_llm.json"
LAYERS, WIDTH, VOCABULARY = 10, 512, 512
ROWS, PROMPT, NEW = 4, 32, 32
SKIPPED = LAYERS // 5
GENERATED = 10
"""Tokens of an answer in the released code."""


def make_model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    settings = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": LAYERS}
    config = LlamaConfig(**settings, vocab_size=VOCABULARY, num_attention_heads=8, eos_token_id=None)
    return LlamaForCausalLM(config).eval()


def generation(rounds: int) -> list[dict[str, Any]]:
    """Tokens per second of each way, its speed beside the plain model's, and that of the layers it runs."""
    model = make_model()
    routers = Routers(new_routers(LAYERS, WIDTH, 128, 2, torch.Generator()), 8, "floor")
    routed = RoutedModel(model, routers, control=0.0)
    ids = torch.randint(1, VOCABULARY, (ROWS, PROMPT))
    same = [0 if LAYERS - SKIPPED <= layer + 1 < LAYERS else 1 for layer in range(LAYERS)]
    other = [[0 if (layer - row) % (LAYERS // SKIPPED) == 0 else 1 for layer in range(LAYERS)] for row in range(ROWS)]

    def seconds(**settings: Any) -> float:
        """CPU seconds of a generation: other processes of the machine do not count."""
        start = time.process_time()
        model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, do_sample=False, pad_token_id=0, **settings
        )
        return time.process_time() - start

    def plain() -> float:
        routed.detach()
        found = seconds()
        routed.attach()
        return found

    def fixed(actions: Any, **settings: Any) -> float:
        with routed.fixed_route(actions):
            return seconds(**settings)

    saved = LAYERS / (LAYERS - SKIPPED)
    ways: dict[str, tuple[Callable[[], float], float]] = {
        "plain": (plain, 1.0),
        "routed, all executed": (seconds, 1.0),
        "20 % skipped": (lambda: fixed(same), saved),
        "20 % skipped, rows differ": (lambda: fixed(other), saved),
        "20 % skipped, no cache": (lambda: fixed(same, use_cache=False), saved),
    }
    plain()
    found = [{name: run() for name, (run, _) in ways.items()} for _ in range(rounds)]
    return [
        {
            "way": name,
            "tokens/s": ROWS * NEW / statistics.median(times[name] for times in found),
            "speed": statistics.median(times["plain"] / times[name] for times in found),
            "speed of its layers": expected,
        }
        for name, (_, expected) in ways.items()
    ]


def searching(questions: int, simulations: int) -> list[dict[str, Any]]:
    """Paths that are tried per second of CPU by both ways."""
    words = word_tokenizer(vocabulary())
    model = build_tiny_llama("64/10/4", words, 2, 64, False, 0).eval()
    rng = np.random.default_rng(0)
    tasks = [KNOWN[place % len(KNOWN)] for place in range(questions)]
    items = [draw_item(task, rng) for task in tasks]
    drawn = [
        Question(f"{place}", task, item.prompt, item.answer)
        for place, (task, item) in enumerate(zip(tasks, items, strict=True))
    ]
    selection = Selection(tree_policy="chain", exploration=1.8, length_penalty=3.0, random_share=0.1)
    settings = Search(simulations=simulations, early_stop="code", least_probability=0.0, selection=selection)
    found, rows = [], []
    with RoutedModel(model) as routed:
        ways = (("one at a time, generated", 1, GENERATED), ("one at a time", 1, 1), ("all together", 512, 1))
        for way, at_once, tokens in ways:
            answering = Answering(new_tokens=tokens, grading="text", chat=False, at_once=at_once)
            some = drawn[: max(1, questions // GENERATED)] if tokens > 1 else drawn
            groups = [some] if at_once > 1 else [[one] for one in some]
            start, results = time.process_time(), []
            for group in groups:
                evaluate = evaluator(routed, words, ask(words, group, answering), answering)
                results += search([one.qid for one in group], routed.layers, evaluate, settings, 0)
            seconds = time.process_time() - start
            found.append([one.good for one in results])
            rows.append({"way": way, "paths/s": sum(len(one.outcomes) for one in results) / seconds})
    if found[1] != found[2]:
        raise RuntimeError("the two ways find different paths")
    for row in rows:
        row["speed"] = row["paths/s"] / rows[0]["paths/s"]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="Times that each way runs.")
    parser.add_argument("--questions", type=int, default=210, help="Questions of the search.")
    options = parser.parse_args()
    torch.set_num_threads(1)
    searches = searching(options.questions, 50)
    for row in searches:
        print(f"{row['way']:28s}{row['paths/s']:8.0f} paths/s  {row['speed']:.1f} x the first", flush=True)
    rows = generation(options.rounds)
    for row in rows:
        print(f"{row['way']:28s}{row['tokens/s']:8.1f} tokens/s  {row['speed']:.2f} x plain", end="")
        print(f"  (its layers: {row['speed of its layers']:.2f} x)")
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    write_json({"search": searches, "generation": rows}, RESULT)


if __name__ == "__main__":
    main()
