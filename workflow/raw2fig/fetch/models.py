"""Models as folders, copied from this machine or from the hub."""

import logging
import shutil
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from raw2fig.errors import InputError
from raw2fig.fetch.clients import in_one_line
from raw2fig.step import Output, step
from raw2fig.tables import write_json

MODEL_FILES = ("*.safetensors", "*.json", "*.txt", "tokenizer.model")
"""What a model folder needs; weights as pickles and Python files are left where they are."""


@step
def model(*, source: str, model: Output, revision: str | None = None) -> None:
    """Copy a model from a folder or the hub, and note the commit that its revision was resolved to.

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


def _model_files(source: str, names: Sequence[str]) -> list[str]:
    """Of the files `names` those that make a model. Raises `InputError` without weights as safetensors."""
    kept = [name for name in names if "/" not in name and any(fnmatch(name, pattern) for pattern in MODEL_FILES)]
    if not any(name.endswith(".safetensors") for name in kept):
        pickles = [name for name in names if name.endswith((".bin", ".pt", ".pth", ".ckpt"))]
        found = f"only {pickles[0]}, a pickle, which can hold code" if pickles else "no weights"
        raise InputError(source, found, "weights as safetensors (on the hub perhaps in another revision)")
    return kept
