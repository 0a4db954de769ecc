"""A model on this machine as a client: seeds, stop texts, counts of tokens, chat templates, no code of the model."""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from toy_language import PROMPTS, toy_network

from raw2fig.errors import InputError
from raw2fig.lm.client import Asked, Generated, Message
from raw2fig.lm.draw import LOOK, load_drawer
from raw2fig.lm.local import encode, local_client

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

pytestmark = pytest.mark.training
LENGTH = 3 * LOOK - 5


@pytest.fixture(scope="module")
def speaker(words: "PreTrainedTokenizerBase", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that ends late and never says what its tokenizer does not write."""
    import torch

    from raw2fig.lm.models import save

    network, folder = toy_network(words), tmp_path_factory.mktemp("speaker") / "model"
    norm, head = network.gpt_neox.final_layer_norm, network.get_output_embeddings().weight
    with torch.no_grad():
        norm.weight[0], norm.bias[0] = 0.0, 1.0  # the first hidden number is always 1: its weights are biases
        head[:, 0] = 0.0
        head[[words.pad_token_id, words.unk_token_id], 0] = -100.0
    save(network, words, folder)
    return folder


def questions(number: int = 12, **changes: object) -> list[Asked]:
    return [
        Asked((Message("user", PROMPTS[seed % 4]),), (1 << 62) + seed, 1.0, LENGTH, ())._replace(**changes)  # type: ignore[arg-type]
        for seed in range(number)
    ]


def replies(folder: Path, asked: Sequence[Asked], batch: int = 64) -> list[Generated]:
    return [reply for reply in local_client(str(folder), None, "sampler", batch)(asked) if isinstance(reply, Generated)]


def test_a_reply_depends_on_its_question_alone(speaker: Path) -> None:
    """Not on what is asked with it, in which order, or how much of it at a time."""
    hot, cold = questions(), questions(6, temperature=0.5, max_new_tokens=9)
    asked = [*hot, *cold, *questions(6, stop=("G3", "G5 ")), *questions(3, temperature=0.0)]
    together = replies(speaker, asked)
    assert len(together) == len(asked)
    for batch in (1, 5):
        assert replies(speaker, asked, batch) == together
    assert replies(speaker, asked[::-1]) == together[::-1]
    assert len({reply.text for reply in together[:12]}) == 12
    assert replies(speaker, []) == []


def test_replies_differ_by_seed_and_are_greedy_at_temperature_0(speaker: Path) -> None:
    same = [question._replace(messages=questions()[0].messages) for question in questions()]
    assert len({reply.text for reply in replies(speaker, same)}) == 12
    assert len({reply.text for reply in replies(speaker, [one._replace(temperature=0.0) for one in same])}) == 1


def test_tokens_are_those_of_the_tokenizer(speaker: Path, words: "PreTrainedTokenizerBase") -> None:
    """The end of sequence, which a text does not show, is a token too."""
    asked = questions(80)
    found = replies(speaker, asked)
    assert {reply.finish_reason for reply in found} == {"stop", "length"}
    for question, reply in zip(asked, found, strict=True):
        assert reply.prompt_tokens == len(words(question.messages[0].content)["input_ids"])
        ended = reply.finish_reason == "stop"
        assert reply.completion_tokens == len(words(reply.text)["input_ids"]) + ended
        assert ended or reply.completion_tokens == LENGTH
        assert reply.usage == {}


@pytest.mark.parametrize("stop", [("G3",), ("G5 ", "G7"), ("3 G",), ("cell G1", "cell G2", "b"), ("nothing",)])
def test_a_stop_text_ends_a_reply(stop: tuple[str, ...], speaker: Path) -> None:
    """Where it begins, after the tokens that it took to complete it."""
    stopped = 0
    for whole, reply in zip(replies(speaker, questions(80)), replies(speaker, questions(80, stop=stop)), strict=True):
        starts = [whole.text.index(one) for one in stop if one in whole.text]
        if not starts:
            assert reply == whole
            continue
        said = whole.text.split(" ")
        number = next(n for n in range(len(said) + 1) if any(one in " ".join(said[:n]) for one in stop))
        assert reply.text == whole.text[: min(starts)]
        assert (reply.completion_tokens, reply.finish_reason) == (number, "stop")
        stopped += 1
    assert (stopped > 5) == (stop != ("nothing",))


def test_what_comes_after_a_stop_text_is_not_drawn(speaker: Path) -> None:
    """Passes through the model: as many as there are tokens in the look that finds the last one's stop text."""
    from torch.nn.modules.module import register_module_forward_pre_hook

    passes = 0

    def count(module: object, _: object) -> None:
        nonlocal passes
        passes += type(module).__name__ == "GPTNeoXForCausalLM"

    asked = questions(4, stop=("G", "cell", "type", "a", "b", "of", "or"))
    with register_module_forward_pre_hook(count):
        found = replies(speaker, asked)
    assert max(reply.completion_tokens for reply in found) <= LOOK
    assert 0 < passes <= LOOK


def test_a_chat_template_is_filled_in_and_without_one_the_texts_are_joined(words: "PreTrainedTokenizerBase") -> None:
    chat = deepcopy(words)
    each = "{% for m in messages %}{{ m.role }} {{ m.content }} <eos> {% endfor %}"
    chat.chat_template = each + "{% if add_generation_prompt %}a{% endif %}"
    one, two = Message("system", "cell: G1"), Message("user", "type a cell:")
    assert encode(words, [two]) == words("type a cell:")["input_ids"]
    assert encode(words, [one, two]) == words("cell: G1\ntype a cell:")["input_ids"]
    assert encode(chat, [two]) == words("user type a cell: <eos> a")["input_ids"]
    assert encode(chat, [one, two]) == words("system cell: G1 <eos> user type a cell: <eos> a")["input_ids"]


def test_messages_that_a_template_refuses_are_refused_in_one_line(base: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(base, tmp_path / "model")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('no system\nrole') }}{% endif %}a"
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": refusing}))
    assert replies(folder, questions(1))
    with pytest.raises(InputError, match=r"model: its chat template refuses messages \(no system role\)") as caught:
        replies(folder, questions(1, messages=(Message("system", "a"), Message("user", "b"))))
    assert "\n" not in str(caught.value)


