"""Building, saving and loading models; what cannot be loaded is refused in one line, and no code of a model runs."""

import builtins
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from toy_language import PROMPTS, toy_network

from raw2fig.errors import InputError
from raw2fig.lm.models import Size, build_gpt_neox, load, load_tokenizer, parse_size, save

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def test_a_shape_is_read() -> None:
    assert parse_size("64/3/4") == Size(hidden=64, layers=3, heads=4)
    assert parse_size("16/1/2") == Size(16, 1, 2)


@pytest.mark.parametrize(
    "text",
    ["", "64", "64/3", "64/3/4/1", "64/3/0", "0/3/4", "64/-3/4", "64/3/4.0", "a/b/c", "64/3/5", "6/1/2", "64/3/²"],
)
def test_another_shape_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="64/3/4"):
        parse_size(text)


@pytest.mark.parametrize("size", [Size(16, 1, 2), Size(24, 3, 4)])
def test_parameters_are_those_of_gpt_neox(words: "PreTrainedTokenizerBase", size: Size) -> None:
    """Per layer 12 h^2 + 13 h (query, key, value, output, two feed-forward maps with biases, two norms); one norm at
    the end; embeddings of input and output are not shared."""
    network = build_gpt_neox(size, words, 64, 0)
    h = size.hidden
    assert network.num_parameters() == 2 * len(words) * h + size.layers * (12 * h**2 + 13 * h) + 2 * h


def test_the_seed_alone_decides_the_weights(words: "PreTrainedTokenizerBase") -> None:
    import torch

    first = toy_network(words).state_dict()
    torch.rand(3)
    again, other = toy_network(words).state_dict(), toy_network(words, seed=1).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first if name.endswith("query_key_value.weight"))


def test_a_saved_model_is_loaded_as_it_was(words: "PreTrainedTokenizerBase", tmp_path: Path) -> None:
    import torch

    for dtype in (torch.float32, torch.bfloat16):
        folder = tmp_path / str(dtype)
        network = toy_network(words).to(dtype)
        save(network, words, folder)
        loaded, tokenizer = load(str(folder))
        assert loaded.dtype == dtype
        assert load(str(folder), train=True)[0].dtype == torch.float32
        assert all(torch.equal(weight, loaded.state_dict()[name]) for name, weight in network.state_dict().items())
        assert tokenizer(PROMPTS)["input_ids"] == words(PROMPTS)["input_ids"]
        assert tokenizer.pad_token_id == words.pad_token_id


def test_without_a_padding_token_end_of_sequence_pads(base: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(base, tmp_path / "model")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    del settings["pad_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer = load_tokenizer(str(folder))
    assert tokenizer.pad_token_id == tokenizer.eos_token_id


def pickled(folder: Path) -> None:
    """Weights in a form whose reading can run code."""
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def cut(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:100])


def edited(name: str, **changes: object) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        values = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**values, **changes}))

    return edit


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(shutil.rmtree, id="no folder"),
        pytest.param(lambda folder: [path.unlink() for path in folder.iterdir()], id="empty folder"),
        pytest.param(lambda folder: (folder / "model.safetensors").unlink(), id="no weights"),
        pytest.param(cut("model.safetensors"), id="weights cut off"),
        pytest.param(pickled, id="weights pickled"),
        pytest.param(lambda folder: (folder / "config.json").unlink(), id="no config"),
        pytest.param(cut("config.json"), id="config cut off"),
        pytest.param(edited("config.json", model_type="nonesuch"), id="unknown kind of model"),
        pytest.param(edited("config.json", hidden_size=32), id="weights of another shape"),
        pytest.param(edited("config.json", num_hidden_layers=2), id="weights that lack a layer"),
        pytest.param(lambda folder: (folder / "tokenizer.json").unlink(), id="no tokenizer"),
        pytest.param(cut("tokenizer.json"), id="tokenizer cut off"),
    ],
)
def test_what_is_no_whole_model_is_refused_in_one_line(
    base: Path, tmp_path: Path, damage: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = shutil.copytree(base, tmp_path / "model")
    damage(folder)
    with pytest.raises(InputError) as caught:
        load(str(folder))
    assert str(folder) in str(caught.value)
    assert "expected" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("needed", ["", "model", "tokenizer"])
def test_code_that_comes_with_a_model_is_never_run(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needed: str
) -> None:
    """Not even when whoever sits at the terminal answers yes; what works without its code is loaded."""
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(builtins, "input", lambda *_: "y")
    folder, marker = shutil.copytree(base, tmp_path / "model"), tmp_path / "ran"
    (folder / "own.py").write_text(f"""
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast
open({str(marker)!r}, "w").close()
class OwnConfig(GPTNeoXConfig):
    model_type = "own"
class Own(GPTNeoXForCausalLM):
    config_class = OwnConfig
class OwnTokenizer(PreTrainedTokenizerFast):
    pass
""")
    if needed != "tokenizer":
        classes = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.Own"}
        edited("config.json", auto_map=classes, **({"model_type": "own"} if needed else {}))(folder)
    if needed != "model":
        own = {"auto_map": {"AutoTokenizer": [None, "own.OwnTokenizer"]}}
        edited("tokenizer_config.json", **own, **({"tokenizer_class": "OwnTokenizer"} if needed else {}))(folder)
    if needed == "model":
        with pytest.raises(InputError, match="cannot load"):
            load(str(folder))
    else:
        network, words = load(str(folder))
        assert type(network).__module__.startswith("transformers.")
        assert type(words).__module__.startswith("transformers.")
    assert not marker.exists()
