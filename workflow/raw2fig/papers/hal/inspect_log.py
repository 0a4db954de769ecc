"""Rollouts as logs of inspect-ai (`.eval`), in both directions.

What inspect has a place for stands there, so that its viewer shows it; the rest of a rollout lies in the sample's
metadata under `raw2fig`. Logs that others wrote lack that, and are read by what they have. Answers (`target`) are never
written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from raw2fig.errors import InputError
from raw2fig.lm.client import Message
from raw2fig.papers.hal.contract import Rollout, Status, Step
from raw2fig.papers.hal.usage import Usage

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.model import ChatMessage, ModelUsage

OWN = "raw2fig"
"""Key of metadata."""
BATCH = 256
"""Samples that are in memory at a time."""
LIMITS = ("time", "working")
"""Limits of inspect that are limits of time."""


class Logged(NamedTuple):
    """A rollout of a log: whose, on what, and its score, None where it has none."""

    agent: str
    benchmark: str
    rollout: Rollout
    score: float | None
    dollars: float | None
    """What the log says that it cost, if it does."""


def write_eval(agent: str, benchmark: str, scored: Sequence[tuple[Rollout, float]], path: Path) -> None:
    """Write the rollouts of one agent on one benchmark, with their scores, as a log."""
    from datetime import UTC, datetime

    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalMetric,
        EvalResults,
        EvalScore,
        EvalSpec,
        EvalStats,
        write_eval_log,
    )

    tasks = dict.fromkeys(one.task for one, _ in scored)
    counted = [score for one, score in scored if one.status != "env_error"]
    metrics = {"accuracy": EvalMetric(name="accuracy", value=sum(counted) / max(1, len(counted)))}
    usage: dict[str, Usage] = {}
    for one, _ in scored:
        for model, tokens in one.usage.items():
            usage[model] = usage.get(model, Usage()).plus(Usage(**tokens))
    log = EvalLog(
        status="success",
        eval=EvalSpec(
            created=datetime.now(UTC).isoformat(),
            task=benchmark,
            dataset=EvalDataset(name=benchmark, samples=len(tasks), sample_ids=list(tasks)),
            model=next(iter(usage), "none"),
            config=EvalConfig(epochs=1 + max(one.repeat for one, _ in scored)),
            metadata={OWN: {"agent": agent}},
        ),
        results=EvalResults(
            total_samples=len(scored),
            completed_samples=len(counted),
            scores=[
                EvalScore(
                    name="score",
                    scorer="score",
                    scored_samples=len(counted),
                    unscored_samples=len(scored) - len(counted),
                    metrics=metrics,
                )
            ],
        ),
        stats=EvalStats(model_usage={model: write_usage(tokens) for model, tokens in usage.items()}),
        samples=[_sample(one, score) for one, score in scored],
    )
    write_eval_log(log, str(path), format="eval")


def _sample(one: Rollout, score: float) -> EvalSample:
    from inspect_ai._util.error import EvalError
    from inspect_ai.log import EvalSample, EvalSampleLimit
    from inspect_ai.model import ModelOutput
    from inspect_ai.scorer import Score

    broken, reason = one.status == "env_error", one.errors[-1] if one.errors else ""
    kinds: dict[str, Literal["time", "message"]] = {"timeout": "time", "limit": "message"}
    said = [step.text for step in one.steps if not step.tool]
    value = Score(value=score, answer=one.answer)
    return EvalSample(
        id=one.task,
        epoch=one.repeat + 1,
        input=one.prompt,
        target="",
        messages=[*map(as_chat, one.opening), *map(as_message, one.steps)],
        output=ModelOutput.from_content(next(iter(one.usage), "none"), said[-1] if said else ""),
        scores=None if broken else {"score": value},
        metadata={OWN: own_part(one)},
        model_usage={model: write_usage(Usage(**tokens)) for model, tokens in one.usage.items()},
        error=EvalError(message=reason, traceback="", traceback_ansi="") if broken else None,
        limit=EvalSampleLimit(type=kinds[one.status], limit=len(said), reason=reason) if one.status in kinds else None,
        total_time=one.seconds,
    )


def own_part(one: Rollout) -> dict[str, Any]:
    """What inspect has no place for."""
    own = one._asdict()
    return {name: own[name] for name in ("status", "answer", "confidence", "state", "seconds")} | {
        "errors": list(one.errors)
    }


def as_chat(message: Message) -> ChatMessage:
    """A message before the first reply, as one of inspect."""
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageTool, ChatMessageUser

    kinds = {
        "system": ChatMessageSystem,
        "user": ChatMessageUser,
        "assistant": ChatMessageAssistant,
        "tool": ChatMessageTool,
    }
    return kinds[message.role](content=message.content, metadata={"opening": True})


def as_message(step: Step) -> ChatMessage:
    """A step as a message of inspect."""
    from inspect_ai.model import ChatMessageAssistant, ChatMessageTool
    from inspect_ai.tool import ToolCallError

    if not step.tool:
        usage = {"usage": step.usage, "planted": step.planted}
        return ChatMessageAssistant(content=step.text, metadata=usage)
    return ChatMessageTool(
        content=step.text,
        function=step.tool,
        error=ToolCallError(type="unknown", message=step.text) if step.failed else None,
        metadata={"argument": step.argument},
    )


def write_usage(usage: Usage) -> ModelUsage:
    """Tokens as inspect counts them: those of the prompt without the cached ones."""
    from inspect_ai.model import ModelUsage

    return ModelUsage(
        input_tokens=usage.prompt - usage.cache_read - usage.cache_write,
        output_tokens=usage.completion,
        total_tokens=usage.prompt + usage.completion,
        input_tokens_cache_read=usage.cache_read,
        input_tokens_cache_write=usage.cache_write,
    )


def read_eval(path: Path) -> Iterator[Logged]:
    """The rollouts of a log, ours or another's. Raises `InputError` for what inspect cannot read."""
    from inspect_ai.log import read_eval_log

    try:
        log = read_eval_log(str(path), header_only=path.suffix == ".eval")
        for sample in log.samples or _samples(log, path):
            yield _logged(log, sample)
    except (ValueError, KeyError, EOFError, OSError, NotImplementedError) as error:
        line = " ".join(str(error).split())[:120]
        raise InputError(path, f"cannot be read as a log ({line})", "an .eval or .json log of inspect-ai") from error


