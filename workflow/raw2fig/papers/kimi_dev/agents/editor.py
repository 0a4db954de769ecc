"""The editor of an agent: shows and changes files inside the sandbox.

It is passed as text, like the sandbox's other programs, and has the standard library alone. Standard input is a JSON
object with the parameters of a call; standard output is what the agent is shown. What cannot be done is an error, exit
status 1, and changes nothing.
"""

import json
import os
import sys
from collections.abc import Callable

DEPTH = 2
"""Levels of a folder that are shown."""
AROUND = 4
"""Lines that are shown before and after a change."""


class Refused(Exception):
    """Why a call changes nothing."""


def main() -> None:
    """Do what standard input says."""
    given = json.load(sys.stdin)
    commands: dict[str, Callable[..., str]] = {"view": view, "create": create, "str_replace": replace, "insert": insert}
    command = given.pop("command", "")
    try:
        if command not in commands:
            raise Refused(f"command is {command!r}; expected one of {', '.join(commands)}")
        said = commands[command](**given)
    except (Refused, OSError, UnicodeError, ValueError) as error:
        sys.exit(f"ERROR: {error}")
    except TypeError:
        sys.exit(f"ERROR: {command} does not take the parameters {', '.join(given) or 'none'}")
    sys.stdout.write(said)


def view(path: str, view_range: str = "") -> str:
    """A file with the numbers of its lines, or what a folder holds."""
    if os.path.isdir(path):
        return "".join(f"{one}\n" for one in listed(path, DEPTH))
    lines = read(path).split("\n")
    first, last = json.loads(view_range) if view_range else (1, -1)
    return numbered(lines, first, len(lines) if last == -1 else last)


def create(path: str, file_text: str) -> str:
    """Write a file that is not there yet."""
    if os.path.lexists(path):
        raise Refused(f"{path} is there already")
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    write(path, file_text)
    return f"{path} has been created.\n"


def replace(path: str, old_str: str, new_str: str = "") -> str:
    """Replace a text that stands in a file once."""
    text = read(path)
    start = only_place(text, old_str)
    if start is None:
        raise Refused(f"old_str stands in {path} {'more than once' if old_str in text else 'nowhere'}")
    write(path, text[:start] + new_str + text[start + len(old_str) :])
    line = 1 + text[:start].count("\n")
    return changed(path, line, line + new_str.count("\n"))


def insert(path: str, insert_line: str, new_str: str) -> str:
    """Put lines after a line; 0: before the first one."""
    lines = read(path).split("\n")
    place = int(insert_line)
    if not 0 <= place <= len(lines):
        raise Refused(f"insert_line is {place}; {path} has {len(lines)} lines")
    added = new_str.split("\n")
    write(path, "\n".join(lines[:place] + added + lines[place:]))
    return changed(path, place + 1, place + len(added))


def only_place(text: str, part: str) -> int | None:
    """Where a part of a text begins that stands in it once; None for another one."""
    start = text.find(part) if part else -1
    return start if start >= 0 and text.find(part, start + 1) < 0 else None


def changed(path: str, first: int, last: int) -> str:
    """The lines of a file around a change."""
    return f"{path} has been changed:\n" + numbered(read(path).split("\n"), first - AROUND, last + AROUND)


def numbered(lines: list[str], first: int, last: int) -> str:
    """Lines with their numbers."""
    first, last = max(1, first), min(last, len(lines))
    return "".join(f"{number:6}\t{lines[number - 1]}\n" for number in range(first, last + 1))


def listed(folder: str, depth: int) -> list[str]:
    """What a folder holds, but for what is hidden."""
    found = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if not name.startswith((".", "__pycache__")):
            found.append(path)
            if depth > 1 and os.path.isdir(path) and not os.path.islink(path):
                found += listed(path, depth - 1)
    return found


def read(path: str) -> str:
    """The text of a file; bytes that are no text survive."""
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def write(path: str, text: str) -> None:
    """Write a text."""
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(text)


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    main()
