"""What vLLM draws after prompts of token ids, with a stand-in for it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from raw2fig.lm.turns import Turn, vllm_continuing

STAND_IN = '''
"""vLLM as far as it is used, for turns."""
from types import SimpleNamespace

loaded, asked = [], []


class SamplingParams:
    def __init__(self, *, temperature=1.0, top_p=1.0, max_tokens=16, seed=None, logprobs=None):
        self.settings = (temperature, top_p, max_tokens, seed, logprobs)


class LLM:
    def __init__(self, model, *, dtype="auto", trust_remote_code=False, logprobs_mode="raw_logprobs"):
        loaded.append((model, logprobs_mode))

    def generate(self, prompts, sampling_params, *, use_tqdm=True):
        for prompt, one in zip(prompts, sampling_params, strict=True):
            asked.append((prompt["prompt_token_ids"], one.settings))
        told = [{5: -0.5, 7: -0.1}, {2: -0.25}]
        logprobs = [{token: SimpleNamespace(logprob=value) for token, value in one.items()} for one in told]
        one = SimpleNamespace(token_ids=(5, 2), logprobs=logprobs)
        return [SimpleNamespace(outputs=[one]) for _ in prompts]
'''


@pytest.fixture
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "vllm.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "vllm", raising=False)
    import vllm

    yield vllm
    del sys.modules["vllm"]


def test_every_turn_has_its_own_room_and_seed(vllm: Any) -> None:
    go_on = vllm_continuing("a/model", 1.0, 0.6)
    assert go_on([[1, 2], [3]], [10, 20], [7, 8]) == [Turn([5, 2], [-0.5, -0.25])] * 2
    # not the raw ones: the nucleus cuts the distribution
    assert vllm.loaded == [("a/model", "processed_logprobs")]
    assert vllm.asked == [([1, 2], (1.0, 0.6, 10, 7, 0)), ([3], (1.0, 0.6, 20, 8, 0))]
