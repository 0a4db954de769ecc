"""`raw2fig dr-llm throughput`: speed of routed generation beside that of the plain model, by batch size (Table 7)."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

from raw2fig.clock import timed
from raw2fig.papers.dr_llm.answering import Answering, ask, left_padded
from raw2fig.papers.dr_llm.items import TEST, read_items
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

PLAIN, ROUTED = "plain", "routed"


class Throughput(Record):
    """What is timed."""

    batches: list[Annotated[int, Field(ge=1)]] = Field(min_length=1, description="Batch sizes.")
    tokens: int = Field(ge=1, description="Tokens that are generated for each prompt; 1,000 in the paper.")
    rounds: int = Field(ge=1, description="How often each way is timed, in turn.")


@step
def throughput(
    *,
    model: Input,
    adapter: Input,
    items: Input,
    runs: Input,
    table: Output,
    answering: Annotated[Answering, At("own.answering")],
    throughput: Annotated[Throughput, At("pretrained.throughput")],
    seed: Seed = 0,
) -> None:
    """Time generation by the plain model and by the routed one, for batches of test prompts.

    Both write as many tokens, whatever they say. A round times both in turn; on a processor the seconds are those of
    its cores, so that other programs count less.

    Parameters
    ----------
    model
        Model folder.
    adapter
        Folder of the routers.
    items
        Questions, as for `raw2fig dr-llm evaluate`. The part test is taken.
    runs
        What `raw2fig dr-llm evaluate` found, which has the chosen knob.
    table
        A row for each batch size: tokens per second of both, the median of their ratio over rounds with its lowest and
        highest, layers per token, and the share of decisions that the rows of the batch agree on.
    """
    import numpy as np
    import pandas as pd

    from raw2fig.lm.models import load
    from raw2fig.papers.dr_llm.accounting import agreement
    from raw2fig.papers.dr_llm.routing import RoutedModel
    from raw2fig.papers.dr_llm.runs import chosen_knob

    network, tokenizer = load(str(model))
    network.eval()
    asked = ask(tokenizer, read_items(items, TEST), answering)
    order = np.random.default_rng([seed, 6]).permutation(len(asked.prompts))
    rows = []
    for batch in throughput.batches:
        prompts = [asked.prompts[place] for place in np.resize(order, batch)]
        ids, mask = left_padded(prompts, int(tokenizer.pad_token_id), network)
        seconds: dict[str, list[float]] = {PLAIN: [], ROUTED: []}
        for number in range(throughput.rounds + 1):
            plain = generation_seconds(network, ids, mask, throughput.tokens)
            with RoutedModel.from_pretrained(network, adapter) as routed:
                routed.control = chosen_knob(runs)
                own = generation_seconds(network, ids, mask, throughput.tokens)
                routes = routed.actions.cpu().numpy()
            if number:  # the first round warms up
                seconds[PLAIN].append(plain)
                seconds[ROUTED].append(own)
        ratios = [plain / own for plain, own in zip(seconds[PLAIN], seconds[ROUTED], strict=True)]
        written = batch * throughput.tokens
        rows.append(
            {
                "batch": batch,
                "tokens": throughput.tokens,
                "plain": written / median(seconds[PLAIN]),
                "routed": written / median(seconds[ROUTED]),
                "ratio": median(ratios),
                "lowest": min(ratios),
                "highest": max(ratios),
                "layers": float(routes.sum(1).mean()),
                "of": routes.shape[1],
                "agreement": agreement(routes) if batch > 1 else 1.0,
            }
        )
    write_table(pd.DataFrame(rows), table)


def generation_seconds(network: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor | None, tokens: int) -> float:
    """Seconds in which `tokens` tokens are written for each row."""
    import torch

    settings: dict[str, Any] = {"min_new_tokens": tokens, "max_new_tokens": tokens, "do_sample": False}
    model: Any = network
    there = torch.ones_like(ids) if mask is None else mask
    return timed(lambda: model.generate(input_ids=ids, attention_mask=there, pad_token_id=0, **settings), ids.device)[1]
