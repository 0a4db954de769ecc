"""Data files that are not shipped: the user's own, or downloads, each from its own place."""

import re
from collections.abc import Mapping
from itertools import repeat
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import model_validator

from raw2fig.settings import Field, Record, impossible


class DataFiles(Record):
    """Files of a data set: none, your copies (path), or downloads."""

    source: Literal["none", "path", "url", "hub"]
    dataset: str | None = Field(description="Data set on the hub that holds the files.")
    revision: str | None = Field(description="Commit, tag or branch on the hub.")
    files: list[str] = Field(description="Paths of your files, addresses, or names of files in the data set.")
    sha256: list[Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")]] | None = Field(
        description="SHA-256 of each file, in their order."
    )

    @model_validator(mode="after")
    def _one_for_each(self) -> Any:
        if self.sha256 is not None and len(self.sha256) != len(self.files):
            problem = f"has {len(self.sha256)} values for {len(self.files)} files"
            raise impossible("sha256", problem, "one for each, or null")
        return self


def check_given(data: DataFiles, where: str) -> None:
    """For validators of records: raise unless the files, which stand at the key `where`, can be looked for."""
    if data.source == "none":
        return
    if not data.files:
        raise impossible(f"{where}.files", "is []", f"at least one file, with the source {data.source}")
    if data.source == "hub" and data.dataset is None:
        raise impossible(f"{where}.dataset", "is null", "a data set, with the source hub")
    for number, file in enumerate(data.files):
        if data.source == "path" and not Path(file).is_file():
            raise impossible(f"{where}.files.{number}", f"is {file!r}", "an existing file")
        if data.source == "url" and not file.startswith(("http://", "https://")):
            raise impossible(f"{where}.files.{number}", f"is {file!r}", "an address, http:// or https://")


def parts(name: str, data: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the files that are fetched are called here → where each is from, as `raw2fig fetch file` has it."""
    if data["source"] not in ("url", "hub"):
        return {}
    return {
        f"{name}-{number:02d}-{_last(file)}": {
            **{key: data[key] for key in ("source", "dataset", "revision")},
            "url" if data["source"] == "url" else "file": file,
            "sha256": digest,
        }
        for number, (file, digest) in enumerate(zip(data["files"], data["sha256"] or repeat(None), strict=False))
    }


def places(name: str, data: Mapping[str, Any], folder: str) -> list[str]:
    """Where the files lie: the user's, or those fetched into the folder."""
    if data["source"] == "path":
        return list(data["files"])
    return [f"{folder}/{part}" for part in parts(name, data)]


def _last(file: str) -> str:
    """The last part of a path or address, without letters that a file's name must not have."""
    return re.sub("[^A-Za-z0-9._-]", "", Path(urlsplit(file).path).name)
