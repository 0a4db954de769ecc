"""The model class for lm-eval. lm-eval is an extra (`paper`)."""

import sys
from typing import Any

import pytest
from masked_diffusion import decoding

from raw2fig.errors import InputError


@pytest.fixture(scope="module")
def diffusion(words: Any) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from raw2fig.papers.elastic_cache.model import MaskedDiffusion

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words) + 1, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2
    )
    return MaskedDiffusion(LlamaForCausalLM(config).eval(), len(words), words.eos_token_id)


def test_without_lm_eval_the_error_says_how_to_get_it(
    diffusion: Any, words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from raw2fig.papers.elastic_cache.lm_eval import harness_model

    monkeypatch.setitem(sys.modules, "lm_eval.api.model", None)
    with pytest.raises(InputError, match=r"lm-eval: is not installed; expected `pip install"):
        harness_model(diffusion, words, decoding(), 4)


def test_answers_end_before_an_end_of_sequence_and_a_stop_text(diffusion: Any, words: Any) -> None:
    from raw2fig.papers.elastic_cache.lm_eval import text_of

    ids = words("G0 G1 G2")["input_ids"]
    assert text_of(diffusion, words, [*ids, words.eos_token_id, ids[0]], []) == "G0 G1 G2"
    assert text_of(diffusion, words, [*ids, diffusion.mask], ["G2", "G1"]) == "G0 "


def test_requests_are_answered_in_batches_as_alone(diffusion: Any, words: Any) -> None:
    pytest.importorskip("lm_eval", reason="lm-eval is not installed (pip install raw2fig[paper])")
    from lm_eval.api.instance import Instance

    from raw2fig.papers.elastic_cache.decoders import decode
    from raw2fig.papers.elastic_cache.lm_eval import harness_model, text_of

    contexts = ["G0 G1", "G2", "G3 G4 G5"]
    requests = [Instance("generate_until", {}, (text, {"until": ["G7"]}), at) for at, text in enumerate(contexts)]
    model = harness_model(diffusion, words, decoding(), 2)
    expected = [
        text_of(diffusion, words, decode(diffusion, [words(text)["input_ids"]], decoding())[0].response, ["G7"])
        for text in contexts
    ]
    assert model.generate_until(requests, disable_tqdm=True) == expected
    assert len(model.decoded) == 3
    with pytest.raises(InputError, match="log-likelihoods"):
        model.loglikelihood([])
