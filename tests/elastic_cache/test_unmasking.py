"""What a step unmasks."""

import pytest


def test_check_04_the_schedule_sums_to_the_masks() -> None:
    from raw2fig.papers.elastic_cache.unmasking import transfer_schedule

    assert transfer_schedule(10, 4) == [3, 3, 2, 2]
    for masked in range(12):
        for steps in range(1, 15):
            found = transfer_schedule(masked, steps)
            assert sum(found) == masked
            assert len(found) == steps
            assert max(found) - min(found) <= 1
            assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("confidence", [[0.2, 0.9, 0.5, 0.91], [0.1], [0.3, 0.2]])
def test_check_05_the_parallel_rule_unmasks_one_at_least(confidence: list[float]) -> None:
    from raw2fig.papers.elastic_cache.unmasking import above

    assert above(confidence, 0.0) == list(range(len(confidence)))
    assert above(confidence, 1.5) == [confidence.index(max(confidence))]
    sure = [place for place, value in enumerate(confidence) if value >= 0.9]
    assert above(confidence, 0.9) == (sure or [confidence.index(max(confidence))])
    assert above(confidence, max(confidence)) == [confidence.index(max(confidence))]


def test_the_most_confident_come_in_order_and_ties_from_the_left() -> None:
    from raw2fig.papers.elastic_cache.unmasking import largest

    assert largest([0.2, 0.9, 0.5, 0.9], 1) == [1]
    assert largest([0.2, 0.9, 0.5, 0.9], 3) == [1, 2, 3]
    assert largest([0.2, 0.9], 5) == [0, 1]


def test_check_18_a_barred_token_is_never_proposed() -> None:
    import torch

    from raw2fig.papers.elastic_cache.unmasking import candidates, without

    logits = torch.tensor([[1.0, 2.0, 9.0], [0.0, -1.0, 9.0]])
    kept = logits.clone()
    chosen, probability = candidates(without(logits, [2]), 0.0, None)
    assert chosen.tolist() == [1, 0]
    assert probability.tolist() == pytest.approx([1 / (1 + torch.e**-1)] * 2)
    assert logits.equal(kept)


def test_gumbel_noise_draws_from_the_softmax_at_its_temperature() -> None:
    """Frequencies of 20,000 draws within 4 standard errors; LLaDA's form of the rule chooses the same tokens."""
    import torch

    from raw2fig.papers.elastic_cache.unmasking import candidates

    logits, draws = torch.tensor([[0.5, 1.5, 0.0, -1.0]]).double(), 20_000
    uniform = torch.rand(draws, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for temperature in (1.0, 0.5):
        chosen, probability = candidates(logits.expand(draws, -1), temperature, uniform)
        assert chosen.equal((logits.exp() / (-uniform.log()) ** temperature).argmax(1))
        expected = (logits[0] / temperature).softmax(0)
        found = chosen.bincount(minlength=4) / draws
        assert ((found - expected).abs() < 4 * (expected * (1 - expected) / draws).sqrt()).all()
        assert probability.equal(logits[0].softmax(0)[chosen]) or torch.allclose(
            probability, logits[0].softmax(0)[chosen]
        )
