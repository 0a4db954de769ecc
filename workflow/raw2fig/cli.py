"""The command line: `raw2fig PAPER STEP --flags`, made from the step functions themselves.

Steps are found by reading the syntax trees of a paper's modules, so that nothing but the called step's module
is imported; flags, types, defaults and help come from the function's signature and docstring.
"""

import ast
import gc
import logging
import os
import shlex
import sys
import time
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple, NoReturn

from raw2fig.errors import InputError
from raw2fig.warm import delegate

PACKAGE = Path(__file__).parent
SHARED = ("fetch", "report")
"""Groups of commands that are no papers: what all papers have in common."""


class Command(NamedTuple):
    """Where a step is defined, and the first line of its docstring."""

    module: str
    function: str
    summary: str


def groups() -> dict[str, Path]:
    """Group name on the command line (`brain-rot`) → package folder, papers first."""
    papers = sorted(path.parent for path in (PACKAGE / "papers").glob("*/__init__.py"))
    return {folder.name.replace("_", "-"): folder for folder in [*papers, *(PACKAGE / name for name in SHARED)]}


def commands(folder: Path) -> dict[str, Command]:
    """Command name → step, for every function decorated with `@step` in the modules of `folder`."""
    found: dict[str, Command] = {}
    for path in sorted(folder.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "@step" not in source:
            continue
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and any(
                isinstance(decorator, ast.Name) and decorator.id == "step" for decorator in node.decorator_list
            ):
                name = node.name.replace("_", "-")
                if name in found:
                    raise RuntimeError(f"two steps named {name}: {found[name].module} and {module}")
                found[name] = Command(module, node.name, first_line(node))
    return found


def first_line(node: ast.FunctionDef | ast.Module) -> str:
    """First line of a docstring, empty without one."""
    return (ast.get_docstring(node) or "").partition("\n")[0]


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
    """Dispatch `words` to a step, or to help, which is returned."""
    available = groups()
    if not words or words[0] in ("-h", "--help"):
        lines = [
            f"  {name:<16}{first_line(ast.parse((folder / '__init__.py').read_text('utf-8')))}\n"
            for name, folder in available.items()
        ]
        last = "raw2fig GROUP --help lists a group's steps, raw2fig GROUP STEP --help the flags of one.\n"
        return f"Usage: raw2fig GROUP STEP [--flags]\n\nGroups:\n{''.join(lines)}\n{last}"
    if words[0] not in available:
        raise InputError(words[0], "no such group", nearest(words[0], list(available)))
    steps = commands(available[words[0]])
    if len(words) == 1 or words[1] in ("-h", "--help"):
        lines = [f"  {name:<24}{command.summary}\n" for name, command in steps.items()]
        return f"Usage: raw2fig {words[0]} STEP [--flags]\n\nSteps:\n{''.join(lines)}"
    if words[1] not in steps:
        raise InputError(words[1], f"no such step of {words[0]}", nearest(words[1], list(steps)))
    call(steps[words[1]], f"raw2fig {words[0]} {words[1]}", words[2:])
    return ""


def call(command: Command, name: str, flags: list[str]) -> None:
    """Parse `flags` by the step's signature and run it."""
    from cyclopts import App, CycloptsError, Parameter

    use_one_thread()
    function = getattr(import_module(command.module), command.function)
    # a list takes all the words after its flag, as Snakemake writes several files: --claims a.json b.json
    several = Parameter(consume_multiple=1, negative_iterable=())
    app = App(name=name, help_format="plaintext", version_flags=(), default_parameter=several)
    app.default(function)
    if any(flag in ("-h", "--help") for flag in flags):
        with suppress(SystemExit):  # of its own, when nobody reads to the end
            app(flags)
        return
    try:
        _, bound, _ = app.parse_args(flags, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise InputError("flags", str(error), f"flags as in `{name} --help`") from error
    from raw2fig.step import run_step

    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    bound.apply_defaults()
    logging.info("%s %s", name, shlex.join(flags))
    start = time.monotonic()
    run_step(function, dict(bound.arguments))
    logging.info(costs(name, time.monotonic() - start))


def costs(name: str, wall: float) -> str:
    """The last line of a step's log, which the claims page reads: seconds, seconds of CPU, largest resident set."""
    from resource import RUSAGE_SELF, getrusage

    memory = getrusage(RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return f"{name}: {wall:.1f} s, {time.process_time():.1f} s of CPU, {memory:.0f} MB at most"


def use_one_thread() -> None:
    """One thread per job unless the workflow says otherwise: the same sums, in the same order, everywhere."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def nearest(word: str, candidates: list[str]) -> str:
    """`'sentences'` for a near miss, otherwise the list of candidates."""
    from difflib import get_close_matches

    close = get_close_matches(word, candidates, n=1, cutoff=0.5)
    return repr(close[0]) if close else f"one of {', '.join(candidates)}"
