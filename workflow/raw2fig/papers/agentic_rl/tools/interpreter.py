"""`code_interpreter(code)`: a model's Python program, run where it can do no harm (`raw2fig.sandbox`)."""

import ast
import math
import re
import time
from collections.abc import Callable

from raw2fig.papers.agentic_rl.tools.outcome import Outcome, infra_error
from raw2fig.papers.agentic_rl.tools.tool import Tool
from raw2fig.sandbox.program import Limits, run_program
from raw2fig.settings import Field, Record

FENCE = re.compile(r"```python(.*?)```", re.DOTALL)
NO_OUTPUT = "no stdout here"
"""What the released code tells a model whose program did not end."""
PARSED = 1 << 16
"""Characters of a program at most whose last expression is printed. No longer one is parsed in this process."""
SHOW = "(lambda value: value is None or print(value))(({}))"
"""Prints the value of an expression as an interactive session would, but as text: nothing for None. The inner pair of
parentheses keeps `1, 2` one value."""


class Running(Record):
    """How a program of the model is run."""

    seconds: float = Field(gt=0, le=600, description="Seconds that a program may take.")
    memory_mb: int = Field(ge=64, description="Memory of a program in MiB.")
    official: bool = Field(
        description="Prepare programs as the released code does, which wraps the last line in print() and breaks some."
    )


def prepared(code: str, official: bool) -> str:
    """The program that is run for the text `code`."""
    return official_program(code) if official else showing_program(code)


def official_program(code: str) -> str:
    """What the released code runs: the first fenced block if there is one, with the last non-empty line inside
    `print(...)` unless it begins with `print`. That breaks programs whose last line is indented, an assignment, a
    comment, or several statements."""
    fenced = FENCE.search(code)
    lines = (fenced[1].strip() if fenced else code).split("\n")
    last = max((place for place, line in enumerate(lines) if line), default=None)
    if last is not None and not lines[last].startswith("print"):
        lines[last] = f"print({lines[last]})"
    return "\n".join(lines)


def showing_program(code: str) -> str:
    """The first fenced block if there is one and `code` is no program as it stands. If it ends with an expression, the
    program prints its value; all else stays as it is."""
    tree, fenced = _parsed(code), FENCE.search(code)
    if tree is None and fenced:
        code = fenced[1].strip()
        tree = _parsed(code)
    if tree is None or not tree.body or not isinstance(end := tree.body[-1], ast.Expr) or _prints(end.value):
        return code
    # places of a syntax tree are lines, as the parser counts them, and bytes
    lines = [line.encode() for line in re.split(r"(?<=\n)", code)]
    start = sum(map(len, lines[: end.lineno - 1])) + end.col_offset
    stop = sum(map(len, lines[: (end.end_lineno or 1) - 1])) + (end.end_col_offset or 0)
    whole = code.encode()
    return whole[:start].decode() + SHOW.format(whole[start:stop].decode()) + whole[stop:].decode()


def _prints(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print"


def _parsed(code: str) -> ast.Module | None:
    """The syntax tree of a program that could be changed; None for any other text."""
    if len(code) > PARSED or re.search(r"[\r\f]", code):
        return None
    try:
        code.encode()
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def too_slow(said: str, running: Running) -> Outcome:
    """The outcome of a program that did not end in time, after it had said something."""
    text = NO_OUTPUT if running.official else f"{said}Timeout: the program did not end within {running.seconds:g} s.\n"
    return Outcome("model_error", text, running.seconds, "timeout")


def code_interpreter(code: str, running: Running) -> Outcome:
    """Run a program in the sandbox. Its text is standard output, then standard error. Raises `InputError` where
    programs cannot be isolated."""
    limits = Limits(math.ceil(running.seconds), running.seconds, running.memory_mb << 20)
    start = time.perf_counter()
    try:
        ended = run_program(prepared(code, running.official), limits=limits)
    except (OSError, RuntimeError) as error:
        return infra_error(f"sandbox: {error}", time.perf_counter() - start)
    seconds, said = time.perf_counter() - start, ended.stdout + ended.stderr
    if ended.status == "timeout":
        return too_slow(said, running)._replace(seconds=seconds)
    if ended.status == "finished":
        return Outcome("ok", said, seconds)
    kind = "exception" if ended.status == "error" else ended.status
    return Outcome("model_error", said, seconds, kind)


def interpreter(running: Running) -> Tool:
    """The tool of the paper over the sandbox of this machine."""
    return interpreter_over(lambda code: code_interpreter(code, running))


def interpreter_over(run: Callable[[str], Outcome]) -> Tool:
    """The tool of the paper over whatever runs programs."""
    return Tool(
        "code_interpreter", "Executes Python code and returns its output.", {"code": "string"}, lambda code: run(code)
    )
