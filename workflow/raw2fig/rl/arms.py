"""Arms of a comparison in YAML files: mappings from names to settings, later files over earlier ones."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from raw2fig.config import load
from raw2fig.errors import InputError

BASE = "from"
"""The setting that names another arm, whose settings are taken where an arm has none of its own."""


def read_arm(paths: Sequence[Path], name: str, known: Collection[str]) -> dict[str, Any]:
    """Settings of an arm, lists as tuples: a file changes those of the files before it, setting by setting. Raises
    `InputError` for an unknown arm, a setting that is not `known`, with the nearest known one, and arms that are `from`
    each other."""
    arms, path = load(paths), paths[-1]
    if not all(isinstance(settings, dict) for settings in arms.values()):
        raise InputError(path, "is not a mapping from arms to settings", "for example `grpo: {loss: clip}`")
    settings: dict[str, Any] = {}
    seen: list[str] = []
    while name:
        if name not in arms:
            raise InputError(path, f"has no arm {name!r}", _nearest(name, list(arms)))
        if name in seen:
            raise InputError(path, f"arm {name!r} is from itself", "an arm with settings of its own in the end")
        for setting in arms[name]:
            if setting not in known and setting != BASE:
                raise InputError(path, f"arm {name!r} has a setting {setting!r}", _nearest(setting, known))
        seen.append(name)
        settings = {**arms[name], **settings}
        name = arms[name].get(BASE, "")
    settings.pop(BASE, None)
    return {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}


def _nearest(word: str, known: Collection[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return close[0] if close else f"one of {', '.join(known)}"
