"""A tool: what a model is told about it, and how a call becomes an outcome."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl.tools.calls import Call
from raw2fig.papers.agentic_rl.tools.outcome import Outcome, infra_error
from raw2fig.tasks.calculator import CalculationError, calculate

Type = Literal["string", "integer", "number", "boolean", "array", "object"]
TYPES: dict[Type, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


class Tool(NamedTuple):
    """A function that a model may call. All its parameters are required; `run` takes them by name."""

    name: str
    description: str
    parameters: Mapping[str, Type]
    run: Callable[..., Outcome]


def schema(tool: Tool) -> dict[str, Any]:
    """What a chat template is given of a tool."""
    properties = {name: {"type": kind} for name, kind in tool.parameters.items()}
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    about = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": about}


def execute(call: Call, tools: Mapping[str, Tool]) -> Outcome:
    """Run a call. A tool that does not exist and arguments that it does not take are the model's mistakes. A tool that
    raises is broken: it answers whatever a model does."""
    tool = tools.get(call.name)
    if tool is None:
        return _refused("unknown tool", f"there is no tool {call.name!r}")
    if not isinstance(call.arguments, dict) or set(call.arguments) != set(tool.parameters):
        wanted = ", ".join(f"{name} ({kind})" for name, kind in tool.parameters.items())
        return _refused("arguments", f"{tool.name} takes an object with {wanted}")
    for name, kind in tool.parameters.items():
        value = call.arguments[name]
        if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
            return _refused("arguments", f"{name} is no {kind}")
    start = time.perf_counter()
    try:
        return tool.run(**call.arguments)
    except InputError:  # the run cannot go on
        raise
    except Exception as error:
        return infra_error(f"{tool.name}: {type(error).__name__}: {error}", time.perf_counter() - start)


def calculator() -> Tool:
    """The calculator of `raw2fig.tasks.calculator`, for integers."""

    def run(expression: str) -> Outcome:
        start = time.perf_counter()
        try:
            text = str(calculate(expression))
        except CalculationError as error:
            return Outcome("model_error", f"Error: {error}", time.perf_counter() - start, error.kind)
        return Outcome("ok", text, time.perf_counter() - start)

    return Tool("calculator", "Computes an expression of integers.", {"expression": "string"}, run)


def _refused(kind: str, text: str) -> Outcome:
    return Outcome("model_error", f"Error when executing tool: {text}", 0.0, kind)
