"""The engine against decoding as the papers write it down: one sample at a time, without packing."""

from typing import Any

import pytest
from masked_diffusion import PROMPTS, decoding, elastic, plain_window, tiny

MODELS: dict[str, dict[str, Any]] = {
    "llama": {},
    "grouped keys": {"key_heads": 2},
    "shifted": {"family": "Qwen2", "key_heads": 2},
}
CASES: list[dict[str, Any]] = [
    {"gamma": 0.97},
    {"gamma": 0.85, "drift": "heads", "window": 6},
    {"gamma": 0.9, "epsilon": 0.3, "track": 3},
    {"gamma": 0.95, "epsilon": 0.6, "block_caching": False, "eos_stop": True},
    {"gamma": -1.0, "steps": 7, "eos_stop": True},
]


@pytest.mark.parametrize("changes", CASES, ids=str)
@pytest.mark.parametrize("model", MODELS)
def test_elastic_decoding_is_algorithm_1(model: str, changes: dict[str, Any]) -> None:
    from raw2fig.papers.elastic_cache.decoders import decode

    diffusion, settings = tiny(**MODELS[model]), decoding(**changes)
    for decoded in decode(diffusion, PROMPTS, settings):
        expected = elastic(diffusion, decoded.prompt, settings)
        assert decoded.response == expected.response
        assert [step.boundary for step in decoded.steps] == [0, *expected.boundary[1:]]
        assert [step.query for step in decoded.steps] == expected.query
        for step, similar in zip(decoded.steps, expected.similarity, strict=True):
            assert step.similarity == pytest.approx(similar, abs=1e-5)


def test_the_cases_refresh_some_layers_and_not_others() -> None:
    """Else the comparison would show nothing about boundaries."""
    from raw2fig.papers.elastic_cache.decoders import decode

    found = {
        step.boundary
        for changes in CASES
        for decoded in decode(tiny(), PROMPTS, decoding(**changes))
        for step in decoded.steps[1:]
    }
    assert found == {1, 2, 3}


@pytest.mark.parametrize("changes", [{}, {"steps": 8}, {"epsilon": 0.3}, {"epsilon": 0.5, "eos_stop": True}], ids=str)
@pytest.mark.parametrize("method", ["uncached", "window"])
@pytest.mark.parametrize("model", MODELS)
def test_decoding_without_a_cache_is_the_plain_loop(model: str, method: str, changes: dict[str, Any]) -> None:
    from raw2fig.papers.elastic_cache.decoders import decode

    diffusion, settings = tiny(**MODELS[model]), decoding(method=method, **changes)
    for decoded in decode(diffusion, PROMPTS, settings):
        assert (decoded.response, len(decoded.steps)) == plain_window(diffusion, decoded.prompt, settings)
