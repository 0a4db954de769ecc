"""The place of a training's checkpoints, chosen so that a killed job resumes and a changed job does not."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def checkpoint_folder(output: Path, recipe: dict[str, Any], data: Iterable[bytes], model: PreTrainedModel) -> Path:
    """Folder `.checkpoints-<name>-<digest>` beside `output`; the digest covers recipe, data and initial weights.

    Folders of the same output with another digest belong to runs that will not be resumed: they are removed.
    """
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode())
    for part in data:
        digest.update(part)
    # a few weights tell two starting points apart; hashing billions of them would take longer than a step
    for name, weight in sorted(model.named_parameters()):
        digest.update(name.encode() + weight.detach().flatten()[:8].float().cpu().numpy().tobytes())
    name = output.name.removeprefix(".partial-")
    folder = output.with_name(f".checkpoints-{name}-{digest.hexdigest()[:12]}")
    for other in _folders(output):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    return folder


def _folders(output: Path) -> list[Path]:
    """Checkpoint folders of `output`, whatever their digest; not those of an output whose name begins alike."""
    form = re.compile(rf"\.checkpoints-{re.escape(output.name.removeprefix('.partial-'))}-[0-9a-f]{{12}}")
    return [path for path in output.parent.glob(".checkpoints-*") if form.fullmatch(path.name)]


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint of `folder`, None without one: the Trainer writes `trainer_state.json` last."""
    whole = [path for path in folder.glob("checkpoint-*") if _is_json(path / "trainer_state.json")]
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def discard(output: Path) -> None:
    """Remove the checkpoints of a run whose output is whole."""
    for folder in _folders(output):
        shutil.rmtree(folder, ignore_errors=True)