def _samples(log: EvalLog, path: Path) -> Iterator[EvalSample]:
    """The samples of an .eval file, some at a time. Inspect's own iterator reads the archive's directory anew, in a new
    event loop, for each sample, which takes a time that grows with the square of their number."""
    import anyio
    from inspect_ai._util.async_zip import AsyncZipReader
    from inspect_ai._util.asyncfiles import AsyncFilesystem
    from inspect_ai.log import read_eval_log_sample_async

    async def read(some: Sequence[tuple[int | str, int]]) -> list[EvalSample]:
        found = []
        async with AsyncFilesystem() as files:
            reader = AsyncZipReader(files, str(path))
            for task, epoch in some:
                with suppress(IndexError):  # a run that was stopped has not all of them
                    found.append(await read_eval_log_sample_async(str(path), task, epoch, reader=reader))
        return found

    epochs = range(1, (log.eval.config.epochs or 1) + 1)
    wanted = [(task, epoch) for task in log.eval.dataset.sample_ids or () for epoch in epochs]
    for start in range(0, len(wanted), BATCH):
        yield from anyio.run(read, wanted[start : start + BATCH])


def _logged(log: EvalLog, sample: EvalSample) -> Logged:
    from inspect_ai.scorer import value_to_float

    own = (sample.metadata or {}).get(OWN, {})
    score, answer, confidence = None, own.get("answer"), own.get("confidence")
    if sample.scores:
        given = next(iter(sample.scores.values()))
        score = value_to_float()(next(iter(given.value.values())) if isinstance(given.value, dict) else given.value)
        answer = given.answer if answer is None else answer
    solvers = " + ".join(step.solver.rpartition("/")[2] for step in log.plan.steps)
    scaffold = log.eval.solver or solvers or log.eval.task
    whose = (log.eval.metadata or {}).get(OWN, {})
    agent = whose.get("agent") or f"{scaffold} ({whose.get('model', log.eval.model)})"
    first = next((place for place, one in enumerate(sample.messages) if not _opens(one)), len(sample.messages))
    usage = {model: read_usage(used)._asdict() for model, used in sample.model_usage.items()}
    rollout = Rollout(
        str(sample.id),
        sample.epoch - 1,
        own.get("status") or _status(sample),
        answer,
        confidence,
        own.get("state"),
        list(_steps(sample.messages[first:])),
        [Message(message.role, message.text) for message in sample.messages[:first]],
        usage,
        own.get("seconds", sample.working_time or sample.total_time or 0.0),
        own.get("errors", [sample.error.message] if sample.error else []),
    )
    costs = [used.total_cost for used in sample.model_usage.values()]
    known = [cost for cost in costs if cost is not None]
    return Logged(agent, log.eval.task, rollout, score, sum(known) if known and len(known) == len(costs) else None)


def _status(sample: EvalSample) -> Status:
    if sample.error:
        return "env_error"
    if sample.limit:
        return "timeout" if sample.limit.type in LIMITS else "limit"
    return "ok" if sample.scores else "agent_error"


def _opens(message: ChatMessage) -> bool:
    return bool((message.metadata or {}).get("opening")) or message.role in ("system", "user")


def _steps(messages: Sequence[ChatMessage]) -> Iterator[Step]:
    """What came after the opening. A tool's arguments are ours, or those of the call that the message answers."""
    calls: dict[str | None, str] = {}
    for message in messages:
        data = message.metadata or {}
        for call in getattr(message, "tool_calls", None) or ():
            calls[call.id] = _argument(call.arguments)
        if message.role == "tool":
            argument = data.get("argument", calls.get(message.tool_call_id, ""))
            yield Step(text_of(message), message.function or "tool", argument, message.error is not None)
        else:
            yield Step(message.text, usage=data.get("usage"), planted=data.get("planted", ""))


def _argument(arguments: dict[str, Any]) -> str:
    """The arguments of a call: the text itself where it is the only one, as with our own tools, JSON otherwise."""
    only = next(iter(arguments.values()), None)
    return only if len(arguments) == 1 and isinstance(only, str) else json.dumps(arguments, sort_keys=True)


def text_of(message: ChatMessage) -> str:
    """The text of a message; of a tool that failed, what it said about it."""
    error = getattr(message, "error", None)
    return error.message if error else message.text


def read_usage(used: ModelUsage) -> Usage:
    """Tokens as we count them."""
    read, write = used.input_tokens_cache_read or 0, used.input_tokens_cache_write or 0
    return Usage(used.input_tokens + read + write, used.output_tokens, read, write)
