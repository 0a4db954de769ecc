"""`raw2fig agentic-rl roll-out`: a model with tools on somebody's problems, after a proof that the tools work."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from raw2fig.errors import InputError
from raw2fig.json_lines import read_json_lines
from raw2fig.lm.generate import Engine
from raw2fig.papers.agentic_rl import tool_loop
from raw2fig.papers.agentic_rl.grading import boxed, is_right
from raw2fig.papers.agentic_rl.tool_loop import Loop, Rollout
from raw2fig.papers.agentic_rl.tools.fusion import Service, fusion_interpreter
from raw2fig.papers.agentic_rl.tools.interpreter import Running, interpreter
from raw2fig.papers.agentic_rl.tools.outcome import shown
from raw2fig.papers.agentic_rl.tools.preflight import Case, calculator_cases, check_tool, interpreter_cases
from raw2fig.papers.agentic_rl.tools.tool import Tool, calculator
from raw2fig.papers.agentic_rl.tools.watch import BrokenTools, Canary, Watch, Watching
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, progress, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ToolName = Literal["interpreter", "calculator", "service"]
"""Python in this machine's sandbox, as the paper's tool; integers in process; Python on a SandboxFusion service."""
PROBLEM = "a JSON object with `problem`, a text, and maybe `id` and `answer`"


class Rolling(Record):
    """How a model is asked."""

    tool: ToolName = Field(
        description="interpreter: Python in the sandbox of this machine; calculator: integers; service: Python on a "
        "SandboxFusion service."
    )
    instruction: str = Field(description="What follows each problem.")
    samples: int = Field(ge=1, description="Rollouts of each problem.")
    temperature: float = Field(ge=0, description="Temperature of sampling; 0: the likeliest token.")
    top_p: float = Field(gt=0, le=1, description="Share of the probability that is sampled from.")
    engine: Engine = Field(description="What draws: our sampler, or vllm on GPUs.")
    at_once: int = Field(ge=1, description="Rollouts that go on together; changes memory and time alone.")


class Asked(NamedTuple):
    """A problem, and its right answer if there is one."""

    name: str
    problem: str
    answer: str


@step
def roll_out(
    *,
    model: Input,
    problems: Input,
    trajectories: Output,
    attempts: Output,
    checks: Output = Path("tool-checks.csv"),
    rolling: Annotated[Rolling, At("own.rolling")],
    loop: Annotated[Loop, At("own.loop")],
    watching: Annotated[Watching, At("own.watching")],
    running: Annotated[Running, At("own.running")],
    service: Annotated[Service, At("own.service")],
    seed: Seed = 0,
) -> None:
    """Let a model solve problems with a tool. First the tool is called with known results. A run whose tool breaks on
    the way stops with the reason, and nothing is written.

    An answer is right if the last box of the response holds it to the letter, as in the released code.

    Parameters
    ----------
    model
        Model folder, whose chat template shows tools and their results, as Qwen's does.
    problems
        JSON lines with problem, a text, and maybe id and answer.
    trajectories
        JSON lines: id, sample, messages, token ids and mask (1 for tokens of the model) of each rollout. Those that the
        infrastructure failed are left out.
    attempts
        A row for each of these rollouts, for `raw2fig agentic-rl metrics`: problem, sample, prediction, correct, calls,
        failed, turns, tokens, end.
    checks
        Calls of the tool before the run, with their seconds.
    """
    import pandas as pd

    asked = read_asked(problems)
    tool, cases = tool_of(rolling.tool, running, service)
    made = check_tool(tool, cases, loop.workers, loop.characters, loop.cut)
    rollouts = _roll_all(str(model), asked, tool, cases[0], rolling, loop, watching, seed)
    lines = [json.dumps(line) + "\n" for line, _ in rollouts]
    trajectories.write_text("".join(lines), encoding="utf-8")
    write_table(pd.DataFrame([row for _, row in rollouts]), attempts)
    write_table(pd.DataFrame(made), checks)


def read_asked(path: Path) -> list[Asked]:
    """Problems of JSON lines; one without id is called by its line. Raises `InputError` for lines that are none, two of
    one id, and a file without any."""
    found: dict[str, Asked] = {}
    for number, row in read_json_lines(path, PROBLEM):
        name, problem, answer = row.get("id", number), row.get("problem"), row.get("answer", "")
        if not isinstance(problem, str) or not problem.strip():
            raise InputError(path, f"line {number} has no problem", PROBLEM)
        if str(name) in found:
            raise InputError(path, f"line {number}: id {name!r} comes twice", "an id of its own for each problem")
        found[str(name)] = Asked(str(name), problem, str(answer))
    if not found:
        raise InputError(path, "has no problems", PROBLEM)
    return list(found.values())


def tool_of(name: ToolName, running: Running, service: Service) -> tuple[Tool, list[Case]]:
    """A tool, and calls whose results are known."""
    if name == "calculator":
        return calculator(), calculator_cases()
    tool = interpreter(running) if name == "interpreter" else fusion_interpreter(service, running)
    return tool, interpreter_cases(running)


def _roll_all(
    model: str,
    asked: Sequence[Asked],
    tool: Tool,
    known: Case,
    rolling: Rolling,
    loop: Loop,
    watching: Watching,
    seed: int,
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The line and the row of each rollout that the infrastructure did not fail."""
    from raw2fig.lm.generate import draw_seeds
    from raw2fig.lm.models import load, load_tokenizer
    from raw2fig.lm.turns import continuing, vllm_continuing

    (parameter,) = tool.parameters
    watch = Watch(watching, Canary(lambda: tool.run(**{parameter: known.argument}), known.text))
    if rolling.engine == "vllm":
        tokenizer = load_tokenizer(model)
        go_on = vllm_continuing(model, rolling.temperature, rolling.top_p)
    else:
        network, tokenizer = load(model)
        go_on = continuing(network.eval(), tokenizer, rolling.temperature, rolling.top_p)
    tools = {tool.name: tool}
    questions = [{"role": "user", "content": f"{one.problem}\n\n{rolling.instruction}"} for one in asked]
    prompts = [tool_loop.prompt_ids(tokenizer, [question], tools) for question in questions]
    jobs = [(place, sample) for place in range(len(asked)) for sample in range(rolling.samples)]
    seeds = draw_seeds(len(jobs), seed, 0)
    found: list[tuple[dict[str, Any], dict[str, Any]]] = []
    counts: Counter[str] = Counter()
    for start in progress(range(0, len(jobs), rolling.at_once), "rollouts"):
        part = jobs[start : start + rolling.at_once]
        mine = [prompts[place] for place, _ in part]
        done = tool_loop.roll_out(go_on, tokenizer, mine, seeds[start : start + len(part)], tools, watch, loop)
        counts.update(watch.end_step())
        found += [
            told(asked[place], questions[place], sample, rollout, tokenizer, loop)
            for (place, sample), rollout in zip(part, done, strict=True)
            if rollout.end != "infra_error"
        ]
    logging.info("calls: %s", ", ".join(f"{name} {number}" for name, number in counts.items()))
    if not found:
        raise BrokenTools(
            "tools", f"the infrastructure failed all {len(jobs)} rollouts", "one at least that it did not"
        )
    return found


