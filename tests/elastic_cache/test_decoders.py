"""Decoders: identities between them, what they count, when they stop, and that a batch changes nothing."""

from typing import Any

import pytest
from masked_diffusion import EOS, MASK, PROMPTS, decoding, plain_window, tiny

from raw2fig.errors import InputError

METHODS = ["uncached", "prefix", "dual", "window", "elastic", "interval"]


def run(
    *, model: dict[str, Any] | None = None, prompts: list[list[int]] = PROMPTS, seed: int = 0, **changes: Any
) -> Any:
    from raw2fig.papers.elastic_cache.decoders import decode

    return decode(tiny(**(model or {})), prompts, decoding(**changes), seed)


def responses(**settings: Any) -> list[list[int]]:
    return [one.response for one in run(**settings)]


def updates(**settings: Any) -> int:
    return sum(step.updates for one in run(**settings) for step in one.steps)


def loud(token: int = EOS, **settings: Any) -> Any:
    """A model that often predicts a token: its row of the head is the negative sum of the others' direction."""
    import torch

    diffusion = tiny(**settings)
    with torch.no_grad():
        diffusion.network.lm_head.weight[token] *= 2.5
    return diffusion


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("method", ["prefix", "dual"])
def test_check_06_blocks_of_one_token_are_decoded_without_a_cache(method: str, shifted: bool) -> None:
    model = {"family": "Qwen2"} if shifted else {}
    assert responses(model=model, method=method, block=1) == responses(model=model, method="uncached", block=1)


def test_check_06_dual_computes_less_than_prefix_and_prefix_less_than_all() -> None:
    for changes in ({"block": 1}, {"block": 4}, {"block": 8, "steps": 8}, {"block": 4, "epsilon": 0.3}):
        first, second, third = (run(method=method, **changes) for method in ("dual", "prefix", "uncached"))
        for dual, prefix, full in zip(first, second, third, strict=True):
            cost = [sum(step.updates for step in one.steps) / len(one.steps) for one in (dual, prefix, full)]
            assert cost == sorted(cost)
            assert cost[2] == 3 * (len(full.prompt) + 16)


@pytest.mark.parametrize("method", ["prefix", "dual"])
def test_check_07_the_extra_forward_of_a_filled_block_is_counted(method: str) -> None:
    """One step a block: Fast-dLLM's first code asks its schedule for a second and fails."""
    for block in (1, 4):
        blocks = 16 // block
        plain, extra = (
            run(method=method, block=block, steps=blocks, extra_forward=forward) for forward in (False, True)
        )
        assert [len(one.steps) for one in plain] == [blocks] * len(PROMPTS)
        assert [len(one.steps) for one in extra] == [2 * blocks] * len(PROMPTS)
        assert [one.response for one in plain] == [one.response for one in extra]
        assert all(step.eligible == 0 and not step.decoded for one in extra for step in one.steps[1::2])
    slow = [run(method=method, extra_forward=forward) for forward in (False, True)]
    assert [len(one.steps) for one in slow[0]] == [len(one.steps) for one in slow[1]], "nothing is owed after two steps"


@pytest.mark.parametrize(
    "changes", [{"window": 1}, {"window": 5}, {"window": 16, "epsilon": 0.2}, {"epsilon": 0.5}], ids=str
)
def test_check_08_a_full_pass_in_every_step_is_decoding_without_a_cache(changes: dict[str, Any]) -> None:
    found = run(method="interval", interval=1, **changes)
    assert [one.response for one in found] == responses(method="window", **changes)
    settings = decoding(method="window", **changes)
    assert [(one.response, len(one.steps)) for one in found] == [
        plain_window(tiny(), prompt, settings) for prompt in PROMPTS
    ]


@pytest.mark.parametrize("gamma", [-1.0, 0.5, 0.9, 1.1])
def test_check_09_with_one_layer_nothing_is_stale(gamma: float) -> None:
    for changes in ({}, {"epsilon": 0.3, "window": 6}):
        expected = responses(model={"layers": 1}, method="window", **changes)
        assert responses(model={"layers": 1}, gamma=gamma, **changes) == expected


