"""Problems and demonstrations of the miniature as chat messages, for a pretrained model with a tool that reads text.

The expert's calls are run by the tool itself, so that a corrupted one gets the tool's own message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.tokenizer import EOS
from raw2fig.papers.agentic_rl.chains import ANSWER, CALL, END_CALL, END_RESULT, PLAN, RESULT, SIGNS, Problem, parse
from raw2fig.papers.agentic_rl.demonstrations import Demonstrations, Kind, demonstrate
from raw2fig.papers.agentic_rl.experts import Expert
from raw2fig.papers.agentic_rl.own_rollouts import tool_of
from raw2fig.papers.agentic_rl.segments import Trajectory
from raw2fig.papers.agentic_rl.tool_loop import Loop
from raw2fig.papers.agentic_rl.tools.fusion import Service
from raw2fig.papers.agentic_rl.tools.interpreter import Running
from raw2fig.papers.agentic_rl.tools.outcome import shown
from raw2fig.papers.agentic_rl.tools.tool import Tool, schema
from raw2fig.papers.agentic_rl.train import Learning
from raw2fig.settings import Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import read_table

DOES = {"A": "Add {}.", "S": "Subtract {}.", "M": "Multiply by {}."}
COLUMNS = {"prompt": "string", "split": "string"}
DEMONSTRATED, LEARNED, ASKED = "warm_start", "train", "held_out"
"""Splits of the problems: with demonstrations, for RL, and for evaluation."""


@step
def make_chats(
    *,
    problems: Input,
    real: Output,
    stitched: Output,
    train: Output,
    held_out: Output,
    expert: Expert,
    demonstrations: Demonstrations,
    learning: Annotated[Learning, At("own.learning")],
    loop: Annotated[Loop, At("own.loop")],
    running: Annotated[Running, At("own.running")],
    service: Annotated[Service, At("own.service")],
    replicate: Seed,
) -> None:
    """Write the miniature's problems and demonstrations as chats with calls of a tool.

    Parameters
    ----------
    problems
        Table of `raw2fig agentic-rl make-problems`.
    real
        JSON lines: messages and tools of demonstrations whose calls the tool has answered.
    stitched
        The same of solutions in which steps were replaced by calls afterwards.
    train
        JSON lines with problem and answer, for RL.
    held_out
        The same, for evaluation.
    """
    frame = read_table(problems, COLUMNS)
    asked = {name: [parse(text.split()) for text in part["prompt"]] for name, part in frame.groupby("split")}
    tool, _ = tool_of(learning.tool, running, service)
    shown_to = asked.get(DEMONSTRATED, [])
    kinds: list[tuple[Kind, Path]] = [("real", real), ("stitched", stitched)]
    for kind, path in kinds:
        made = demonstrate(kind, shown_to, expert, demonstrations, np.random.default_rng([replicate, 2]))
        told = answers(tool, made, loop) if kind == "real" else {}
        rows = zip(shown_to, made, strict=True)
        _write(path, ({"messages": chat(*row, tool, told, learning), "tools": [schema(tool)]} for row in rows))
    for name, path in ((LEARNED, train), (ASKED, held_out)):
        _write(path, ({"problem": question(one), "answer": str(one.result)} for one in asked.get(name, [])))


def question(problem: Problem) -> str:
    """`Begin with 47. Add 8. Multiply by 12. What do you get?`"""
    steps = (DOES[operation].format(operand) for operation, operand in problem.steps)
    return " ".join([f"Begin with {problem.first}.", *steps, "What do you get?"])


def answers(tool: Tool, trajectories: Sequence[Trajectory], loop: Loop) -> dict[str, str]:
    """What the tool says to each call of some trajectories. Raises `InputError` where the infrastructure fails."""
    arguments = list(
        dict.fromkeys(argument(call, tool) for one in trajectories for _, call, _ in turns(one) if call is not None)
    )
    (parameter,) = tool.parameters
    with ThreadPoolExecutor(loop.workers) as pool:
        outcomes = list(pool.map(lambda text: tool.run(**{parameter: text}), arguments))
    for outcome in outcomes:
        if outcome.status == "infra_error":
            raise InputError(tool.name, f"fails ({outcome.text})", "an answer to each call")
    return {text: shown(one, loop.characters, loop.cut) for text, one in zip(arguments, outcomes, strict=True)}


def chat(
    problem: Problem, trajectory: Trajectory, tool: Tool, told: Mapping[str, str], learning: Learning
) -> list[dict[str, Any]]:
    """A trajectory as messages. A call that is not among those that the tool was `told` has the trajectory's result."""
    (parameter,) = tool.parameters
    messages: list[dict[str, Any]] = [{"role": "user", "content": f"{question(problem)}\n\n{learning.instruction}"}]
    for text, call, result in turns(trajectory):
        if call is None:
            messages.append({"role": "assistant", "content": text})
            continue
        given = argument(call, tool)
        function = {"name": tool.name, "arguments": {parameter: given}}
        messages.append(
            {"role": "assistant", "content": text, "tool_calls": [{"type": "function", "function": function}]}
        )
        messages.append({"role": "tool", "name": tool.name, "content": told.get(given, result)})
    return messages


def turns(trajectory: Trajectory) -> Iterator[tuple[str, str | None, str]]:
    """Text, call and result of each turn; None where a turn calls nothing."""
    segments = [list(segment.words) for segment in trajectory.segments]
    for place, words in enumerate(segments):
        if not trajectory.segments[place].written:
            continue
        if CALL not in words:
            yield text_of_words(words), None, ""
            continue
        at = words.index(CALL)
        result = [word for word in segments[place + 1] if word not in (RESULT, END_RESULT)]
        yield text_of_words(words[:at]), joined(words[at + 1 : words.index(END_CALL)]), "".join(result)


def argument(expression: str, tool: Tool) -> str:
    """What the tool is given for an expression: Python has to print it."""
    return f"print({expression})" if "code" in tool.parameters else expression


def text_of_words(words: Sequence[str]) -> str:
    """What a model writes beside its calls: a plan, steps in text, the answer in a box."""
    if PLAN in words:
        _, *operations = words[words.index(PLAN) + 1 :]
        return f"The plan: {', '.join(SIGNS[one] for one in operations)}, all in one call."
    if ANSWER in words:
        at = words.index(ANSWER)
        answer = "".join(word for word in words[at + 1 :] if word != EOS)
        return f"{joined(words[:at])} \\boxed{{{answer}}}".strip()
    return joined(words)


def joined(words: Sequence[str]) -> str:
    """Words with digits put together: `4 7 + 8` is `47 + 8`."""
    return re.sub(r"(?<=\d) (?=\d)", "", " ".join(words))


def _write(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
