"""What routers are trained on: the pooled states of each prompt under its own labels (paper, section 3.5).

The base and the labelled route are fixed, so a router sees the same states in every epoch. They are computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from raw2fig.errors import InputError

if TYPE_CHECKING:
    from raw2fig.papers.dr_llm.routing import RoutedModel
    from raw2fig.papers.dr_llm.routing.pooling import Pooled, WindowMode


def teacher_forced(
    routed: RoutedModel,
    prompts: Sequence[Sequence[int]],
    labels: Any,
    windows: int,
    mode: WindowMode,
    batch: int,
) -> Pooled:
    """Features of `prompts` (token ids) while each takes the route of its `labels` (prompts, layers), 0, 1 or 2: means
    (prompts, layers, windows, width) in the precision of the model, on the CPU.

    The features of a layer are what goes into it, after the labelled actions of the layers before. Prompts of similar
    length share a batch. Raises `InputError` for labels of another shape and for prompts without tokens.
    """
    import torch

    from raw2fig.papers.dr_llm.routing.pooling import Pooled, pool
    from raw2fig.papers.dr_llm.routing.route import as_actions

    actions = as_actions(labels, routed.layers)
    if len(actions) != len(prompts):
        raise InputError("labels", f"are for {len(actions)} prompts", str(len(prompts)))
    decoder: Any = routed.base.get_decoder()
    width = decoder.config.hidden_size
    means = torch.zeros(len(prompts), routed.layers, windows, width, dtype=decoder.dtype)
    used = torch.zeros(len(prompts), dtype=torch.long)
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        longest = len(prompts[rows[-1]])
        ids = torch.tensor([[*prompts[row], *[0] * (longest - len(prompts[row]))] for row in rows])
        mask = torch.arange(longest) < torch.tensor([len(prompts[row]) for row in rows])[:, None]
        ids, mask = ids.to(decoder.device), mask.to(decoder.device)
        with torch.no_grad(), routed.fixed_route(actions[rows]):
            # a layer's input is the output of the one before; the last output, after the final norm, is nobody's
            states = decoder(ids, attention_mask=mask, use_cache=False, output_hidden_states=True).hidden_states[:-1]
        for layer, state in enumerate(states):
            pooled = pool(state, mask.to(state.device), windows, mode)
            means[rows, layer] = pooled.means.to("cpu", means.dtype)
            used[rows] = pooled.windows.cpu()
    return Pooled(means, used)
