"""Steps: plain typed functions that read files, write files, and are commands.

    @step
    def cluster(*, cells: Input, labels: Output, settings: Cluster, seed: Seed) -> None:
        '''Cluster cells. ...'''

The decorator marks the function; `raw2fig.cli` finds it by name and calls `run_step`, which gives every step the same
guarantees: inputs are there before work starts, outputs are written beside their place and renamed only when all of
them are whole, and the global random generators are seeded from the step's own `seed`. Three kinds of steps leave more
to the house (`KINDS`):

* `@figure` returns a `raw2fig.plotting.Drawing`, which is stamped and saved as SVG, PNG and CSV;
* `@table` returns a `raw2fig.tables.Table`, which is written as CSV and Markdown;
* `@claims` returns a mapping from claims to measurements, from which `raw2fig.claims` makes the verdicts.
"""

import errno
import hashlib
import inspect
import os
import shutil
import sys
import typing
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

from raw2fig.errors import InputError
from raw2fig.seeding import seed_everything

INPUT, OUTPUT, FOLDER, GROWN = "input", "output", "folder", "grown"
Input = Annotated[Path, INPUT]
"""A file or folder that must exist."""
Output = Annotated[Path, OUTPUT]
"""A file the step makes; the function sees a temporary path with the same suffix."""
OutputFolder = Annotated[Path, OUTPUT, FOLDER]
"""A folder the step makes."""
GrownFolder = Annotated[Path, GROWN]
"""A folder that the step fills in its place, so that a run that was killed can go on there."""

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class At(NamedTuple):
    """Where in the paper's section of the configuration a parameter's record stands, when its type alone does not say:
    `training: Annotated[Training, At("annotation")]`."""

    place: str


class Kind(NamedTuple):
    """What a kind of step adds to the parameters of a function (name → annotation and help), and what it does with the
    value that the function returns."""

    added: dict[str, tuple[Any, str]]
    finish: Callable[[Callable[..., Any], Any, dict[str, Any]], None]


def _save_figure(function: Callable[..., Any], drawing: Any, given: dict[str, Any]) -> None:
    from raw2fig.plotting import save

    save(drawing, **given)


def _write_table(function: Callable[..., Any], table: Any, given: dict[str, Any]) -> None:
    table.write(**given)


def _decide_claims(function: Callable[..., Any], measured: Any, given: dict[str, Any]) -> None:
    from raw2fig.claims import decide_claims

    decide_claims(paper_of(function), given["published"], given["scale"], measured, given["claims"])


SCALE = (str, "Name of the scale, for the stamp: laptop, smoke, overnight, gpu or paper.")
KINDS = {
    "step": Kind({}, lambda function, value, given: None),
    "figure": Kind(
        {
            "scale": SCALE,
            "svg": (Output, "The figure as SVG."),
            "png": (Output, "The figure as PNG."),
            "csv": (Output, "The plotted values."),
        },
        _save_figure,
    ),
    "table": Kind(
        {"csv": (Output, "The table as CSV."), "markdown": (Output, "The table as Markdown, for reading.")},
        _write_table,
    ),
    "claims": Kind(
        {
            "published": (Input, "The paper's claims with their criteria, config/published/<paper>.yaml."),
            "scale": SCALE,
            "claims": (Output, "Every claim with its verdict, as JSON."),
        },
        _decide_claims,
    ),
}
"""Decorator → what the house adds to such a step."""


def step(function: F) -> F:
    """Mark `function` as a step. It stays an ordinary function: tests and other steps call it directly."""
    return function


def _of_kind(kind: str) -> Callable[[F], F]:
    def mark(function: F) -> F:
        function.__dict__["kind"] = kind
        return function

    mark.__doc__ = f"Mark a function as a {kind} step (`KINDS`)."
    return mark


figure, table, claims = map(_of_kind, ("figure", "table", "claims"))


def paper_of(function: Callable[..., Any]) -> str:
    """Key of the paper in whose package the function is defined."""
    return function.__module__.split(".")[2]


def kind_of(function: Callable[..., Any]) -> Kind:
    """The kind that the function's decorator names."""
    return KINDS[function.__dict__.get("kind", "step")]


DRAWN = {
    "seed": "Seed of all random draws.",
    "replicate": "Number of the replicate, which seeds all random draws.",
}
"""Parameters that seed the global random generators, and their help."""


class Parameter(NamedTuple):
    """A parameter of a step: its annotation, its default (`inspect.Parameter.empty` without one), and its help, empty
    where the docstring says nothing."""

    annotation: Any
    default: Any
    help: str


def parameters(function: Callable[..., Any]) -> dict[str, Parameter]:
    """All parameters of a step by name: the function's own, then those that its kind adds."""
    from docstring_parser import parse

    described = {
        name: " ".join((item.description or "").split())
        for item in parse(function.__doc__ or "").params
        for name in item.arg_name.split(", ")  # one text for `easy, mixed, hard`
    }
    own = {
        name: Parameter(_evaluated(function, given.annotation), given.default, described.get(name, ""))
        for name, given in inspect.signature(function).parameters.items()
    }
    for name, text in DRAWN.items():
        if name in own and not own[name].help:
            own[name] = own[name]._replace(help=text)
    added = {
        name: Parameter(annotation, inspect.Parameter.empty, text)
        for name, (annotation, text) in kind_of(function).added.items()
    }
    return own | added


def _evaluated(function: Callable[..., Any], annotation: Any) -> Any:
    """The annotation of a parameter as an object: under `from __future__ import annotations` it is text. That of the
    returned value may name what is imported for type checkers alone, so the whole signature is not evaluated."""
    return eval(annotation, vars(sys.modules[function.__module__])) if isinstance(annotation, str) else annotation