def told(
    asked: Asked,
    question: dict[str, str],
    sample: int,
    rollout: Rollout,
    tokenizer: PreTrainedTokenizerBase,
    loop: Loop,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A rollout as a line of trajectories and as a row of attempts."""
    *turns, response = tokenizer.batch_decode([*own_turns(rollout), rollout.ids], skip_special_tokens=True)
    results = [shown(outcome, loop.characters, loop.cut) for outcome in rollout.outcomes]
    line = {
        "id": asked.name,
        "sample": sample,
        "messages": [question, *messages(turns, results, rollout.read)],
        "ids": rollout.ids,
        "mask": rollout.mask,
        "end": rollout.end,
    }
    row = {
        "problem": asked.name,
        "sample": sample,
        "prediction": boxed(response),
        "correct": is_right(response, asked.answer),
        "calls": len(rollout.calls),
        "failed": sum(outcome.status != "ok" for outcome in rollout.outcomes),
        "turns": rollout.model_turns,
        "tokens": sum(rollout.mask),
        "end": rollout.end,
    }
    return line, row


def own_turns(rollout: Rollout) -> list[list[int]]:
    """Token ids of each turn of the model."""
    turns: list[list[int]] = []
    before = 0
    for token, own in zip(rollout.ids, rollout.mask, strict=True):
        if own and not before:
            turns.append([])
        if own:
            turns[-1].append(token)
        before = own
    return turns


def messages(turns: Sequence[str], results: Sequence[str], read: Sequence[int]) -> list[dict[str, str]]:
    """Turns, and after each the results that the model read, as many as `read` says."""
    found, left = list[dict[str, str]](), list(results)
    for turn, number in zip(turns, [*read, *[0] * len(turns)], strict=False):
        found.append({"role": "assistant", "content": turn})
        found += [{"role": "tool", "content": text} for text in left[:number]]
        left = left[number:]
    return found
