"""A language model on this machine as a player: chat templates, seeds, lengths, and no code from a model's folder."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd
import pytest
from game_tools import call, games_of, make_personas, make_schedule, outputs

from raw2fig.lm.generate import load_drawer
from raw2fig.papers.coordination.backends.model import Generation, encode, load_model
from raw2fig.papers.coordination.engine import Answer, Request, Respond

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

pytestmark = pytest.mark.training
PROMPT = "type a cell:"


def requests(number: int, prompt: str = PROMPT, temperature: float = 1.0) -> list[Request]:
    return [Request("g", agent, 1, prompt, 977 * agent + (1 << 60), temperature) for agent in range(number)]


def generation(engine: Literal["sampler", "vllm"], batch: int) -> Generation:
    return Generation(revision=None, engine=engine, batch=batch)


def replies(respond: Respond, asked: list[Request]) -> list[object]:
    found: dict[int, object] = dict[int, object](respond(asked))
    return [found[position] for position in range(len(asked))]


def test_a_reply_depends_on_prompt_and_seed_alone(base: Path) -> None:
    asked = [*requests(6), *requests(6, "type b cell: G1 G2 G3", 0.5)]
    small, large = (load_model(str(base), generation("sampler", batch), 8) for batch in (2, 64))
    assert replies(small, asked) == replies(large, asked)
    assert replies(large, asked[::-1]) == replies(large, asked)[::-1]
    assert len(set(replies(large, asked[:6]))) == 6
    cold = replies(large, [request._replace(temperature=0.0) for request in asked[:6]])
    assert len(set(cold)) == 1


def test_a_reply_that_is_cut_says_so_and_tokens_are_counted(base: Path) -> None:
    respond = load_model(str(base), generation("sampler", 8), 6)
    found = pd.DataFrame(replies(respond, requests(200)))
    assert set(found["finish_reason"]) == {"stop", "length"}
    assert (found.loc[found["finish_reason"] == "length", "tokens_out"] == 6).all()
    assert (found["tokens_out"] <= 6).all()
    assert set(found["tokens_in"]) == {4}


def test_a_chat_template_wraps_the_prompt_as_the_only_message(words: "PreTrainedTokenizerBase") -> None:
    from copy import deepcopy

    chat = deepcopy(words)
    each = "{% for m in messages %}{{ m.role }} {{ m.content }} <eos> {% endfor %}"
    chat.chat_template = each + "{% if add_generation_prompt %}a{% endif %}"
    assert encode(words, PROMPT) == words(PROMPT)["input_ids"]
    assert encode(chat, PROMPT) == words(f"user {PROMPT} <eos> a")["input_ids"]


def test_games_by_a_model_folder(base: Path, tmp_path: Path) -> None:
    personas = make_personas(tmp_path)
    schedule = make_schedule(tmp_path, personas, 2, ("tom",), agents=3, rounds=3)
    given = ("play", "--schedule", schedule, "--personas", personas, "--backend", "model", "--source", base)
    for name in ("a", "b"):
        assert call(*given, "--max-tokens", 5, "--cache", tmp_path / "cache", *outputs(tmp_path / name)) == 0
    frames = [pd.read_parquet(tmp_path / name / "games.parquet") for name in ("a", "b")]
    pd.testing.assert_frame_equal(*frames)
    assert len(frames[0]) == 2 * 3 * 3
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_model_that_is_made_anew_does_not_get_the_old_ones_replies(base: Path, tmp_path: Path) -> None:
    from raw2fig.lm.models import load, save

    personas = make_personas(tmp_path)
    schedule = make_schedule(tmp_path, personas, 2, agents=3, rounds=3)
    given = (
        "play",
        "--schedule",
        schedule,
        "--personas",
        personas,
        "--backend",
        "model",
        "--source",
        tmp_path / "model",
    )
    model, tokenizer = load(str(base))
    frames = []
    for scale in (1.0, 30.0):
        model.get_output_embeddings().weight.data *= scale
        save(model, tokenizer, tmp_path / "model")
        assert call(*given, "--max-tokens", 5, "--cache", tmp_path / "cache", *outputs(tmp_path)) == 0
        frames.append(pd.read_parquet(tmp_path / "transcripts.parquet"))
    assert frames[0]["reply"].tolist() != frames[1]["reply"].tolist()


def test_code_in_a_models_folder_is_not_executed(base: Path, tmp_path: Path) -> None:
    folder, mark = tmp_path / "model", tmp_path / "executed"
    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_text())
    for name in ("AutoConfig", "AutoModelForCausalLM"):
        config.setdefault("auto_map", {})[name] = "evil.Evil"
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\nclass Evil: pass\n")
    replies(load_model(str(folder), generation("sampler", 8), 2), requests(1))
    assert not mark.exists()


STAND_IN = '''
"""vLLM as far as it is used, for prompts that are token ids."""
from types import SimpleNamespace

loaded, asked = [], []


class SamplingParams:
    def __init__(self, *, temperature=1.0, max_tokens=16, seed=None):
        self.settings = (temperature, max_tokens, seed)


class LLM:
    def __init__(self, model, *, dtype="auto", trust_remote_code=False, revision=None):
        loaded.append((model, dtype, trust_remote_code, revision))

    def generate(self, prompts, sampling_params, *, use_tqdm=True):
        assert [set(prompt) for prompt in prompts] == [{"prompt_token_ids"}] * len(prompts)
        for prompt, one in zip(prompts, sampling_params, strict=True):
            asked.append((prompt["prompt_token_ids"], one.settings))
        one = SimpleNamespace(text="FINAL GUESS: 9", token_ids=[1, 2, 3], finish_reason="length")
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


def test_vllm_gets_token_ids_seeds_and_temperatures(vllm, base: Path, words: "PreTrainedTokenizerBase") -> None:  # type: ignore[no-untyped-def]
    asked = [*requests(2), *requests(1, temperature=0.5)]
    found: list[Answer] = list(load_model(str(base), generation("vllm", 8), 200)(asked))
    assert [position for position, _ in found] == [0, 1, 2]
    assert {tuple(reply) for _, reply in found} == {("FINAL GUESS: 9", "length", 4, 3)}
    assert vllm.loaded == [(str(base), "bfloat16", False, None)]
    ids = words(PROMPT)["input_ids"]
    assert vllm.asked == [(ids, (one.temperature, 200, one.seed % 2**31)) for one in asked]


def test_vllm_takes_a_revision(vllm) -> None:  # type: ignore[no-untyped-def]
    load_drawer("some/model", "vllm", "abc")
    assert vllm.loaded == [("some/model", "bfloat16", False, "abc")]


def test_a_model_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    personas = make_personas(tmp_path)
    schedule = make_schedule(tmp_path, personas)
    given = ("play", "--schedule", schedule, "--personas", personas, "--source", tmp_path / "none", *outputs(tmp_path))
    for backend in ("model", "policy", "replay"):
        assert call(*given, "--backend", backend) == 2
        assert f"raw2fig coordination play: {tmp_path / 'none'}" in capsys.readouterr().err.splitlines()[-1]
    assert games_of("plain", 1)
