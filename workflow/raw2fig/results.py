"""Figures, tables and claims as rules declare them: `rules/results.smk` makes a rule of each, in one loop over all."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from raw2fig.cli import PACKAGE, commands
from raw2fig.errors import InputError, nearest

OUTPUTS = {"figure": ("svg", "png", "csv"), "table": ("csv", "markdown"), "claims": ("claims",)}
"""Kind of result → its output flags."""
FILES = {
    "figure": "{results}/{paper}/figures/{name}.{output}",
    "table": "{results}/{paper}/tables/{name}.{output}",
    "claims": "{results}/{paper}/claims.json",
}
"""Kind of result → where its files go."""
SUFFIXES = {"markdown": "md"}
"""Output flag → suffix of its file, where that is another word."""


class Result(NamedTuple):
    """A figure, a table or the claims of a paper: its inputs by flag, and its other flags as text. `drawn_by` names the
    step where it is not the result's own: one step can draw several figures."""

    kind: str
    paper: str
    name: str
    inputs: dict[str, Any]
    settings: str
    drawn_by: str = ""

    @property
    def command(self) -> str:
        """Name of the step: `fig-rank`, `table-runs`, `claims`."""
        return self._of_kind(self.drawn_by or self.name).replace("_", "-")

    def _of_kind(self, name: str) -> str:
        return {"figure": f"fig-{name}", "table": f"table-{name}"}.get(self.kind, self.kind)

    @property
    def rule(self) -> str:
        """Name of the rule: `c2s_fig_rank`."""
        return f"{self.paper}_{self._of_kind(self.name)}".replace("-", "_")

    @property
    def log(self) -> str:
        """Path of the log."""
        return f"<results>/{self.paper}/logs/{self._of_kind(self.name)}.log"

    @property
    def outputs(self) -> dict[str, str]:
        """Output flag → path."""
        return {
            output: FILES[self.kind].format(
                results="<results>", paper=self.paper, name=self.name, output=SUFFIXES.get(output, output)
            )
            for output in OUTPUTS[self.kind]
        }

    @property
    def step(self) -> str:
        """The words of the step: `c2s fig-rank`."""
        return f"{self.paper.replace('_', '-')} {self.command}"


def declare(kind: str, paper: str, name: str, arguments: Mapping[str, Any]) -> Result:
    """The result that a paper's rules ask for. Arguments that the step annotates as inputs are files. Of the others, a
    mapping is a section of settings, which is passed whole, and the rest are values. `drawn_by` names the step if it is
    not called like the result.

    Raises `InputError` when the paper has no such step, or the step is of another kind.
    """
    arguments = dict(arguments)
    result = Result(kind, paper, name, {}, "", arguments.pop("drawn_by", ""))
    steps = commands(PACKAGE / "papers" / paper)
    step = steps.get(result.command)
    if step is None or step.kind != kind:
        known = [name for name, other in steps.items() if other.kind == kind]
        raise InputError(f"rules of {paper}", f"no @{kind} step {result.command}", nearest(result.command, known))
    inputs = {key: value for key, value in arguments.items() if key in step.inputs and value not in (None, [], "")}
    if kind == "claims":
        inputs = {"published": f"config/published/{paper}.yaml"} | inputs
    others = {key: value for key, value in arguments.items() if key not in step.inputs}
    return result._replace(inputs=inputs, settings=settings(others))


def settings(values: Mapping[str, Any]) -> str:
    """Flags for the arguments of a step that are no files."""
    words = [
        flags(value) if isinstance(value, Mapping) else option(key.replace("_", "-"), value)
        for key, value in values.items()
    ]
    return " ".join(filter(None, words))


def flags(section: Mapping[str, Any]) -> str:
    """Every setting of a section of the configuration as a flag, in its order; null as the word none."""
    return " ".join(_flag(key.replace("_", "-"), "none" if value is None else value) for key, value in section.items())


def files_as_flags(files: Any) -> str:
    """Flags for the named input or output files of a Snakemake job."""
    return " ".join(option(name.replace("_", "-"), path) for name, path in files.items())


def option(flag: str, value: Any) -> str:
    """`--flag value`; a bare flag for True; empty if there is no value: None, False, an empty text or list."""
    if isinstance(value, (list, tuple)):
        return _flag(flag, list(value)) if value else ""
    return "" if value is None or value is False or value == "" else _flag(flag, value)


def _flag(flag: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    items = [_word(item) for item in value] if isinstance(value, (list, tuple)) else [_word(value)]
    if any(item.startswith("-") and not NUMBER.fullmatch(item) for item in items):
        return " ".join(f"--{flag}={quote(item)}" for item in items)  # it would be taken for a flag
    return " ".join([f"--{flag}", *map(quote, items)])


NUMBER = re.compile(r"-\d+(\.\d+)?(e[-+]?\d+)?")
"""What may follow a flag although it begins with a hyphen."""


def _word(value: Any) -> str:
    return json.dumps(value) if isinstance(value, (Mapping, list, tuple)) else str(value)


def caption(root: Path, result: Result) -> str:
    """The file with a figure's caption for the report, relative to the folder of the rules. Raises `InputError` where
    it is missing."""
    path = Path("workflow/report") / result.paper / f"{result.name}.rst"
    if not (root / path).is_file():
        raise InputError(path, "is missing", f"the caption of the figure {result.name}")
    return f"../{path}"
