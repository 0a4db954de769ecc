"""Where an agent works: the files of a repository, a shell and an editor in the sandbox, without network or history.

Each command has a sandbox of its own (`raw2fig.sandbox.inspect_provider`), so nothing is left running between turns.
Files are written before the agent begins, and read when none of its commands runs any more, never by following a link.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from pathlib import Path

from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev.agents import editor
from raw2fig.papers.kimi_dev.agents.actions import EDITOR, SHELL, Action
from raw2fig.papers.kimi_dev.issues import Issue
from raw2fig.papers.kimi_dev.matrix import ENVIRONMENT, bound
from raw2fig.papers.kimi_dev.patches import Files
from raw2fig.papers.kimi_dev.repository import read_files
from raw2fig.sandbox.isolation import PYTHON
from raw2fig.settings import Field, Record

PROGRAM = inspect.getsource(editor)
TOGETHER = 'exec 2>&1; eval "$1"'
"""Runs a command with its errors among its output, in the order in which they are written."""
CUT = "\n[... {} characters left out ...]\n"


class Commands(Record):
    """What a command of an agent may take."""

    seconds: int = Field(ge=1, description="Seconds of a command by the clock.")
    characters: int = Field(ge=2, description="Characters of an observation; a longer one loses its middle.")
    workers: int = Field(ge=1, le=1024, description="Commands that run at the same time.")


class Workspace:
    """The repository of an issue while an agent works on it. Raises `InputError` where there is no sandbox."""

    def __init__(self, issue: Issue, commands: Commands) -> None:
        from raw2fig.sandbox.inspect_provider import PATH, BubblewrapSandboxEnvironment

        environment = issue.environment
        self.commands = commands
        self.env = {"PATH": f"{ENVIRONMENT}/bin:{PATH}"} if environment else {}
        self.sandbox = BubblewrapSandboxEnvironment(bound(environment) if environment else None)
        self.folder = self.sandbox.folder / "workspace"
        write_files(issue.files, self.folder)

    def close(self) -> None:
        """Remove it."""
        from anyio import run

        async def remove() -> None:
            await self.sandbox.sample_cleanup("", None, {"default": self.sandbox}, False)

        run(remove)

    def use(self, action: Action) -> str:
        """What the agent is shown of a call. One of no tool, or with other parameters, is its own mistake."""
        if action.tool == SHELL and set(action.given) == {"command"}:
            return self._run(["bash", "-c", TOGETHER, "bash", action.given["command"]])
        if action.tool == EDITOR:
            return self._run([PYTHON, "-I", "-c", PROGRAM], json.dumps(dict(action.given)))
        return f"There is no {action.tool} with the parameters {', '.join(action.given) or 'none'}."

    def files(self) -> dict[str, str]:
        """The files as they are now."""
        return read_files(self.folder)

    def _run(self, command: Sequence[str], given: str = "") -> str:
        from anyio import run
        from inspect_ai.util import OutputLimitExceededError, SandboxUnavailableError

        async def ended() -> str:
            result = await self.sandbox.exec(
                [*command], given, env=self.env, timeout=self.commands.seconds, concurrency=False
            )
            return (result.stdout + result.stderr).strip("\n") or f"(no output, exit status {result.returncode})"

        try:
            text = run(ended)
        except TimeoutError:
            text = f"The command did not end in {self.commands.seconds} seconds."
        except OutputLimitExceededError as error:
            text = f"The command was stopped: it wrote too much.\n{error.truncated_output or ''}"
        except (OSError, ValueError) as error:  # a folder that the agent closed to itself, a null byte
            text = f"The command cannot be run: {error}."
        except SandboxUnavailableError as error:
            raise InputError("sandbox", str(error), "a machine with bubblewrap (docs/cluster.md)") from error
        return shortened(text, self.commands.characters)


def write_files(files: Files, folder: Path) -> None:
    """Write the files of a repository."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))


def shortened(text: str, most: int) -> str:
    """A text of so many characters at most, and a line that says what is left out of its middle."""
    if len(text) <= most:
        return text
    head = most // 2
    return text[:head] + CUT.format(len(text) - most) + text[len(text) - (most - head) :]
