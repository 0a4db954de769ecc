"""Where the files of the experiment lie.

`settings` is the section `hal` of the configuration.
"""

from collections.abc import Mapping
from typing import Any

from raw2fig.papers.hal.rubrics import FILES

Settings = Mapping[str, Any]
SOURCES = "<results>/hal/sources"


def rubrics(settings: Settings) -> list[str]:
    """The authors' rubric files: the user's, or those fetched; none without a source."""
    source = settings["rubrics"]["source"]
    folder = settings["rubrics"]["path"] if source == "path" else SOURCES
    return [] if source == "none" else [f"{folder}/{name}" for name in FILES]


def origin(settings: Settings, name: str) -> dict[str, Any]:
    """Where a rubric file is fetched from, as `raw2fig fetch file` has it."""
    return {"source": "url", "url": f"{settings['rubrics']['url']}/{name}"}


def fetched(settings: Settings) -> list[str]:
    """Records of what comes from outside, for the table of the run."""
    return [f"{path}.json" for path in rubrics(settings)] if settings["rubrics"]["source"] == "url" else []
