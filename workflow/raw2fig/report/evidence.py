"""What shows a claim: figures, which a page holds as data, and tables, which it links."""

import base64
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from raw2fig.errors import InputError

IMAGES = {".svg": "image/svg+xml", ".png": "image/png"}


class Link(NamedTuple):
    """A link to what shows a claim: its kind (figure, table or file), its name, where it is, its caption, and the file
    that is meant."""

    kind: str
    name: str
    target: str
    caption: str
    path: str


class Figure(NamedTuple):
    """A figure as it stands in the page; its file is RESULTS/PAPER/figures/NAME.svg, and `files` are those of the same
    figure in other forms."""

    path: str
    paper: str
    name: str
    caption: str
    anchor: str
    uri: str
    files: tuple[Link, ...] = ()

    @property
    def title(self) -> str:
        """Its name in words."""
        return self.name.replace("_", " ").replace("-", " ")


def of_paper(files: Sequence[Path] | None, key: str) -> list[Path]:
    """The files of one paper among those at RESULTS/PAPER/KIND/FILE."""
    return [path for path in files or [] if path.parts[-3:-2] == (key,)]


def embed(path: Path, page: Path, captions: Path | None = None) -> Figure:
    """A figure file with its contents as a data URI, for the page at `page`. Raises `InputError` for anything but SVG
    and PNG."""
    if path.suffix not in IMAGES:
        raise InputError(path, "not a figure", f"a name ending in {' or '.join(IMAGES)}")
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    anchor = "figure-" + "-".join(path.with_suffix("").parts[-3:])
    paper = "".join(path.parts[-3:-2])
    file = captions / paper / f"{path.stem}.rst" if captions else None
    caption = " ".join(file.read_text(encoding="utf-8").split()) if file and file.exists() else ""
    forms = [path.with_suffix(suffix) for suffix in (".svg", ".png", ".csv")]
    files = tuple(
        Link("file", form.suffix[1:].upper(), beside(form, page), "", str(form)) for form in forms if form.exists()
    )
    return Figure(str(path), paper, path.stem, caption, anchor, f"data:{IMAGES[path.suffix]};base64,{data}", files)


def beside(path: Path, page: Path) -> str:
    """The address of a file, as a page has it."""
    return Path(os.path.relpath(path, page.parent)).as_posix()


def links(claim: Mapping[str, Any], figures: Sequence[Figure], tables: Sequence[Path], page: Path) -> list[Link]:
    """The figures and tables of its paper that a claim names. What this scale does not make is left out."""
    drawn = {figure.name: figure for figure in figures}
    files = {path.stem: path for path in tables}
    found = []
    for name in claim["evidence"]:
        if name in drawn:
            figure = drawn[name]
            found.append(Link("figure", figure.title, f"#{figure.anchor}", figure.caption, figure.path))
        if name in files:
            found.append(Link("table", name, beside(files[name], page), "", str(files[name])))
    return found
