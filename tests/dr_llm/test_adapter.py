"""Routers as files: what is written, what comes back, and what is refused."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tiny_decoders import HIDDEN, LAYERS, left_padded, sharp_routers, tiny_decoder

from raw2fig.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PROMPTS = [[5, 6, 7, 8, 9, 10, 11, 12], [3, 4, 5], [9, 8, 7, 6, 5, 4]]


@pytest.fixture
def llama() -> "PreTrainedModel":
    return tiny_decoder("llama")


@pytest.fixture
def folder(tmp_path: Path, llama: "PreTrainedModel") -> Path:
    """An adapter with settings that are nobody's usual ones."""
    from raw2fig.papers.dr_llm.routing import RoutedModel

    with RoutedModel(llama, sharp_routers(windows=5, mode="balanced", seed=1), control=-0.45) as routed:
        routed.save_routers(tmp_path / "made" / "adapter", (7, 90, 3), "widen", "code")
    return tmp_path / "made" / "adapter"


def test_check_15_what_is_saved_comes_back_and_acts_the_same(folder: Path, llama: "PreTrainedModel") -> None:
    import torch

    from raw2fig.papers.dr_llm.routing import RoutedModel

    routers = sharp_routers(windows=5, mode="balanced", seed=1)
    with RoutedModel(llama, routers, control=-0.45) as routed:
        routed(**left_padded(PROMPTS))
        before = routed.actions
    with RoutedModel.from_pretrained(llama, folder) as again:
        again(**left_padded(PROMPTS))
        assert again.actions.tolist() == before.tolist()
        assert again.control == -0.45
        assert again.routers is not None
        assert (again.routers.windows, again.routers.mode) == (5, "balanced")
        for name, part in routers.stack.items():
            assert torch.equal(part, again.routers.stack[name])
    assert len(before.unique(dim=0)) > 1


def test_check_15_routers_stay_with_their_base(folder: Path, llama: "PreTrainedModel") -> None:
    import torch

    from raw2fig.papers.dr_llm.routing import RoutedModel

    with pytest.raises(InputError, match="num_layers is 4; expected 3, as in this model"):
        RoutedModel.from_pretrained(tiny_decoder("llama", num_hidden_layers=3), folder)
    with pytest.raises(InputError, match="hidden_size is 16; expected 32"):
        RoutedModel.from_pretrained(tiny_decoder("llama", hidden_size=32), folder)
    with pytest.raises(InputError, match="expected the same weights"):
        RoutedModel.from_pretrained(tiny_decoder("mistral"), folder)
    with torch.no_grad():
        next(llama.get_decoder().layers[2].parameters()).mul_(1.1)
    with pytest.raises(InputError, match="expected the same weights"):
        RoutedModel.from_pretrained(llama, folder)


def test_check_15_a_base_is_known_again_when_it_is_loaded(
    folder: Path, llama: "PreTrainedModel", tmp_path: Path
) -> None:
    """From a folder, and in the precision of a GPU."""
    import torch
    from transformers import AutoModelForCausalLM

    from raw2fig.papers.dr_llm.routing import RoutedModel

    llama.save_pretrained(tmp_path / "base")
    for dtype in (torch.float32, torch.bfloat16):
        base = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=dtype)
        RoutedModel.from_pretrained(base, folder)(**left_padded(PROMPTS))


def test_the_files_are_as_documented(folder: Path) -> None:
    from safetensors.torch import load_file

    config = json.loads((folder / "router_config.json").read_text())
    assert config.pop("base_fingerprint").isalnum()
    assert config == {
        "format_version": 1,
        "base_model_name_or_path": "",
        "num_layers": LAYERS,
        "hidden_size": HIDDEN,
        "router_hidden": 8,
        "num_windows": 5,
        "window_mode": "balanced",
        "activation": "gelu_tanh",
        "control_p": -0.45,
        "label_counts": [7, 90, 3],
        "tree_policy": "widen",
        "early_stop": "code",
    }
    shapes = {"linear1.weight": (8, HIDDEN), "linear1.bias": (8,), "linear2.weight": (3, 8), "linear2.bias": (3,)}
    stored = load_file(folder / "routers.safetensors")
    assert {name: tuple(tensor.shape) for name, tensor in stored.items()} == {
        f"routers.{layer}.{name}": shape for layer in range(LAYERS) for name, shape in shapes.items()
    }
    routers = sharp_routers(windows=5, mode="balanced", seed=1)
    assert stored["routers.2.linear2.weight"].equal(routers.stack["linear2.weight"][2])


def test_layers_are_stacked_in_the_order_of_their_numbers() -> None:
    import torch

    from raw2fig.papers.dr_llm.routing.routers import by_layer, new_routers, stacked

    stack = new_routers(12, HIDDEN, 8, 2, torch.Generator())
    tensors = by_layer(stack)
    again = stacked({name: tensors[name] for name in sorted(tensors)})
    assert {name: part.tolist() for name, part in again.items()} == {
        name: part.tolist() for name, part in stack.items()
    }


@pytest.mark.parametrize("maps", [1, 2, 4])
def test_routers_have_as_many_linear_maps_as_their_file(llama: "PreTrainedModel", tmp_path: Path, maps: int) -> None:
    import torch

    from raw2fig.papers.dr_llm.routing import RoutedModel
    from raw2fig.papers.dr_llm.routing.routers import Routers, new_routers

    stack = new_routers(LAYERS, HIDDEN, 8, maps, torch.Generator())
    with RoutedModel(llama, Routers(stack, 3, "floor")) as routed:
        routed.save_routers(tmp_path)
    found = RoutedModel.from_pretrained(llama, tmp_path).routers
    assert found is not None
    assert {name: part.tolist() for name, part in found.stack.items()} == {
        name: part.tolist() for name, part in stack.items()
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format_version": 2}, "format_version"),
        ({"window_mode": "ceil"}, "window_mode"),
        ({"num_windows": 0}, "num_windows"),
        ({"control_p": 3.0}, "control_p"),
        ({"num_windws": 4}, "num_windws"),
        ({"router_hidden": 9}, r"routers.0.linear1.weight has the shape \(8, 16\); expected \(9, 16\)"),
    ],
)
def test_a_changed_configuration_is_refused_by_the_name_of_its_key(
    folder: Path, llama: "PreTrainedModel", change: dict[str, Any], words: str
) -> None:
    from raw2fig.papers.dr_llm.routing import RoutedModel

    path = folder / "router_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=words):
        RoutedModel.from_pretrained(llama, folder)


def test_broken_folders_are_refused(folder: Path, llama: "PreTrainedModel", tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from raw2fig.papers.dr_llm.routing import RoutedModel

    with pytest.raises(InputError, match=r"has no router_config\.json"):
        RoutedModel.from_pretrained(llama, tmp_path)
    weights = folder / "routers.safetensors"
    whole = load_file(weights)
    name = f"routers.{LAYERS - 1}.linear2.bias"
    save_file({key: tensor for key, tensor in whole.items() if key != name}, weights)
    with pytest.raises(InputError, match=f"{name} is missing"):
        RoutedModel.from_pretrained(llama, folder)
    save_file({**whole, "routers.9.linear2.bias": whole[name].clone()}, weights)
    with pytest.raises(InputError, match=r"routers\.9\.linear2\.bias is unknown"):
        RoutedModel.from_pretrained(llama, folder)
    weights.write_bytes(b"half")
    with pytest.raises(InputError, match="a safetensors file"):
        RoutedModel.from_pretrained(llama, folder)
