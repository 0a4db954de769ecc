"""`raw2fig agentic-rl train`: RL of a Hugging Face model with a tool, in trl's own tool loop.

The paper's setting. Losses, advantages, averages and the penalty for length are those of the engine (`raw2fig.rl`);
between turns trl runs the tool, whose tokens are not trained on and count as length. What differs from the released
code's loop (`raw2fig.papers.agentic_rl.tool_loop`): all calls of a turn are run, a call that is not closed is one too,
and what a failed call says comes as `{'error': ...}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from raw2fig.config import SHIPPED
from raw2fig.errors import InputError
from raw2fig.lm.chats import text_of
from raw2fig.papers.agentic_rl.grading import is_right
from raw2fig.papers.agentic_rl.own_rollouts import Asked, ToolName, read_asked, tool_of
from raw2fig.papers.agentic_rl.tool_loop import Loop, plain_text
from raw2fig.papers.agentic_rl.tool_terms import Term, of_right, of_wrong
from raw2fig.papers.agentic_rl.tools.calls import parse
from raw2fig.papers.agentic_rl.tools.fusion import Service
from raw2fig.papers.agentic_rl.tools.interpreter import Running
from raw2fig.papers.agentic_rl.tools.outcome import Outcome
from raw2fig.papers.agentic_rl.tools.preflight import check_rewards, check_tool
from raw2fig.papers.agentic_rl.tools.trl_tools import CalculatorSession, PythonSession
from raw2fig.papers.agentic_rl.tools.watch import Canary, Watch, Watching
from raw2fig.published import read_numbers
from raw2fig.rl.environment import Environment, Played
from raw2fig.rl.recipe import Recipe
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import read_table, write_json, write_table

REFUSED = Outcome("model_error", "", 0.0, "refused")
"""A call that trl did not hand to the tool."""


class Learning(Record):
    """What a policy learns from, beside its recipe."""

    tool: ToolName = Field(
        description="interpreter: Python in the sandbox of this machine; calculator: integers; service: Python on a "
        "SandboxFusion service."
    )
    instruction: str = Field(description="What follows each problem.")
    tool_term: Term = Field(
        description="What calls are worth. paper: 0.1 each; release_intended: 0.1 each in a wrong answer, up to -0.6; "
        "release_effective: nothing, and a wrong answer is -1.1; none: nothing."
    )


class Signals:
    """The engine's view of rewards of two parts: the first signal says whether an answer is right, the second is the
    reward. Logs its mean over rollouts that were not lost, and what the tool did since the last update; in a run of
    several processes, for the first of them. Where several updates share rollouts, the first has all of their calls."""

    def __init__(self, watch: Watch) -> None:
        self.watch, self.means = watch, dict[str, float]()

    def rewards(self, signals: np.ndarray) -> np.ndarray:
        found = np.asarray(signals[1])
        there = found[~np.isnan(found)]
        self.means = {"outcome": float(there.mean())} if there.size else {}
        return found

    def told(self, advantages: np.ndarray) -> dict[str, float]:
        return self.means | {name: float(number) for name, number in self.watch.end_step().items()}

    def state(self) -> None:
        return None

    def restore(self, state: Any) -> None: ...


@step
def train(
    *,
    model: Input,
    problems: Input,
    chosen: Input | None = None,
    numbers: Input | None = None,
    policy: Output,
    log: Output,
    checks: Output = Path("tool-checks.csv"),
    recipe: Annotated[Recipe, At("own.recipe")],
    learning: Annotated[Learning, At("own.learning")],
    loop: Annotated[Loop, At("own.loop")],
    watching: Annotated[Watching, At("own.watching")],
    running: Annotated[Running, At("own.running")],
    service: Annotated[Service, At("own.service")],
    seed: Seed = 0,
) -> None:
    """Train a model with a tool by reinforcement learning. First the tool is called with known results, and the rewards
    are proven. A run whose tool breaks on the way stops with the reason, and nothing is written.

    An answer is right if the last box of the last turn holds it to the letter. Groups with a rollout that the
    infrastructure failed are left out. On several GPUs: accelerate launch ... -m raw2fig agentic-rl train ...

    Parameters
    ----------
    model
        Model folder, with a chat template that trl can read calls from, as those of Qwen2.5 and Qwen3.
    problems
        JSON lines with problem and answer, texts, and maybe id.
    chosen
        Table of `raw2fig agentic-rl curate`: only these problems, by their id, which without one is the line.
    numbers
        The published numbers of the rewards, config/agentic_rl/numbers.csv if not given.
    policy
        Folder of the trained model.
    log
        A record for each update: entropy, lengths, share of right answers; under shaping/ the reward without the
        penalty for length, calls, those that went well, mistakes of the model, failures of the infrastructure, and
        calls that cannot be read.
    checks
        Calls of the tool before the run, with their seconds.
    """
    import pandas as pd

    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.models import load_tokenizer
    from raw2fig.rl.trainer import grpo

    asked = read_answered(problems, chosen)
    single = read_numbers(numbers or SHIPPED.parent / "agentic_rl/numbers.csv")
    tool, cases = tool_of(learning.tool, running, service)
    made = check_tool(tool, cases, loop.workers, loop.characters, loop.cut)
    check_rewards(
        asked, lambda one: is_right(f"\\boxed{{{one.answer}}}", one.answer), lambda one: is_right("", one.answer)
    )
    (parameter,) = tool.parameters
    watch = Watch(watching, Canary(lambda: tool.run(**{parameter: cases[0].argument}), cases[0].text))
    words = load_tokenizer(str(model))
    kind = CalculatorSession if learning.tool == "calculator" else PythonSession

    def session() -> PythonSession | CalculatorSession:
        return kind(tool, watch, loop.characters, loop.cut, lambda text: plain_text(words, text))

    def rewards(played: list[Played], indices: list[int], update: int) -> np.ndarray:
        watch.check()  # trl swallows what a tool raises
        for one in played:
            count(one, watch)
        rows = zip(played, indices, strict=True)
        return np.array([signals(one, asked[index], learning.tool_term, single) for one, index in rows])

    prompts = [[{"role": "user", "content": f"{one.problem}\n\n{learning.instruction}"}] for one in asked]
    # the last of the model's turns may not call
    environment = Environment(session, loop.model_turns - 1)
    settings = (learning, loop, watching, running, service)
    records = grpo(
        model,
        prompts,
        rewards,
        recipe,
        policy,
        seed,
        scored_by=str([settings, asked]),
        shaping=Signals(watch),
        environment=environment,
    )
    write_json(records, log)
    write_table(pd.DataFrame(made), checks)
    discard(policy)


def read_answered(path: Path, chosen: Path | None = None) -> list[Asked]:
    """Problems with their answers; of a table `chosen`, only those. Raises `InputError` for one without an answer, and
    for one of the table that is not there."""
    found = read_asked(path)
    if chosen is not None:
        by_name = {one.name: one for one in found}
        names = read_table(chosen, {"problem": "string"})["problem"].tolist()
        missing = next((name for name in names if name not in by_name), None)
        if missing is not None:
            raise InputError(chosen, f"problem {missing!r} is not in {path}", "ids of its problems")
        found = [by_name[name] for name in names]
    for one in found:
        if not one.answer:
            raise InputError(path, f"problem {one.name!r} has no answer", "one for each, which decides its reward")
    return found


def count(played: Played, watch: Watch) -> None:
    """Count what trl does not hand to the tool: calls that it cannot read, which are text to it, and calls that it
    refuses, of another name or with other arguments."""
    roles = [message.get("role") for message in played.messages]
    for message in played.messages:
        if message.get("role") == "assistant":
            watch.read(parse(text_of(message.get("content"))))
    for _ in range(roles.count("tool") - len(played.tools.outcomes)):
        watch.call(lambda: REFUSED, REFUSED.kind)


def signals(played: Played, asked: Asked, term: Term, numbers: Mapping[str, float]) -> tuple[float, float]:
    """Whether a rollout is right (1 or -1), and its reward without the penalty for length; both NaN where a call was
    lost to the infrastructure."""
    if played.tools.lost:
        return np.nan, np.nan
    last = played.messages[-1] if played.messages else {}
    right = last.get("role") == "assistant" and is_right(text_of(last.get("content")), asked.answer)
    calls = len(played.tools.outcomes)
    return (1.0 if right else -1.0), reward(right, calls, term, numbers)


def reward(right: bool, calls: int, term: Term, numbers: Mapping[str, float]) -> float:
    """Reward of an answer after some calls."""
    return float(of_right(term, calls, numbers) if right else of_wrong(term, calls, numbers))
