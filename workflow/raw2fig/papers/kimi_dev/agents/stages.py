"""What a turn of an agent was for (section 3.7): the paper has another model label each turn, here rules do.

explore      looks at files, before its first change of the code
reproduce    runs something, or writes a file to run, before its first change of the code
edit         changes the code
re-test      runs something after a change
edge cases   writes a file to run after a change
look again   looks at files after a change
submit, none
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

from raw2fig.papers.kimi_dev.agents.actions import EDITOR, SHELL, SUBMIT, Action

Stage = Literal["explore", "reproduce", "edit", "re-test", "edge cases", "look again", "submit", "none"]
RUNS = re.compile(
    r"(?:^|[;&|(\n])\s*(?:\w+=\S*\s+)*(?:(?:timeout\s+\S+|time|env)\s+)*"
    r"(?:\./\S+|(?:\S*/)?(?:python[\d.]*|pytest|tox|nox|make|(?:ba)?sh))(?=\s|$)"
)
"""What runs code in a command."""
HISTORY = re.compile(
    r"\bgit\b[^;&|\n]*?\b(log|reflog|show|blame|rev-list|cat-file|fsck|bisect)\b|(^|[\s/'\"])\.git(?![\w.-])"
)
DOWNLOADS = re.compile(
    r"\b(curl|wget|aria2c|scp|rsync|ssh|telnet|ftp)\s|\bgit\b[^;&|\n]*?\b(clone|fetch|pull|ls-remote)\b"
    r"|\b(pip\d?|conda|uv|npm|cargo)\s+([\w-]+\s+)*?(install|download|add)\b|urllib|requests\.get|https?://"
)
LOOKED_FOR = {"history": HISTORY, "downloads": DOWNLOADS}
"""What commands are counted and listed for (check 25): a sound workspace has nothing of either."""


def command_of(action: Action | None) -> str:
    """The command of a call of the shell, empty for any other."""
    return action.given.get("command", "") if action and action.tool == SHELL else ""


def stage_of(action: Action | None, changed: Collection[str], edited: bool) -> Stage:
    """The stage of a turn that changed these files of the repository, after a turn that changed some (`edited`) or
    not."""
    if action is None:
        return "none"
    if action.tool == SUBMIT:
        return "submit"
    if changed:
        return "edit"
    if action.tool == EDITOR and action.given.get("command") == "create":
        return "edge cases" if edited else "reproduce"
    if RUNS.search(command_of(action)):
        return "re-test" if edited else "reproduce"
    return "look again" if edited else "explore"


def looked_for(action: Action | None) -> tuple[str, ...]:
    """Which of `LOOKED_FOR` a command looks for."""
    return tuple(name for name, pattern in LOOKED_FOR.items() if pattern.search(command_of(action)))
