"""Where models that a configuration names come from."""

from typing import Any

from pydantic import model_validator

from raw2fig.settings import Field, Record, impossible


class ModelOrigin(Record):
    """Where a pretrained model comes from: a package, a folder, or the hub."""

    package: str | None = Field(description="Python package and version that holds its GGUF file.")
    sha256: str | None = Field(description="SHA-256 of the package's wheel.")
    source: str | None = Field(description="Folder or hub id.")
    revision: str | None = Field(description="Commit, tag or branch on the hub.")

    @model_validator(mode="after")
    def _one(self) -> Any:
        if (self.package is None) == (self.source is None):
            raise impossible("", "does not say where the model comes from", "a package or a source")
        return self
