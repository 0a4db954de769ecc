"""Counting: by hand, by the published definitions, and by test vectors."""

from typing import Any

import pytest
from masked_diffusion import EOS, MASK, PROMPTS, decoding, tiny

VECTORS = {
    "Qwen": ([(1, 74.1)], 74.1),
    "LLaDA": ([(1, 72.55)], 72.55),
    "Fast-dLLM": ([(1, 74.79), (2.77, 74.68)], 205.78),
    "D2F": ([(1, 74.98), (2.88, 74.39)], 213.76),
    "dParallel": ([(1, 74.0), (5.14, 72.63)], 358.14),
    "d3LLM": ([(1, 74.02), (9.11, 73.09)], 637.65),
}
"""GSM8K-CoT points of the leaderboard's authors, with the best accuracy 74.98 (sheet, computed)."""


@pytest.mark.parametrize(
    ("response", "count", "published"),
    [
        ([4, 5, EOS, EOS, 6, EOS], 2, 3),
        ([4, 5, 6, 7, 8, 9], 6, 6),
        ([4, 5, 6, EOS, MASK, MASK], 3, 5),
    ],
    ids=["early end", "no end", "masks behind it"],
)
def test_check_22_tokens_are_those_before_the_first_end(response: list[int], count: int, published: int) -> None:
    from raw2fig.papers.elastic_cache.accounting import tokens, tokens_as_published

    assert tokens(response, EOS, MASK) == count
    assert tokens_as_published(response, EOS) == published


def test_check_22_the_published_count_cuts_at_stop_texts(words: Any) -> None:
    from raw2fig.papers.elastic_cache.accounting import cut, tokens_as_published

    ids = words("G0 G1 G2 G3 G4")["input_ids"]
    eos = words.eos_token_id
    assert tokens_as_published([*ids, eos, eos], eos, words, []) == 5
    assert tokens_as_published([*ids, eos, ids[0]], eos, words, ["G3"]) == 3
    assert cut("a; b. c", [".", ";", ""]) == "a"
    assert cut("abc", ["d"]) == "abc"


def test_check_14_update_frequency_is_read_from_the_log() -> None:
    from raw2fig.papers.elastic_cache.accounting import later_update_frequency, measures, update_frequency
    from raw2fig.papers.elastic_cache.decoders import decode

    diffusion = tiny()
    for gamma in (-1.0, 0.9, 1.1):
        for one in decode(diffusion, PROMPTS, decoding(gamma=gamma)):
            boundaries = [-1, *[step.boundary for step in one.steps[1:]]]
            assert update_frequency(one.steps, 3) == pytest.approx(sum(3 - at for at in boundaries) / (3 * 16))
            assert later_update_frequency(one.steps, 3) == pytest.approx(
                sum(3 - at for at in boundaries[1:]) / (3 * 15)
            )
            assert measures(diffusion, one)["update_frequency"] == update_frequency(one.steps, 3)
    (step,) = decode(diffusion, PROMPTS[:1], decoding(window=16, epsilon=0.0))[0].steps
    assert update_frequency([step] * 1, 32) == pytest.approx(33 / 32), "32 layers and one step are 1.03"
    assert later_update_frequency([step], 32) == 0


def test_what_an_answer_cost_adds_up() -> None:
    from raw2fig.papers.elastic_cache.accounting import head_flops, layer_flops, measures
    from raw2fig.papers.elastic_cache.decoders import decode

    diffusion = tiny()
    for one in decode(diffusion, PROMPTS, decoding(method="dual", epsilon=0.4)):
        row = measures(diffusion, one)
        total = len(one.prompt) + 16
        assert row["forwards"] == len(one.steps)
        assert row["updates"] == sum(3 * (total if step.boundary == 0 else 4) for step in one.steps)
        rows = sum(step.eligible for step in one.steps)
        assert row["flops"] == row["updates"] * layer_flops(diffusion, total) + rows * head_flops(diffusion)
        assert row["tokens_per_forward"] == row["tokens"] / row["forwards"]


def test_check_25_a_short_answer_shows_where_a_cache_loses() -> None:
    """A block that its first step fills, and the forward that Fast-dLLM's first code then owes: more than without a
    cache."""
    from raw2fig.papers.elastic_cache.accounting import measures
    from raw2fig.papers.elastic_cache.decoders import decode

    diffusion = tiny()
    settings = {"length": 4, "block": 4, "epsilon": 0.0, "extra_forward": True}
    rows = {
        method: measures(diffusion, decode(diffusion, PROMPTS[:1], decoding(method=method, **settings))[0])
        for method in ("uncached", "prefix", "dual")
    }
    assert rows["uncached"]["updates"] / rows["dual"]["updates"] < 1
    assert rows["uncached"]["flops"] / rows["prefix"]["flops"] < 1
    assert rows["uncached"]["tokens_per_forward"] == 2 * rows["dual"]["tokens_per_forward"]
