"""Arms of a comparison in YAML files: mappings from names to settings, later files over earlier ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from raw2fig.config import load
from raw2fig.errors import InputError, nearest

BASE = "from"
"""The setting that names another arm, whose settings are taken where an arm has none of its own."""


def read_arm(paths: Sequence[Path], name: str, shared: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of an arm: those that all arms share, and over them the arm's own. A file changes the arms of the files
    before it, setting by setting. Raises `InputError` for an unknown arm, a setting that is not among the shared ones,
    with the nearest known name, and arms that are `from` each other."""
    arms, path = load(paths), paths[-1]
    if not all(isinstance(settings, dict) for settings in arms.values()):
        raise InputError(path, "is not a mapping from arms to settings", "for example `grpo: {loss: clip}`")
    settings: dict[str, Any] = {}
    seen: list[str] = []
    while name:
        if name not in arms:
            raise InputError(path, f"has no arm {name!r}", nearest(name, list(arms)))
        if name in seen:
            raise InputError(path, f"arm {name!r} is derived from itself", "a chain of `from` that ends")
        for setting in arms[name]:
            if setting not in shared and setting != BASE:
                raise InputError(path, f"arm {name!r} has a setting {setting!r}", nearest(setting, list(shared)))
        seen.append(name)
        settings = {**arms[name], **settings}
        name = arms[name].get(BASE, "")
    settings.pop(BASE, None)
    return {**shared, **settings}
