"""Data files from an address, from the hub, or through a package.

A file's SHA-256 is checked against the one asked for, otherwise against the one noted when it was first fetched.
"""

import logging
import shutil
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from raw2fig.checksum import check_sha256
from raw2fig.errors import InputError
from raw2fig.fetch.clients import in_one_line
from raw2fig.scratch import scratch_folder
from raw2fig.step import Output, step
from raw2fig.tables import read_json, write_json

Source = Literal["url", "hub", "package"]
BLOCK = 1 << 20
"""Bytes read at a time."""
TIMEOUT = 60
"""Seconds that a server may stay silent."""


class Origin(NamedTuple):
    """Where a data file comes from.

    url: `url`. hub: `file` of the data set `dataset` at `revision` (null: what its main branch is). package: `dataset`
    is `pertpy/LOADER` (`pertpy.data.LOADER()`) or `cellxgene_census/DATASET_ID` (`revision`: the census version).
    """

    source: Source
    url: str | None = None
    dataset: str | None = None
    file: str | None = None
    revision: str | None = None


@step
def file(
    *,
    source: Source,
    output: Output,
    record: Output,
    pin: Path,
    url: str | None = None,
    dataset: str | None = None,
    file: str | None = None,
    revision: str | None = None,
    sha256: str | None = None,
) -> None:
    """Fetch a data set as one file, and check its SHA-256.

    Parameters
    ----------
    source
        Where the file comes from: url, hub or package.
    output
        The file to write.
    record
        Record of the file as JSON: origin, revision, SHA-256, bytes.
    pin
        JSON file that keeps the SHA-256 of the first download; later downloads must have the same.
    url
        The http or https address of the file, for url.
    dataset
        The data set: its id for hub; pertpy/LOADER or cellxgene_census/DATASET_ID for package.
    file
        Name of the file in the data set, for hub.
    revision
        Commit, tag or branch on the hub; version of the census.
    sha256
        Expected SHA-256 of the file.
    """
    write_json(fetch_file(Origin(source, url, dataset, file, revision), output, pin, sha256), record)


def fetch_file(origin: Origin, output: Path, pin: Path, sha256: str | None = None) -> dict[str, Any]:
    """Fetch a data file into `output`; returns its record: the origin, what the revision was resolved to, the
    SHA-256 and the number of bytes.

    Without `sha256` the one noted in `pin` holds, if that is of the same origin; it is noted there at the first time.
    Raises `InputError` for an origin that is incomplete, cannot be reached or does not have the file, and for another
    SHA-256.
    """
    where = origin.url or origin.dataset or origin.source
    needed = {"url": ("url",), "hub": ("dataset", "file"), "package": ("dataset",)}[origin.source]
    missing = [name for name in needed if not getattr(origin, name)]
    if missing:
        raise InputError("source", f"{origin.source} without {missing[0]}", f"also {', '.join(needed)}")
    logging.info("fetching %s", where)
    resolved = {"url": _from_url, "hub": _from_hub, "package": _from_package}[origin.source](origin, output)
    noted = read_json(pin) if pin.is_file() else {}
    known = noted.get("sha256") if noted.get("origin") == origin._asdict() else None
    hint = "" if sha256 or not known else f" as at the first download (remove {pin} to accept the change)"
    found = check_sha256(output, sha256 or known, where, hint)
    pin.parent.mkdir(parents=True, exist_ok=True)
    write_json({"origin": origin._asdict(), "sha256": found}, pin)
    logging.info("%s: %d bytes, sha256 %s", where, output.stat().st_size, found)
    return {**origin._asdict(), "resolved": resolved, "sha256": found, "bytes": output.stat().st_size}


def download(url: str, path: Path) -> None:
    """The bytes at an http or https address into `path`. If the connection breaks, the download continues where it
    stopped, if the server can do that, as long as each attempt brings more.

    Raises `InputError` when the server cannot be reached, refuses, or sends less than it announced.
    """
    if not url.startswith(("http://", "https://")):
        raise InputError(url, "not an address", "http://... or https://...")
    tag, reached = None, 0
    path.unlink(missing_ok=True)
    while True:
        headers = {"Range": f"bytes={reached}-", **({"If-Range": tag} if tag else {})} if reached else {}
        total, problem = None, ""
        try:
            with urlopen(Request(url, headers=headers), timeout=TIMEOUT) as response:
                partial = response.status == 206
                tag = response.headers.get("ETag")
                tag = None if tag is None or tag.startswith("W/") else tag
                length = response.headers.get("Content-Length")
                total = None if length is None else int(length) + (reached if partial else 0)
                with path.open("ab" if partial else "wb") as file:
                    shutil.copyfileobj(response, file, BLOCK)
        except HTTPError as error:
            raise InputError(
                url, f"the server says {error.code} {error.reason}", "an address that has the file"
            ) from error
        except (OSError, HTTPException) as error:
            problem = f"cannot be reached ({getattr(error, 'reason', None) or error!r})"
        size = path.stat().st_size if path.exists() else 0
        if not problem and (total is None or size == total):
            return
        if size <= reached or size > (total or size):
            found = problem or f"ended after {size} of {total} bytes"
            raise InputError(url, found, "a network, or the file put where you like and source: path")
        logging.info("the connection broke after %d bytes, going on", size)
        reached = size


def _from_url(origin: Origin, output: Path) -> None:
    download(origin.url or "", output)


def _from_hub(origin: Origin, output: Path) -> str:
    """The commit of the hub's data set that the file was taken from."""
    from huggingface_hub import HfApi, hf_hub_download

    dataset, file = origin.dataset or "", origin.file or ""
    with in_one_line(dataset), scratch_folder(".download-", output.parent) as folder:
        commit = str(HfApi().dataset_info(dataset, revision=origin.revision).sha)
        shutil.move(hf_hub_download(dataset, file, repo_type="dataset", revision=commit, local_dir=folder), output)
    return commit


def _from_package(origin: Origin, output: Path) -> str:
    """Version of the package, or of the census."""
    package, _, name = (origin.dataset or "").partition("/")
    loaders: dict[str, Callable[[str, Path, str | None], str]] = {"pertpy": _pertpy, "cellxgene_census": _census}
    if package not in loaders or not name:
        raise InputError("dataset", repr(origin.dataset), "pertpy/LOADER or cellxgene_census/DATASET_ID")
    try:
        with in_one_line(origin.dataset or ""):
            return loaders[package](name, output, origin.revision)
    except ModuleNotFoundError as error:
        raise InputError("dataset", f"{package} is not installed", f"`pip install {package}`") from error


def _pertpy(name: str, output: Path, revision: str | None) -> str:
    from importlib.metadata import version

    from pertpy import data
    from scanpy import settings

    loader = getattr(data, name, None)
    if not callable(loader):
        raise InputError(f"pertpy/{name}", "pertpy.data has no such loader", "such as pertpy/srivatsan_2020_sciplex3")
    kept = settings.datasetdir
    with scratch_folder(".download-", output.parent) as folder:
        # pertpy keeps what it downloads; not in the folder that the workflow runs in
        settings.datasetdir = folder
        try:
            loader().write_h5ad(output)
        finally:
            settings.datasetdir = kept
    return version("pertpy")


def _census(name: str, output: Path, revision: str | None) -> str:
    import cellxgene_census

    release = revision or "stable"
    cellxgene_census.download_source_h5ad(name, to_path=str(output), census_version=release)
    return release
