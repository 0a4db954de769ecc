"""Arms of a comparison in a YAML file: a mapping from names to settings."""

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from raw2fig.errors import InputError
from raw2fig.tables import read_yaml

BASE = "from"
"""The setting that names another arm, whose settings are taken where an arm has none of its own."""


def read_arm(path: Path, name: str, known: Collection[str]) -> dict[str, Any]:
    """Settings of an arm, lists as tuples. Raises `InputError` for an unknown arm, a setting that is not `known`, with
    the nearest known one, and arms that are `from` each other."""
    arms = read_yaml(path)
    if not isinstance(arms, dict) or not all(isinstance(settings, dict) for settings in arms.values()):
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
