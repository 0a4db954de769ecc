"""Checkpoints under official names, made here from tiny ones: the same logits, and a refusal of everything else."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from masked_diffusion import EOS, MASK, PROMPTS, VOCABULARY, decoding, plain_logits, tiny

from raw2fig.errors import InputError

if TYPE_CHECKING:
    import torch

    from raw2fig.papers.elastic_cache.model import MaskedDiffusion

LLADA = {
    "model_type": "llada",
    "activation_type": "silu",
    "alibi": False,
    "attention_layer_norm": False,
    "block_type": "llama",
    "d_model": 32,
    "embedding_size": VOCABULARY,
    "eos_token_id": EOS,
    "include_bias": False,
    "include_qkv_bias": False,
    "input_emb_norm": False,
    "layer_norm_type": "rms",
    "mask_token_id": MASK,
    "max_sequence_length": 128,
    "mlp_hidden_size": 48,
    "n_heads": 4,
    "n_kv_heads": 4,
    "n_layers": 3,
    "rms_norm_eps": 1e-6,
    "rope": True,
    "rope_full_precision": True,
    "rope_theta": 10000.0,
    "scale_logits": False,
}
DREAM = {
    "model_type": "Dream",
    "eos_token_id": EOS,
    "hidden_act": "silu",
    "hidden_size": 32,
    "intermediate_size": 48,
    "mask_token_id": MASK,
    "max_position_embeddings": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "vocab_size": VOCABULARY,
}


def official_names(diffusion: "MaskedDiffusion") -> "dict[str, torch.Tensor]":
    """The state dict under LLaDA's names, by the pattern of its modules."""
    found = {}
    for name, tensor in diffusion.network.state_dict().items():
        parts = name.removesuffix(".weight").split(".")
        outside = {"model.embed_tokens": "wte", "model.norm": "ln_f", "lm_head": "ff_out"}
        inside = {
            "input_layernorm": "attn_norm",
            "o_proj": "attn_out",
            "post_attention_layernorm": "ff_norm",
            "gate_proj": "ff_proj",
            "down_proj": "ff_out",
        }
        if (whole := ".".join(parts)) in outside:
            found[f"model.transformer.{outside[whole]}.weight"] = tensor
        else:
            found[f"model.transformer.blocks.{parts[2]}.{inside.get(parts[-1], parts[-1])}.weight"] = tensor
    return found


def write(folder: Path, settings: dict[str, Any], tensors: "dict[str, torch.Tensor]", shards: int = 1) -> Path:
    from safetensors.torch import save_file

    (folder / "config.json").write_text(json.dumps(settings))
    names = sorted(tensors)
    for shard in range(shards):
        part = {name: tensors[name].contiguous() for name in names[shard::shards]}
        save_file(part, folder / f"model-{shard}.safetensors")
    return folder


@pytest.fixture
def llada(tmp_path: Path) -> Path:
    return write(tmp_path, LLADA, official_names(tiny(dtype="float32")), shards=3)


def test_check_02_llada_loads_by_its_names(llada: Path) -> None:
    from raw2fig.papers.elastic_cache.decoders import decode
    from raw2fig.papers.elastic_cache.official import load_official

    loaded, ours = load_official(llada), tiny(dtype="float32")
    assert (loaded.mask, loaded.eos, loaded.shifted) == (MASK, EOS, False)
    assert plain_logits(loaded, PROMPTS[0]).equal(plain_logits(ours, PROMPTS[0]))
    assert decode(loaded, PROMPTS, decoding())[0].response == decode(ours, PROMPTS, decoding())[0].response


