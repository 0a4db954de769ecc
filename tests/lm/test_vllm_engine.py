"""The vLLM engine against a stand-in module that takes vLLM's arguments and keeps what it was asked."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from raw2fig.errors import InputError
from raw2fig.lm.generate import load_completer

STAND_IN = '''
"""LLM and SamplingParams with the arguments of vLLM 0.22 to 0.31 that are used, all others being an error."""
from types import SimpleNamespace

loaded, asked = [], []


class SamplingParams:
    def __init__(self, *, temperature=1.0, max_tokens=16, seed=None, top_p=1.0, top_k=0, n=1):
        self.settings = (temperature, max_tokens, seed, top_p, top_k, n)


class LLM:
    alive = 0

    def __init__(self, model, *, dtype="auto", trust_remote_code=False, seed=0):
        LLM.alive += 1
        assert LLM.alive == 1, "a second engine on one GPU"
        loaded.append((model, dtype, trust_remote_code))

    def __del__(self):
        LLM.alive -= 1

    def generate(self, prompts, sampling_params, *, use_tqdm=True):
        assert isinstance(prompts, list) and len(prompts) == len(sampling_params)
        asked.append((prompts, [one.settings for one in sampling_params]))
        return [SimpleNamespace(outputs=[SimpleNamespace(text=f" {text}!")]) for text in prompts]
'''


@pytest.fixture
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    (tmp_path / "vllm.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "vllm", raising=False)
    import vllm

    yield vllm
    del sys.modules["vllm"]


def test_each_prompt_is_sampled_with_its_own_seed(vllm) -> None:  # type: ignore[no-untyped-def]
    texts = load_completer("folder", "vllm", ["G1"])(("one", "two"), 40, [5, 6])
    assert texts == [" one!", " two!"]
    assert vllm.loaded == [("folder", "bfloat16", False)]
    # temperature 1 over the whole vocabulary, as our sampler
    assert vllm.asked == [(["one", "two"], [(1.0, 40, 5, 1.0, 0, 1), (1.0, 40, 6, 1.0, 0, 1)])]


def test_temperature_and_top_p_are_passed_on(vllm) -> None:  # type: ignore[no-untyped-def]
    load_completer("folder", "vllm", (), 0.6, 0.95)(["one"], 7, [3])
    assert vllm.asked == [(["one"], [(0.6, 7, 3, 0.95, 0, 1)])]
    with pytest.raises(InputError, match="top_p"):
        load_completer("folder", "sampler", (), 0.6, 0.95)


def test_without_seeds_it_is_greedy(vllm) -> None:  # type: ignore[no-untyped-def]
    load_completer("folder", "vllm")(["one"], 7, None)
    assert vllm.asked == [(["one"], [(0.0, 7, None, 1.0, 0, 1)])]


def test_the_steps_hold_one_engine_at_a_time(vllm, base: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A GPU holds one model: the stand-in refuses a second one while the first lives."""
    import pandas as pd

    from raw2fig.papers.c2s.generate import Generation, answer
    from raw2fig.tables import write_table

    frame = pd.DataFrame({"task": ["niche"] * 2, "prompt": ["cell:", "type a cell:"], "response": ["G1.", "G1 G2."]})
    write_table(frame.assign(split="test"), tmp_path / "corpus.parquet")
    answer(
        models=[base, base],
        corpora=[tmp_path / "corpus.parquet"],
        answers=tmp_path / "answers.parquet",
        tasks=["niche"],
        generation=Generation(engine="vllm"),
        replicate=0,
    )
    assert [model for model, _, _ in vllm.loaded] == [str(base)] * 2
    # the longest answer has three tokens and an end
    assert {settings[1] for _, several in vllm.asked for settings in several} == {4}
    assert pd.read_parquet(tmp_path / "answers.parquet")["predicted"].tolist() == [" cell:!", " type a cell:!"] * 2