def roles(function: Callable[..., Any], *wanted: str) -> list[str]:
    """Names of the parameters whose annotation has all the marks `wanted` (`INPUT`, `OUTPUT`, `FOLDER`, `GROWN`), also
    inside `list[...]` and `X | None`."""

    def has_role(hint: Any) -> bool:
        if set(wanted) <= {mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, str)}:
            return True
        return any(has_role(argument) for argument in typing.get_args(hint))

    return [name for name, given in parameters(function).items() if has_role(given.annotation)]


def run_step(function: Callable[..., Any], arguments: dict[str, Any]) -> list[Path]:
    """Call `function` with every guarantee of a step. Returns the outputs it has written.

    Raises `InputError` when an input is missing or would be overwritten, two outputs share a path, or an output cannot
    be put where it should go. Whatever else the function raises passes through after its half-written outputs have been
    removed.
    """
    kind = kind_of(function)
    outputs = {name: arguments[name] for name in roles(function, OUTPUT) if arguments.get(name) is not None}
    written = {_real(path): name for name, value in outputs.items() for path in _paths(value)}
    for name in roles(function, INPUT):
        for path in _paths(arguments.get(name)):
            if not os.path.exists(path):
                raise InputError(path, "no such file or folder", f"an existing path for {flag(name)}")
            for place in (_real(path), *_real(path).parents):  # a folder is replaced with all that lies in it
                if place in written:
                    raise InputError(path, f"is read as {flag(name)}", f"another path for {flag(written[place])}")
    folders = {path for name in roles(function, OUTPUT, FOLDER) for path in _paths(arguments.get(name))}
    places = [path for value in outputs.values() for path in _paths(value)]
    for path in places:
        _check_place(path, path in folders)
        for place in _real(path).parents:
            if place in written:
                raise InputError(path, f"lies in what is written as {flag(written[place])}", "another path")
    for name in DRAWN:
        if arguments.get(name) is not None:
            seed_everything(int(arguments[name]))
    with atomic(places) as partial:
        renamed = {
            name: [partial[path] for path in value] if isinstance(value, (list, tuple)) else partial[value]
            for name, value in outputs.items()
        }
        given = {**arguments, **renamed}
        added = {name: given.pop(name) for name in kind.added}
        try:
            kind.finish(function, function(**given), added)
        except InputError as error:  # which may tell of an output by its temporary name
            for path, other in partial.items():
                error.args = (str(error).replace(str(other), str(path)),)
            raise
        except OSError as error:
            if error.errno not in NO_PLACE:
                raise
            raise InputError(
                places[0] if places else "outputs",
                f"cannot be written ({os.strerror(error.errno)})",
                "a place with room",
            ) from error
    return places + [path for name in roles(function, GROWN) for path in _paths(arguments.get(name))]


NO_PLACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.ENAMETOOLONG)
"""What the operating system says when the place of an output is at fault."""


def _real(path: Path) -> Path:
    """The path without links; `Path.resolve` raises for links that lead in a circle."""
    return Path(os.path.realpath(path))


def _check_place(path: Path, folder: bool) -> None:
    """Raise `InputError` when something stands at the place of an output that it must not replace."""
    try:
        there = path.exists()
    except OSError as error:
        raise InputError(path, f"cannot be written ({error.strerror})", "another name") from error
    if not there:
        if path.name == "..":
            raise InputError(path, "ends with ..", "a name of its own")
        return
    if path.is_dir() and not folder:
        raise InputError(path, "is a folder, which a file would replace", "the name of a file")
    if path.is_dir() and (any(path.iterdir()) or not path.name):
        raise InputError(path, "is a folder that holds something", "a new or an empty folder")
    if not path.is_dir() and (folder or not path.is_file()):
        raise InputError(path, "is no folder" if folder else "is no ordinary file", "another path")


@contextmanager
def atomic(outputs: list[Path]) -> Iterator[dict[Path, Path]]:
    """Yield a map from each output to a temporary path beside it; rename all when the block ends well.

    The temporary name keeps the suffix (writers look at it). A killed process can leave `.partial-*` behind,
    never an output that looks finished. A folder replaces an empty folder only. Under `accelerate launch` every process
    works on the same temporary paths, and the first one (RANK 0) renames.
    """
    if len(set(map(_real, outputs))) != len(outputs):
        raise InputError("outputs", "two outputs share one path", "a path for each output")
    partial = {path: path.with_name(_partial(path)) for path in outputs}
    for path in outputs:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(path, f"cannot make its folder ({error.strerror})", "a writable place") from error
    if int(os.environ.get("RANK", "0")) > 0:
        yield partial
        _wait_for_all()
        return
    for path, other in partial.items():
        _remove(other)
        try:  # it is too late to find out after hours of work
            other.touch()
        except OSError as error:
            raise InputError(path, f"cannot be written ({error.strerror})", "a writable place") from error
        _remove(other)
    try:
        yield partial
        _wait_for_all()
        missing = [str(path) for path in outputs if not partial[path].exists()]
        if missing:
            raise RuntimeError(f"the step did not write {', '.join(missing)}")
        for path in outputs:
            partial[path].replace(path)
    finally:
        for path in partial.values():
            _remove(path)


def _partial(path: Path) -> str:
    """Temporary name of an output, with its suffix; a digest stands for a name so long that no more fits before it."""
    name = f".partial-{path.name}"
    if len(os.fsencode(name)) <= LONGEST_NAME:
        return name
    return f".partial-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}{path.suffix[:16]}"


LONGEST_NAME = 255
"""Bytes of a file's name on most file systems."""


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


def flag(name: str) -> str:
    """`--adv-scale` of the parameter `adv_scale`."""
    return f"--{name.replace('_', '-')}"