def test_check_02_llada_8b_has_291_tensors() -> None:
    from raw2fig.papers.elastic_cache.official import llada_names

    names = llada_names(32)
    assert len(names) == len(set(names.values())) == 291
    assert names["model.transformer.blocks.31.ff_out.weight"] == "model.layers.31.mlp.down_proj.weight"
    assert names["model.transformer.ff_out.weight"] == "lm_head.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("lacks", "lacks 1 tensors, such as model.transformer.blocks.1.q_proj.weight; expected 30 tensors"),
        ("extra", "has 1 unknown tensors, such as model.transformer.blocks.1.q_norm.weight"),
        ("shape", r"model.transformer.ln_f.weight has the shape \(31,\); expected \(32,\)"),
        ("none", "has no"),
    ],
)
def test_check_02_other_tensors_are_refused(tmp_path: Path, change: str, message: str) -> None:
    from raw2fig.papers.elastic_cache.official import load_official

    tensors = official_names(tiny(dtype="float32"))
    if change == "lacks":
        del tensors["model.transformer.blocks.1.q_proj.weight"]
    elif change == "extra":
        tensors["model.transformer.blocks.1.q_norm.weight"] = tensors["model.transformer.ln_f.weight"].clone()
    elif change == "shape":
        tensors["model.transformer.ln_f.weight"] = tensors["model.transformer.ln_f.weight"][:31]
    write(tmp_path, LLADA, tensors, shards=0 if change == "none" else 1)
    with pytest.raises(InputError, match=message):
        load_official(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alibi", True),
        ("include_bias", True),
        ("include_qkv_bias", True),
        ("attention_layer_norm", True),
        ("block_type", "sequential"),
        ("activation_type", "gelu"),
        ("rope_full_precision", False),
        ("weight_tying", True),
        ("model_type", "llama"),
    ],
)
def test_check_02_another_architecture_is_refused(llada: Path, name: str, value: Any) -> None:
    from raw2fig.papers.elastic_cache.official import load_official

    (llada / "config.json").write_text(json.dumps(LLADA | {name: value}))
    with pytest.raises(InputError, match=name):
        load_official(llada)
    if name != "weight_tying":
        (llada / "config.json").write_text(json.dumps({key: kept for key, kept in LLADA.items() if key != name}))
        with pytest.raises(InputError, match=f"lacks {name}"):
            load_official(llada)


def test_dream_loads_as_qwen2_with_shifted_logits(tmp_path: Path) -> None:
    from raw2fig.papers.elastic_cache.decoders import decode
    from raw2fig.papers.elastic_cache.official import load_official

    ours = tiny(family="Qwen2", key_heads=2, dtype="float32")
    loaded = load_official(write(tmp_path, DREAM, dict(ours.network.state_dict())))
    assert loaded.shifted
    assert plain_logits(loaded, PROMPTS[0]).equal(plain_logits(ours, PROMPTS[0]))
    assert decode(loaded, PROMPTS, decoding())[1].response == decode(ours, PROMPTS, decoding())[1].response
    (tmp_path / "config.json").write_text(json.dumps(DREAM | {"use_sliding_window": True}))
    with pytest.raises(InputError, match="use_sliding_window is True; expected False"):
        load_official(tmp_path)


@pytest.mark.parametrize("shifted", [False, True])
def test_our_own_folders_keep_their_dialect(words: Any, tmp_path: Path, shifted: bool) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    from raw2fig.papers.elastic_cache.model import MaskedDiffusion, load, save

    network = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words) + 1, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
        )
    )
    words.save_pretrained(tmp_path / "words")
    from raw2fig.lm.models import load_tokenizer

    tokenizer = load_tokenizer(str(tmp_path / "words"))
    with pytest.raises(InputError, match="tokenizer: has mask and end of sequence None"):
        save(MaskedDiffusion(network, 0, 0), tokenizer, tmp_path / "model")
    tokenizer.add_special_tokens({"mask_token": "<mask>"})
    save(
        MaskedDiffusion(network, tokenizer.mask_token_id, tokenizer.eos_token_id, shifted),
        tokenizer,
        tmp_path / "model",
    )
    loaded, again = load(str(tmp_path / "model"))
    assert (loaded.mask, loaded.eos, loaded.shifted) == (again.mask_token_id, again.eos_token_id, shifted)
    assert again.decode([loaded.mask]) == "<mask>"


def test_a_family_with_other_layers_is_refused() -> None:
    from tiny_decoders import tiny_decoder

    from raw2fig.papers.elastic_cache.model import MaskedDiffusion

    with pytest.raises(InputError, match="is of the family gpt_neox; expected one of llama, qwen2"):
        MaskedDiffusion(tiny_decoder("gpt_neox"), 1, 2)


def test_a_folder_without_a_mask_is_refused(base: Path) -> None:
    from raw2fig.papers.elastic_cache.model import load

    with pytest.raises(InputError, match="the tokenizer has no mask_token"):
        load(str(base))
