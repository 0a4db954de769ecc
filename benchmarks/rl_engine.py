"""CPU seconds per update of our engine beside trl's own `GRPOTrainer`, on the same work and one thread.

    python benchmarks/rl_engine.py

Work: 16 prompts x 8 completions of up to 16 tokens, two layers, widths 64 and 128, CISPO, from random weights. Runs
alternate; a run's first updates are not counted.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import logging
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from recipes import recipe

from raw2fig.lm.models import Size, build_gpt_neox, load_tokenizer, save
from raw2fig.lm.tokenizer import save_word_tokenizer
from raw2fig.rl.trainer import grpo
from raw2fig.tables import write_json

RESULT = Path(__file__).parents[1] / "build" / "bench" / "rl_engine.json"
PROMPTS, GENERATIONS, TOKENS, SKIPPED = 16, 8, 16, 3
WORDS = [f"w{index}" for index in range(44)]
TEXTS = [" ".join(WORDS[(index * step) % 44] for step in range(1, 7)) for index in range(1, 65)]


def rewards(completions: list[str], *_: Any) -> list[float]:
    return [float(text.count("1")) for text in completions]


class Clock:
    """CPU seconds at the end of every update."""

    def __init__(self) -> None:
        from transformers import TrainerCallback

        times: list[float] = []

        class Callback(TrainerCallback):
            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                times.append(time.process_time())

        self.times, self.callback = times, Callback()

    def per_update(self) -> float:
        return (self.times[-1] - self.times[SKIPPED - 1]) / (len(self.times) - SKIPPED)


def ours(base: Path, output: Path, updates: int, **changes: Any) -> float:
    from transformers import Trainer

    clock, start = Clock(), Trainer.__init__

    def init(self: Any, *arguments: Any, **options: Any) -> None:
        start(self, *arguments, **options)
        self.add_callback(clock.callback)

    settings = recipe(
        steps=updates,
        prompts=PROMPTS,
        generations=GENERATIONS,
        loss="cispo",
        eps_max=5.0,
        aggregation="prompt",
        scale="batch_advantage",
        drop_zero_variance=True,
        max_new_tokens=TOKENS,
        checkpoint_every=0,
        **changes,
    )
    Trainer.__init__ = init  # type: ignore[method-assign]
    try:
        grpo(base, TEXTS, rewards, settings, output, 0)
    finally:
        Trainer.__init__ = start  # type: ignore[method-assign]
    return clock.per_update()


def stock(base: Path, output: Path, updates: int) -> float:
    from datasets import Dataset
    from transformers import AutoModelForCausalLM
    from trl import GRPOConfig, GRPOTrainer

    clock = Clock()
    arguments = GRPOConfig(
        output_dir=str(output),
        max_steps=updates,
        per_device_train_batch_size=PROMPTS * GENERATIONS,
        num_generations=GENERATIONS,
        loss_type="cispo",
        epsilon_high=5.0,
        scale_rewards="batch",
        max_completion_length=TOKENS,
        learning_rate=1e-6,
        lr_scheduler_type="constant",
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        bf16=False,
        gradient_checkpointing=False,
    )
    GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(base),
        args=arguments,
        processing_class=load_tokenizer(str(base)),
        train_dataset=Dataset.from_dict({"prompt": TEXTS}),
        reward_funcs=lambda completions, **_: rewards(completions),
        callbacks=[clock.callback],
    ).train()
    return clock.per_update()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--updates", type=int, default=23)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_word_tokenizer(WORDS, folder / "words")
        words = load_tokenizer(str(folder / "words"))
        for width in (64, 128):
            base = folder / f"base{width}"
            save(build_gpt_neox(Size(width, 2, 4), words, 64, 0), words, base)
            kinds = {
                "trl": lambda base=base: stock(base, folder / "trl", options.updates),
                "ours": lambda base=base: ours(base, folder / "model", options.updates),
                "ours, pipeline of 8": lambda base=base: ours(
                    base, folder / "model", options.updates, off_policy="pipeline", k=8
                ),
            }
            found = {name: [run() for _ in range(1)] for name, run in kinds.items()}
            for _ in range(options.repetitions - 1):
                for name, run in kinds.items():
                    found[name].append(run())
            for name, seconds in found.items():
                ratio = statistics.median(a / b for a, b in zip(found["trl"], seconds, strict=True))
                second = statistics.median(seconds)
                rollouts = PROMPTS * GENERATIONS / second
                rows.append({"width": width, "engine": name, "cpu_s": second, "rollouts_s": rollouts, "speed": ratio})
                print(
                    f"width {width:3d}  {name:20s} {second:.3f} CPU s per update, {rollouts:5.0f} rollouts/s, "
                    f"{ratio:.2f} x trl's speed",
                    flush=True,
                )
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    write_json({"updates": options.updates, "repetitions": options.repetitions, "rows": rows}, RESULT)


if __name__ == "__main__":
    main()
