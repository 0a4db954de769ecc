"""What the two roles are asked, and what is read out of their answers (sections 3.1 and 3.2 of the reference sheet)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Literal

from raw2fig.lm.client import Message
from raw2fig.papers.kimi_dev.patches import END, FENCE, MIDDLE, MOST_PATHS, OPEN, PATH, START, Applied, Files, apply

Role = Literal["BugFixer", "TestWriter"]
ROLES: tuple[Role, ...] = ("BugFixer", "TestWriter")
TASKS: Mapping[Role, tuple[str, str]] = {
    "BugFixer": ("have to change so that the issue is resolved", "Resolve the issue."),
    "TestWriter": (
        "are test files where a test of the issue belongs",
        "Write a test that fails because of the issue and passes once it is resolved. Change test files alone.",
    ),
}
"""Role → which files it names, and what it does with them."""
LOCALISE = """Here are an issue and the files of the repository that it is about.

BEGIN ISSUE
{issue}
END ISSUE

BEGIN TREE
{tree}
END TREE

Name at most {most} files that {wanted}, the most important one first: their paths as they stand above, a line each, \
between two lines {fence}."""
EDIT = f"""Here are an issue and files of the repository that it is about.

BEGIN ISSUE
{{issue}}
END ISSUE

BEGIN FILE
{{files}}
END FILE

{{task}} Write each change as a block of this form, between a line {OPEN} and a line {FENCE}:

{OPEN}
{PATH}path/of/the/file.py
{START}
lines as they stand in the file
{MIDDLE}
lines to put in their place
{END}
{FENCE}

The lines of SEARCH must be whole lines, with their indentation, and stand in the file exactly once."""


def localisation(issue: str, files: Iterable[str], role: Role) -> tuple[Message, ...]:
    """The question for the files of an issue."""
    content = LOCALISE.format(
        issue=issue.strip(), tree=tree(files, role), most=MOST_PATHS, wanted=TASKS[role][0], fence=FENCE
    )
    return (Message("user", content),)


def edit(issue: str, files: Files, role: Role) -> tuple[Message, ...]:
    """The question for the change, with the whole text of the files."""
    shown = "\n".join(f"{PATH}{path}\n{text}" for path, text in files.items())
    return (Message("user", EDIT.format(issue=issue.strip(), files=shown, task=TASKS[role][1])),)


def tree(paths: Iterable[str], role: Role) -> str:
    """The paths of Python files, a line each, in order. The BugFixer sees nothing whose name, or that of a folder above
    it, begins with `test`."""
    shown = [path for path in sorted(paths) if path.endswith(".py")]
    if role == "BugFixer":
        shown = [path for path in shown if not any(part.startswith("test") for part in PurePosixPath(path).parts)]
    return "\n".join(shown)


def answer_of(paths: Sequence[str]) -> str:
    """The localisation answer that names these files."""
    return "\n".join([FENCE, *paths, FENCE])


def applied(files: Files, shown: Iterable[str], answer: str) -> Applied:
    """What an answer does to the files. It can change those that were shown alone."""
    seen = {path: files[path] for path in shown}
    found = apply(seen, answer)
    return found._replace(after={**files, **found.after} if found.after is not None else None)
