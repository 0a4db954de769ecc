"""Steps: plain typed functions that read files, write files, and are commands.

    @step
    def rank_fit(cells: Input, fit: Output, max_log_rank: float = 3.0) -> None:
        '''Fit log-expression on log-rank. ...'''

`@step` marks the function; `raw2fig.cli` finds it by name and calls `run_step`, which gives every step the same
guarantees: inputs are there before work starts, outputs are written beside their place and renamed only when
all of them are whole, and the global random generators are seeded from the step's own `seed`.
"""

import inspect
import os
import random
import shutil
import sys
import typing
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

from raw2fig.errors import InputError

INPUT, OUTPUT = "input", "output"
Input = Annotated[Path, INPUT]
"""A file or folder that must exist."""
Output = Annotated[Path, OUTPUT]
"""A file or folder the step makes; the function sees a temporary path with the same suffix."""

F = TypeVar("F", bound=Callable[..., None])
T = TypeVar("T")


def step(function: F) -> F:
    """Mark `function` as a step. It stays an ordinary function: tests and other steps call it directly."""
    return function


def roles(function: Callable[..., None], role: str) -> list[str]:
    """Names of the parameters of `function` annotated as `role` (`INPUT` or `OUTPUT`), also inside
    `list[...]` and `X | None`."""

    def has_role(hint: Any) -> bool:
        if role in getattr(hint, "__metadata__", ()):
            return True
        return any(has_role(argument) for argument in typing.get_args(hint))

    hints = typing.get_type_hints(function, include_extras=True)
    return [name for name, hint in hints.items() if name != "return" and has_role(hint)]


def run_step(function: Callable[..., None], arguments: dict[str, Any]) -> None:
    """Call `function` with every guarantee of a step.

    Raises `InputError` when an input is missing or would be overwritten, or two outputs share a path. Whatever else
    the function raises passes through after its half-written outputs have been removed.
    """
    outputs = {name: arguments[name] for name in roles(function, OUTPUT) if arguments.get(name) is not None}
    written = {path.resolve(): name for name, value in outputs.items() for path in _paths(value)}
    for name in roles(function, INPUT):
        for path in _paths(arguments.get(name)):
            if not path.exists():
                raise InputError(path, "no such file or folder", f"an existing path for {_flag(name)}")
            for place in (path.resolve(), *path.resolve().parents):  # a folder is replaced with all that lies in it
                if place in written:
                    raise InputError(path, f"is read as {_flag(name)}", f"another path for {_flag(written[place])}")
    if arguments.get("seed") is not None:
        seed_everything(int(arguments["seed"]))
    with atomic([path for value in outputs.values() for path in _paths(value)]) as partial:
        renamed = {
            name: [partial[path] for path in value] if isinstance(value, (list, tuple)) else partial[value]
            for name, value in outputs.items()
        }
        try:
            function(**{**arguments, **renamed})
        except InputError as error:  # which may tell of an output by its temporary name
            for path, other in partial.items():
                error.args = (str(error).replace(str(other), str(path)),)
            raise


@contextmanager
def atomic(outputs: list[Path]) -> Iterator[dict[Path, Path]]:
    """Yield a map from each output to a temporary path beside it; rename all when the block ends well.

    The temporary name keeps the suffix (writers look at it). A killed process can leave `.partial-*` behind,
    never an output that looks finished. A folder output replaces the whole old folder. Under `accelerate launch`
    every process works on the same temporary paths, and the first one (RANK 0) renames.
    """
    if len(set(outputs)) != len(outputs):
        raise InputError("outputs", "two outputs share one path", "a path for each output")
    partial = {path: path.with_name(f".partial-{path.name}") for path in outputs}
    for path in outputs:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(path, f"cannot make its folder ({error.strerror})", "a writable place") from error
    if int(os.environ.get("RANK", "0")) > 0:
        yield partial
        _wait_for_all()
        return
    for path in partial.values():
        _remove(path)
    try:
        yield partial
        _wait_for_all()
        missing = [str(path) for path in outputs if not partial[path].exists()]
        if missing:
            raise RuntimeError(f"the step did not write {', '.join(missing)}")
        for path in outputs:
            if path.is_dir():
                shutil.rmtree(path)
            partial[path].replace(path)
    finally:
        for path in partial.values():
            _remove(path)


def _wait_for_all() -> None:
    """Under a launcher, wait for the other processes: what one still wrote after the renaming would be left behind."""
    torch = sys.modules.get("torch")
    if torch and torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()


def _remove(path: Path) -> None:
    """Remove a file or a folder, if there is one."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def seed_everything(seed: int) -> None:
    """Seed `random`, and NumPy and PyTorch where they are already imported.

    Nothing is imported for it: steps without PyTorch must not pay 2 s. A step that imports PyTorch itself and
    lets a library draw from the global generator (a model's first weights) calls this again after that import.
    Code of ours that draws numbers takes a `numpy.random.Generator` or `torch.Generator`.
    """
    random.seed(seed)
    os.environ.setdefault("PYTHONHASHSEED", "0")
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def progress(iterable: Iterable[T], what: str, total: int | None = None) -> Iterable[T]:
    """A progress bar on a terminal; in a log file, one line about every 10 s."""
    from tqdm import tqdm

    terminal = sys.stderr.isatty()
    return tqdm(
        iterable, desc=what, total=total, mininterval=0.2 if terminal else 10, ascii=not terminal, file=sys.stderr
    )


def _paths(value: Any) -> list[Path]:
    """The paths in the value of an input or output parameter: one, several, or none."""
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return [path for item in value for path in _paths(item)]
    return [Path(value)]


def _flag(name: str) -> str:
    """`--adv-scale` of the parameter `adv_scale`."""
    return f"--{name.replace('_', '-')}"


def signature_of(function: Callable[..., None]) -> inspect.Signature:
    """The signature with evaluated annotations."""
    return inspect.signature(function, eval_str=True)