def test_code_in_a_models_folder_is_not_executed(base: Path, tmp_path: Path) -> None:
    folder, mark = tmp_path / "model", tmp_path / "executed"
    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_text())
    for name in ("AutoConfig", "AutoModelForCausalLM"):
        config.setdefault("auto_map", {})[name] = "evil.Evil"
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\nclass Evil: pass\n")
    assert replies(folder, questions(1))
    assert not mark.exists()


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=str(tmp_path)):
        local_client(str(tmp_path), None, "sampler", 4)


STAND_IN = '''
"""vLLM as far as it is used, for prompts that are token ids."""
from types import SimpleNamespace

loaded, asked = [], []


class SamplingParams:
    def __init__(self, *, temperature=1.0, max_tokens=16, seed=None, stop=None):
        self.settings = (temperature, max_tokens, seed, stop)


class LLM:
    def __init__(self, model, *, dtype="auto", trust_remote_code=False, revision=None):
        loaded.append((model, dtype, trust_remote_code, revision))

    def generate(self, prompts, sampling_params, *, use_tqdm=True):
        assert [set(prompt) for prompt in prompts] == [{"prompt_token_ids"}] * len(prompts)
        for prompt, one in zip(prompts, sampling_params, strict=True):
            asked.append((prompt["prompt_token_ids"], one.settings))
        one = SimpleNamespace(text="G1 G2", token_ids=[1, 2, 3], finish_reason="length")
        return [SimpleNamespace(outputs=[one]) for _ in prompts]
'''


@pytest.fixture
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    (tmp_path / "vllm.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "vllm", raising=False)
    import vllm

    yield vllm
    del sys.modules["vllm"]


def test_vllm_gets_token_ids_seeds_temperatures_and_stop_texts(  # type: ignore[no-untyped-def]
    vllm, base: Path, words: "PreTrainedTokenizerBase"
) -> None:
    asked = [*questions(2), *questions(1, temperature=0.5, max_new_tokens=200, stop=("\n",))]
    found = local_client(str(base), None, "vllm", 8)(asked)
    prompts = [words(question.messages[0].content)["input_ids"] for question in asked]
    assert found == [Generated("G1 G2", len(ids), 3, {}, "length") for ids in prompts]
    assert vllm.loaded == [(str(base), "bfloat16", False, None)]
    drawn = [(1.0, LENGTH, 0, []), (1.0, LENGTH, 1, []), (0.5, 200, 0, ["\n"])]
    assert vllm.asked == list(zip(prompts, drawn, strict=True))


def test_vllm_takes_a_revision(vllm) -> None:  # type: ignore[no-untyped-def]
    load_drawer("some/model", "vllm", "abc")
    assert vllm.loaded == [("some/model", "bfloat16", False, "abc")]


def test_a_small_nucleus_is_greedy(speaker: Path) -> None:
    """Also up to a stop text, which is drawn by other code."""
    for stop in ((), ("G3",)):
        greedy = replies(speaker, questions(6, temperature=0.0, stop=stop))
        assert replies(speaker, questions(6, top_p=1e-6, stop=stop)) == greedy
        assert replies(speaker, questions(6, stop=stop)) != greedy
