"""Fetching the problems and the model that a run starts from (`raw2fig.sources`)."""

from pathlib import Path

from raw2fig.sources import Origin, Source, fetch_file, fetch_model
from raw2fig.step import Output, step
from raw2fig.tables import write_json


@step
def fetch_problems(
    *,
    source: Source,
    file: Output,
    record: Output,
    pin: Path,
    url: str | None = None,
    dataset: str | None = None,
    name: str | None = None,
    revision: str | None = None,
    sha256: str | None = None,
) -> None:
    """Fetch problems as one file, and check its SHA-256.

    Parameters
    ----------
    source
        url or hub.
    file
        Where to put it.
    record
        What it is: origin, revision, SHA-256, bytes (.json).
    pin
        Notes the SHA-256 of the first download; a later one must have the same (.json).
    name
        Its name within the data set of the hub.
    """
    write_json(fetch_file(Origin(source, url, dataset, name, revision), file, pin, sha256), record)


@step
def fetch_base(*, source: str, model: Output, revision: str | None = None) -> None:
    """Copy the model that RL starts from, from a folder or the hub, with the commit that its revision was resolved to.

    Parameters
    ----------
    source
        Folder or hub id. Code that comes with a model is never executed, and weights must be safetensors.
    model
        The model folder; its source.json says where it comes from.
    revision
        Commit, tag or branch on the hub.
    """
    write_json(fetch_model(source, model, revision), model / "source.json")
