"""The generative benchmarks of lm-eval (EleutherAI's harness) on a masked-diffusion model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raw2fig.errors import InputError
from raw2fig.papers.elastic_cache.accounting import cut
from raw2fig.papers.elastic_cache.decoding import Decoding

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from raw2fig.papers.elastic_cache.decoders import Decoded
    from raw2fig.papers.elastic_cache.model import MaskedDiffusion


def harness_model(
    diffusion: MaskedDiffusion,
    tokenizer: PreTrainedTokenizerBase,
    decoding: Decoding,
    batch: int,
    template: bool = False,
    seed: int = 0,
) -> Any:
    """A model for `lm_eval.simple_evaluate(model=...)` that answers with `decoding`, `batch` prompts at a time.

    The length of an answer is that of `decoding`, whatever a task asks for. An answer ends before the first end of
    sequence, and before a stop text of its task. With `template`, a prompt is put into the tokenizer's chat template.
    The attribute `decoded` lists the logs of all answers in the order of the requests. Raises `InputError` where
    lm-eval is not installed.
    """
    try:
        from lm_eval.api.model import LM
    except ImportError as error:
        raise InputError("lm-eval", "is not installed", "`pip install raw2fig[paper]`") from error
    from raw2fig.lm.client import Message
    from raw2fig.lm.local import encode
    from raw2fig.papers.elastic_cache.decoders import decode_all

    class DiffusionLM(LM):
        decoded: list[Decoded]

        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            """The answer to each request (context, {"until": stop texts, ...})."""
            asked = [request.args for request in requests]
            prompts = [encode(tokenizer, [Message("user", context)], template) for context, _ in asked]
            found = decode_all(diffusion, prompts, decoding, batch, seed)
            self.decoded += found
            answers = [
                text_of(diffusion, tokenizer, one.response, _stops(wanted))
                for one, (_, wanted) in zip(found, asked, strict=True)
            ]
            for request, answer in zip(requests, answers, strict=True):
                self.cache_hook.add_partial("generate_until", request.args, answer)
            return answers

        def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
            raise InputError(
                "task", "asks for log-likelihoods", "one that generates: likelihoods of such models are bounds"
            )

        def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
            raise InputError(
                "task", "asks for log-likelihoods", "one that generates: likelihoods of such models are bounds"
            )

    model = DiffusionLM()
    model.decoded = []
    return model


def text_of(
    diffusion: MaskedDiffusion, tokenizer: PreTrainedTokenizerBase, response: list[int], stops: list[str]
) -> str:
    """The text of an answer before its first end of sequence and before the stop texts."""
    end = response.index(diffusion.eos) if diffusion.eos in response else len(response)
    kept = [token for token in response[:end] if token != diffusion.mask]
    return cut(str(tokenizer.decode(kept, skip_special_tokens=True)), stops)


def _stops(wanted: dict[str, Any]) -> list[str]:
    until = wanted.get("until") or []
    return [until] if isinstance(until, str) else list(until)
