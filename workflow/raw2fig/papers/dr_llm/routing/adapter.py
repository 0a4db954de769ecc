"""Routers as files: `routers.safetensors` with their weights and `router_config.json` with all that is needed to use
them. The number of windows comes from there alone: with another one the routers would read something else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.routing.pooling import WindowMode
from raw2fig.papers.dr_llm.routing.routers import Routers, by_layer, new_routers, stacked
from raw2fig.settings import Field, Record, read
from raw2fig.tables import read_json, write_json

WEIGHTS, CONFIG = "routers.safetensors", "router_config.json"
SAMPLE = 64
"""Numbers of each tensor that enter a fingerprint."""


class Origin(NamedTuple):
    """What routers were trained on, None where it is not known."""

    label_counts: Sequence[int] | None
    tree_policy: str | None
    early_stop: str | None


class RouterConfig(Record):
    """`router_config.json`."""

    format_version: Literal[1] = Field(description="Version of this format.")
    base_model_name_or_path: str = Field(description="Where the base came from.")
    base_fingerprint: str = Field(description="Digest of the base's configuration and of a part of its weights.")
    num_layers: int = Field(ge=1, description="Layers of the base.")
    hidden_size: int = Field(ge=1, description="Width of the base's hidden states.")
    router_hidden: int = Field(ge=1, description="Width of a router's hidden layer.")
    num_windows: int = Field(ge=1, description="Most windows whose means a router reads.")
    window_mode: WindowMode = Field(description="How a prompt is cut into windows.")
    activation: Literal["gelu_tanh"] = Field(description="Between a router's two layers.")
    control_p: float = Field(ge=-1, le=1, description="The control knob that a loaded model starts with.")
    label_counts: tuple[int, int, int] | None = Field(description="Training labels that say skip, execute, repeat.")
    tree_policy: str | None = Field(description="How the search that found the labels chose what to try.")
    early_stop: str | None = Field(description="When that search stopped.")


def fingerprint(base: PreTrainedModel) -> str:
    """A digest of a model's type and of the names, shapes and first numbers of its tensors.

    The numbers are rounded to bfloat16, so that a model is the same in float32 and in bfloat16. The rest of its
    configuration is left out: its keys change with the version of transformers.
    """
    digest = hashlib.sha256(str(base.config.model_type).encode())
    for name, tensor in sorted(base.state_dict().items()):
        numbers = tensor.flatten()[:SAMPLE].to(torch.bfloat16).cpu()
        digest.update(f"{name} {tuple(tensor.shape)}".encode() + numbers.view(torch.int16).numpy().tobytes())
    return digest.hexdigest()


def save(folder: Path, base: PreTrainedModel, routers: Routers, control: float, origin: Origin) -> None:
    """Write both files into `folder`, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = None if origin.label_counts is None else list(map(int, origin.label_counts))
    values = {
        "format_version": 1,
        "base_model_name_or_path": str(base.config._name_or_path),
        "base_fingerprint": fingerprint(base),
        "num_layers": routers.layers,
        "hidden_size": routers.width,
        "router_hidden": routers.hidden,
        "num_windows": routers.windows,
        "window_mode": routers.mode,
        "activation": "gelu_tanh",
        "control_p": control,
        "label_counts": counts,
        "tree_policy": origin.tree_policy,
        "early_stop": origin.early_stop,
    }
    write_json(read(RouterConfig, values, str(folder / CONFIG)).model_dump(), folder / CONFIG)
    stack = {name: part.detach().float().cpu() for name, part in routers.stack.items()}
    save_file(by_layer(stack), folder / WEIGHTS)


def load(folder: Path, base: PreTrainedModel) -> tuple[Routers, float]:
    """The routers in `folder`, on the device of `base`, and their control knob. Raises `InputError` for files that are
    missing or do not fit together, and for routers of another model than `base`."""
    where = folder / CONFIG
    if not where.is_file():
        raise InputError(folder, f"has no {CONFIG}", "a folder that `save_routers` wrote")
    config = read(RouterConfig, read_json(where), str(where))
    decoder = base.config.get_text_config(decoder=True)
    sizes = {"num_layers": decoder.num_hidden_layers, "hidden_size": decoder.hidden_size}
    for name, size in sizes.items():
        if getattr(config, name) != size:
            raise InputError(where, f"{name} is {getattr(config, name)}", f"{size}, as in this model")
    if config.base_fingerprint != fingerprint(base):
        raise InputError(where, f"these routers belong to {config.base_model_name_or_path}", "the same weights")
    stack = {name: part.to(base.device) for name, part in _stack(folder / WEIGHTS, config).items()}
    return Routers(stack, config.num_windows, config.window_mode), config.control_p


def _stack(path: Path, config: RouterConfig) -> dict[str, torch.Tensor]:
    """The weights of all layers, as many linear maps as the file has."""
    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(path, f"cannot be read ({error})", "a safetensors file") from error
    maps = sum(name.startswith("routers.0.linear") and name.endswith(".weight") for name in stored)
    sizes = (config.num_layers, config.hidden_size, config.router_hidden, max(1, maps))
    expected = by_layer(new_routers(*sizes, torch.Generator()))
    for name in sorted(expected.keys() ^ stored.keys()):
        raise InputError(path, f"{name} is {'missing' if name in expected else 'unknown'}", "the routers of its config")
    for name, part in expected.items():
        if stored[name].shape != part.shape:
            raise InputError(path, f"{name} has the shape {tuple(stored[name].shape)}", f"{tuple(part.shape)}")
    return stacked(stored)
