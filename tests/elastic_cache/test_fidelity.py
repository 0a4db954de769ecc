"""The audit: exact decoders differ by nothing, stale caches by what Hugging Face's forward says."""

import pytest
from masked_diffusion import MASK, PROMPTS, VOCABULARY, decoding, plain_logits, tiny


@pytest.mark.parametrize(
    "changes", [{"method": "window"}, {"method": "uncached"}, {"method": "interval", "interval": 1}]
)
def test_an_exact_decoder_diverges_by_nothing(changes: dict) -> None:
    from raw2fig.papers.elastic_cache.fidelity import compared

    decoded, found = compared(tiny(), PROMPTS, decoding(**changes))
    assert [one.response for one in decoded] == [
        one.response for one in compared(tiny(), PROMPTS, decoding(method="interval", interval=1))[0]
    ] or changes["method"] == "uncached"
    assert len(found) == sum(len(one.steps) for one in decoded)
    assert max(abs(one.divergence) for one in found) < 1e-9
    assert {one.agreement for one in found} == {1.0}


def test_the_audit_of_a_stale_cache_is_that_of_a_plain_forward() -> None:
    """Divergence and agreement again, from the logits of the decoder and of Hugging Face's forward."""
    import torch

    from raw2fig.papers.elastic_cache.decoders import Moment, decode
    from raw2fig.papers.elastic_cache.fidelity import compared

    diffusion, settings, expected = tiny(), decoding(gamma=-1.0, epsilon=0.5), []

    def check(moment: Moment) -> None:
        parts = moment.logits.split([len(masks) for masks in moment.eligible])
        for one, masks, logits in zip(moment.asked, moment.eligible, parts, strict=True):
            length = moment.cache.lengths[one.sample]
            exact = plain_logits(diffusion, moment.ids[one.sample, :length].tolist())[masks]
            kept = [token for token in range(VOCABULARY) if token != MASK]
            ours, theirs = exact[:, kept].softmax(1), logits[:, kept].softmax(1)
            same = (ours.argmax(1) == theirs.argmax(1)).double().mean()
            expected.append((float((ours * (ours / theirs).log()).sum(1).mean()), float(same)))

    decode(diffusion, PROMPTS, settings, observe=check)
    _, found = compared(diffusion, PROMPTS, settings)
    assert [one.divergence for one in found] == pytest.approx([value for value, _ in expected], abs=1e-6)
    assert [one.agreement for one in found] == [value for _, value in expected]
    assert max(one.divergence for one in found) > 1e-3
    assert torch.is_grad_enabled()
    for sample in range(len(PROMPTS)):
        steps = [one.step for one in found if one.sample == sample]
        assert steps == list(range(len(steps)))


def test_refreshing_more_diverges_less() -> None:
    from raw2fig.papers.elastic_cache.fidelity import compared

    means = []
    for changes in ({"gamma": -1.0}, {"method": "interval", "interval": 2}, {"method": "interval", "interval": 1}):
        _, found = compared(tiny(), PROMPTS, decoding(**changes))
        means.append(sum(one.divergence for one in found) / len(found))
    assert means == sorted(means, reverse=True)
    assert means[2] == pytest.approx(0, abs=1e-9)
