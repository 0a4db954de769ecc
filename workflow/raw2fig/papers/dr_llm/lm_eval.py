"""The benchmarks of lm-eval (EleutherAI's harness) on a routed model.

lm-eval scores a continuation by reading it together with its context. The route must not depend on it: routers read the
context alone, so that all continuations of a question take one route, as an answer that is generated would. This is a
deliberate deviation from the paper's code, which routes on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from raw2fig.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from raw2fig.papers.dr_llm.routing import RoutedModel

Request = tuple[Any, list[int], list[int]]
"""What a score is kept under, and the tokens of context and continuation."""


def harness_model(routed: RoutedModel, tokenizer: PreTrainedTokenizerBase, batch_size: int, **settings: Any) -> Any:
    """`routed` as a model of lm-eval, for `lm_eval.simple_evaluate(model=...)`; `settings` are those of its `HFLM`.

    Its attribute `executed` lists how many layers each prompt applied to a token, in the order in which prompts were
    read. Raises `InputError` where lm-eval is not installed.
    """
    try:
        from lm_eval.models.huggingface import HFLM
    except ImportError as error:
        raise InputError("lm-eval", "is not installed", "`pip install raw2fig[paper]`") from error
    import torch

    class RoutedHFLM(HFLM):
        executed: list[int]

        def _loglikelihood_tokens(
            self, requests: Sequence[Request], disable_tqdm: bool = False, override_bs: int | None = None
        ) -> list[tuple[float, bool]]:
            """Log-likelihood of each continuation, and whether it is the greedy one."""
            read: dict[tuple[tuple[int, ...], int], list[int]] = {}
            for number, (_, context, continuation) in enumerate(requests):
                tokens = (context + continuation)[-self.max_length - 1 :]
                key = (tuple(tokens[:-1]), len(tokens) - len(continuation))
                read.setdefault(key, []).append(number)
            rows = sorted(read, key=lambda row: len(row[0]), reverse=True)
            found: dict[int, tuple[float, bool]] = {}
            size = override_bs or batch_size
            for start in range(0, len(rows), size):
                part = rows[start : start + size]
                width = len(part[0][0])
                ids = torch.tensor([[*tokens, *[0] * (width - len(tokens))] for tokens, _ in part], device=self.device)
                with routed.prompt_lengths([length for _, length in part]):
                    scores = self._model_call(ids).log_softmax(-1, dtype=self.softmax_dtype)
                self.executed += routed.actions.sum(1).tolist()
                for key, row in zip(part, scores, strict=True):
                    for number in read[key]:
                        name, _, continuation = requests[number]
                        wanted = torch.tensor(continuation, device=row.device)
                        said = row[len(key[0]) - len(continuation) : len(key[0])]
                        greedy = bool((said.argmax(-1) == wanted).all())
                        found[number] = float(said.gather(1, wanted[:, None]).sum()), greedy
                        if name is not None:  # parts of a longer text have none
                            self.cache_hook.add_partial("loglikelihood", name, found[number])
            return [found[number] for number in range(len(requests))]

        def _model_generate(self, *args: Any, **kwargs: Any) -> Any:
            generated = super()._model_generate(*args, **kwargs)
            self.executed += routed.actions.sum(1).tolist()
            return generated

    model = RoutedHFLM(pretrained=routed.base, tokenizer=tokenizer, batch_size=batch_size, **settings)
    model.executed = []
    return model
