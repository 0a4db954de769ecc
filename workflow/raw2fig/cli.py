"""The command line: `raw2fig PAPER STEP --flags`, made from the step functions themselves.

Steps are found by reading the syntax trees of a paper's modules, so that nothing but the called step's module is
imported; flags, types and help come from the function's signature, its docstring and its records of settings. A setting
that is not given as a flag is taken from the shipped configuration, or from the files after `--config`.
"""

import ast
import gc
import logging
import os
import shlex
import sys
import time
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple, NoReturn

from raw2fig.errors import InputError, nearest
from raw2fig.warm.client import delegate

PACKAGE = Path(__file__).parent
SHARED = ("fetch", "report")
"""Groups of commands that are no papers: what all papers have in common."""
DECORATORS = ("step", "figure", "table", "claims")
"""What marks a function as a step (`raw2fig.step`)."""


class Command(NamedTuple):
    """Where a step is defined, its kind (`raw2fig.step.KINDS`), the first sentence of its docstring, and its inputs."""

    module: str
    function: str
    kind: str
    summary: str
    inputs: frozenset[str] = frozenset()


def groups() -> dict[str, Path]:
    """Group name on the command line (`brain-rot`) → package folder, papers first."""
    papers = sorted(path.parent for path in (PACKAGE / "papers").glob("*/__init__.py"))
    return {folder.name.replace("_", "-"): folder for folder in [*papers, *(PACKAGE / name for name in SHARED)]}


def commands(folder: Path) -> dict[str, Command]:
    """Command name → step, for every function in the modules of `folder` that one of `DECORATORS` marks. The function
    that `@claims` marks is the command `claims`, whatever its name."""
    found: dict[str, Command] = {}
    for path in sorted(folder.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        if not any(f"@{word}" in source for word in DECORATORS):
            continue
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in syntax(source).body:
            kind = decorator_of(node)
            if not kind or not isinstance(node, ast.FunctionDef):
                continue
            name = "claims" if kind == "claims" else node.name.rstrip("_").replace("_", "-")  # import_
            if name in found:
                raise RuntimeError(f"two steps named {name}: {found[name].module} and {module}")
            found[name] = Command(module, node.name, kind, summary(node), inputs_of(node))
    return found


@cache
def syntax(source: str) -> ast.Module:
    """The syntax tree of a module. Commands and digests of steps (`raw2fig.provenance`) share it."""
    return ast.parse(source)


def decorator_of(node: ast.stmt) -> str:
    """The one of `DECORATORS` that marks a definition, empty without one."""
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    marks = [mark.id for mark in decorators if isinstance(mark, ast.Name) and mark.id in DECORATORS]
    return marks[0] if marks else ""


def inputs_of(node: ast.FunctionDef) -> frozenset[str]:
    """Names of the parameters that are annotated as `Input`."""
    given = [*node.args.args, *node.args.kwonlyargs]
    return frozenset(item.arg for item in given if item.annotation and "Input" in names_in(item.annotation))


def names_in(node: ast.AST) -> set[str]:
    """All names that occur in a piece of code."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def summary(node: ast.FunctionDef | ast.Module) -> str:
    """First sentence of the docstring's first paragraph, on one line; empty without one."""
    paragraph = " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
    sentence, _, rest = paragraph.partition(". ")
    return f"{sentence}." if rest else paragraph


def main(arguments: list[str] | None = None) -> NoReturn:
    """Entry point. Exit status: 0 done, 1 a defect of ours, 2 a mistake in the input or the flags."""
    words = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # of a locale that may lack a letter of somebody's label
            stream.reconfigure(errors="backslashreplace")
    status = delegate(words)
    if status is not None:
        sys.exit(status)
    # importing PyTorch makes a million objects that stay: looking through them for garbage costs a second or more
    gc.set_threshold(100_000)
    try:
        shown = run(words)
    except InputError as error:
        print(f"raw2fig {' '.join(words[:2])}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    write(shown)
    gc.freeze()  # nor is anything collected at exit
    sys.exit(0)


def write(text: str) -> None:
    """Write `text` behind what the step has printed. That a reader such as `head` wants no more is no error."""
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        # what is left Python would write at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(words: list[str]) -> str:
    """Dispatch `words` to a step, or to help. Returns what is to be printed: help, or the files that a step wrote."""
    from textwrap import fill

    def listed(rows: Mapping[str, str]) -> str:
        width = max(map(len, rows)) + 4
        lines = [fill(f"  {name:<{width - 2}}{text}", 80, subsequent_indent=" " * width) for name, text in rows.items()]
        return "\n".join(lines) + "\n"

    available = groups()
    if not words or words[0] in ("-h", "--help"):
        rows = {
            name: summary(ast.parse((folder / "__init__.py").read_text("utf-8"))) for name, folder in available.items()
        }
        last = "raw2fig GROUP --help lists a group's steps.\nraw2fig GROUP STEP --help lists a step's flags.\n"
        return f"Usage: raw2fig GROUP STEP [--flags]\n\nGroups:\n{listed(rows)}\n{last}"
    if words[0] not in available:
        raise InputError(words[0], "no such group", nearest(words[0], list(available)))
    steps = commands(available[words[0]])
    if len(words) == 1 or words[1] in ("-h", "--help"):
        rows = {name: command.summary for name, command in steps.items()}
        return f"Usage: raw2fig {words[0]} STEP [--flags]\n\nSteps:\n{listed(rows)}"
    if words[1] not in steps:
        raise InputError(words[1], f"no such step of {words[0]}", nearest(words[1], list(steps)))
    return call(steps[words[1]], f"raw2fig {words[0]} {words[1]}", words[2:])


def call(command: Command, name: str, flags: list[str]) -> str:
    """Parse `flags` by the step's signature and run it. Returns a line for each file that it wrote."""
    from raw2fig.flags import Flags
    from raw2fig.step import run_step

    use_one_thread()
    function = getattr(import_module(command.module), command.function)
    asked = Flags(function)
    if any(flag in ("-h", "--help") for flag in flags):
        asked.show_help(name)
        return ""
    arguments, taken = asked.parse(name, flags)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    logging.info("%s %s", name, shlex.join(flags))
    if taken:
        logging.info("from the configuration: %s", " ".join(f"{key}={value!r}" for key, value in taken.items()))
    start = time.monotonic()
    written = run_step(function, arguments)
    logging.info(costs(name, time.monotonic() - start))
    return "".join(f"wrote {path}\n" for path in written)


def costs(name: str, wall: float) -> str:
    """The last line of a step's log, which results/index.html reads: seconds, seconds of CPU, largest resident set."""
    from resource import RUSAGE_SELF, getrusage

    memory = getrusage(RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return f"{name}: {wall:.1f} s, {time.process_time():.1f} s of CPU, {memory:.0f} MB at most"


def use_one_thread() -> None:
    """One thread per job unless the workflow says otherwise: the same sums, in the same order, everywhere."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
