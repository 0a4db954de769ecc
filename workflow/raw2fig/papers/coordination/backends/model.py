"""A causal language model on this machine as a player, from a folder or the hub, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from raw2fig.lm.generate import Engine
from raw2fig.lm.local import local_client
from raw2fig.papers.coordination.backends.chat import asked_of, reply_of
from raw2fig.papers.coordination.engine import Answer, Request, Respond
from raw2fig.settings import Field, Record


class Generation(Record):
    """How a language model on this machine draws replies."""

    revision: str | None = Field(description="Revision of a model on the hub.")
    engine: Engine = Field(description="What generates: our own sampler, or vLLM.")
    batch: int = Field(ge=1, le=100_000, description="Number of prompts at a time.")
    opening: str = Field(description="Text that each reply begins with, before the model goes on.")


def load_model(source: str, generation: Generation, max_tokens: int) -> Respond:
    """The model as a player. No code that comes with it is executed."""
    client = local_client(source, generation.revision, generation.engine, generation.batch)

    def respond(requests: Sequence[Request]) -> Iterator[Answer]:
        # a batch at a time: whoever stores replies loses no more than one by a kill
        for start in range(0, len(requests), generation.batch):
            asked = [
                asked_of(one, max_tokens, generation.opening) for one in requests[start : start + generation.batch]
            ]
            for position, answer in enumerate(client(asked), start):
                yield position, reply_of(answer, generation.opening)

    return respond