def test_check_10_below_every_similarity_nothing_is_refreshed() -> None:
    for one in run(gamma=-1.0):
        assert [step.boundary for step in one.steps] == [0] + [3] * 15
        total = len(one.prompt) + 16
        assert sum(step.updates for step in one.steps) == 3 * (total + sum(step.query for step in one.steps[1:]))


def test_check_10_above_every_similarity_all_layers_but_the_first_are() -> None:
    for one in run(gamma=1.1):
        assert [step.boundary for step in one.steps] == [0] + [1] * 15
        total = len(one.prompt) + 16
        assert [step.updates for step in one.steps[1:]] == [2 * total + step.query for step in one.steps[1:]]


@pytest.mark.parametrize(
    "changes", [{}, {"epsilon": 0.3, "eos_stop": True}, {"gamma": 0.97, "drift": "heads", "track": 2}], ids=str
)
@pytest.mark.parametrize("method", METHODS)
def test_check_12_and_24_a_batch_is_its_samples_alone(method: str, changes: dict[str, Any]) -> None:
    together = run(method=method, **changes)
    for one in together:
        (alone,) = run(prompts=[one.prompt], method=method, **changes)
        assert alone.response == one.response
        assert len(alone.steps) == len(one.steps)
        for mine, other in zip(alone.steps, one.steps, strict=True):
            assert mine._replace(similarity=[], confidence=[], batch=0) == other._replace(
                similarity=[], confidence=[], batch=0
            )
            assert mine.similarity == pytest.approx(other.similarity, abs=1e-6)
            assert mine.confidence == pytest.approx(other.confidence, abs=1e-6)


def test_check_12_samples_of_a_batch_have_boundaries_of_their_own() -> None:
    found = run(gamma=0.9)
    assert any(len({one.steps[number].boundary for one in found}) > 1 for number in range(16))


def test_check_24_any_batch_size_gives_the_same_answers() -> None:
    from raw2fig.papers.elastic_cache.decoders import decode_all

    for changes in ({}, {"temperature": 0.7, "remasking": "random"}):
        found = [decode_all(tiny(), PROMPTS, decoding(**changes), batch, seed=3) for batch in (1, 3, 4)]
        assert (
            [one.response for one in found[0]]
            == [one.response for one in found[1]]
            == [one.response for one in found[2]]
        )
        assert {step.batch for one in found[2] for step in one.steps} == {4}
    assert not decode_all(tiny(), [], decoding(), 4)


@pytest.mark.parametrize("method", METHODS)
def test_check_15_nothing_right_of_the_first_end_is_decoded(method: str) -> None:
    from raw2fig.papers.elastic_cache.decoders import decode

    stopped = 0
    for changes in ({}, {"epsilon": 0.3}):
        for one in decode(loud(), PROMPTS, decoding(method=method, eos_stop=True, **changes)):
            end = None
            for step in one.steps:
                assert end is None or all(place < end for place in step.decoded)
                ends = [place for place in step.decoded if one.response[place] == EOS]
                if end is None and ends:
                    end = min(ends)
            masks = [place for place, token in enumerate(one.response) if token == MASK]
            assert not masks or (end is not None and min(masks) > end)
            stopped += len(masks)
        for one in decode(loud(), PROMPTS, decoding(method=method, eos_stop=False, **changes)):
            assert MASK not in one.response
            assert sorted(place for step in one.steps for place in step.decoded) == list(range(16))
    assert stopped, "the model says it often enough"


def test_check_15_only_the_first_end_drops_masks() -> None:
    """As in the authors' code: a later end further left drops nothing."""
    from raw2fig.papers.elastic_cache.policies import advance, new_sample

    sample, settings = new_sample(0, 2, decoding(eos_stop=True)), decoding(eos_stop=True)
    advance(sample, settings, [7, 9], 7)
    assert sample.masked == [2, 3, 4, 5, 6]
    advance(sample, settings, [4], 4)
    assert sample.masked == [2, 3, 5, 6]
    assert sample.fresh == [4]


def test_an_end_of_sequence_can_be_suppressed() -> None:
    from raw2fig.papers.elastic_cache.decoders import decode

    assert any(EOS in one.response for one in decode(loud(), PROMPTS, decoding()))
    assert not any(EOS in one.response for one in decode(loud(), PROMPTS, decoding(suppress_eos=True)))


@pytest.mark.parametrize("method", METHODS)
def test_check_18_a_model_that_predicts_masks_still_ends(method: str) -> None:
    from raw2fig.papers.elastic_cache.decoders import decode

    for changes in ({}, {"epsilon": 0.4}, {"epsilon": 2.0}, {"steps": 4}):
        for one in decode(loud(MASK), PROMPTS, decoding(method=method, **changes)):
            assert MASK not in one.response
            assert len(one.steps) <= 16


@pytest.mark.parametrize("method", METHODS)
def test_check_05_epsilon_decides_how_many_tokens_a_step_unmasks(method: str) -> None:
    for one in run(method=method, epsilon=2.0):
        assert [len(step.decoded) for step in one.steps] == [1] * 16
    for one in run(method=method, epsilon=0.0):
        assert [len(step.decoded) for step in one.steps] == [4] * 4


def test_check_20_the_seed_decides_what_is_drawn() -> None:
    first, again, other = (responses(temperature=1.0, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    first, again, other = (responses(remasking="random", seed=seed) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("interval", [1, 2, 5])
def test_interval_refreshes_every_so_many_steps(interval: int) -> None:
    for one in run(method="interval", interval=interval):
        assert [step.boundary for step in one.steps] == [0 if number % interval == 0 else 3 for number in range(16)]
        assert not any(step.similarity for step in one.steps)


def test_block_caching_leaves_far_masks_out() -> None:
    for near, far in zip(run(gamma=-1.0), run(gamma=-1.0, block_caching=False), strict=True):
        assert all(step.query <= 4 + 1 + 3 for step in near.steps[1:]), (
            "window, last token, a tracked one in each layer"
        )
        left = range(15, 0, -1)
        assert all(step.query > masks for step, masks in zip(far.steps[1:], left, strict=True))
        assert {step.eligible for step in far.steps} == {1, 2, 3, 4}


def test_check_26_the_log_has_what_was_in_force() -> None:
    from raw2fig.papers.elastic_cache.accounting import measures

    diffusion = tiny()
    for window, gamma in ((3, 0.95), (8, 0.8)):
        for one in run(window=window, gamma=gamma):
            row = measures(diffusion, one)
            assert (row["window"], row["batch"], row["length"]) == (window, len(PROMPTS), 16)
            assert row["tested_below"] is None or row["tested_below"] < gamma
            assert row["tested_above"] is None or row["tested_above"] >= gamma
            assert one.decoding.gamma == gamma
    assert measures(diffusion, run(window=40, epsilon=0.0)[0])["window"] == 16, "not what was asked for"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "dual", "block": 5}, "block: is 5; expected a divisor of length, 16"),
        ({"method": "prefix", "steps": 6}, "steps: is 6; expected a multiple of the number of blocks, 4"),
        ({"method": "window", "steps": 3}, "steps: is 3; expected so many that 4 tokens a step fill the answer"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, Any], message: str) -> None:
    from masked_diffusion import SETTINGS

    from raw2fig.papers.elastic_cache.decoding import Decoding
    from raw2fig.settings import read

    with pytest.raises(InputError, match=message):
        read(Decoding, {**SETTINGS, **changes})


def test_shifted_logits_need_a_prompt() -> None:
    with pytest.raises(InputError, match="prompt: is empty"):
        run(model={"family": "Qwen2"}, prompts=[[]])
    assert len(run(prompts=[[]], gamma=0.9)[0].response) == 16
