"""The section `elastic_cache` of the configuration."""

from typing import Annotated, Any

from pydantic import model_validator

from raw2fig.fetch.origin import ModelOrigin
from raw2fig.lm.batches import Optimiser
from raw2fig.papers.elastic_cache.arms import Change, decodings_of
from raw2fig.papers.elastic_cache.base import Pretraining
from raw2fig.papers.elastic_cache.chain import Chain
from raw2fig.papers.elastic_cache.decoding import Decoding
from raw2fig.papers.elastic_cache.harness import Harness
from raw2fig.papers.elastic_cache.latency import Latency
from raw2fig.papers.elastic_cache.motivation import Motivation
from raw2fig.papers.elastic_cache.prompts import Prompts
from raw2fig.settings import Field, Record, Replicates, impossible, one_of


class Own(Record):
    """Decoding of your own prompts on your own model."""

    decoding: Decoding
    arms: dict[str, Change] = Field(
        min_length=1, description="Ways to decode that are compared, by name: what differs from `decoding`."
    )
    batch: Annotated[int, Field(ge=1)] = Field(description="Prompts that are decoded together.")
    chat: bool = Field(description="Put prompts into the chat template of the model.")
    rounds: Annotated[int, Field(ge=0)] = Field(description="Rounds in which all ways are timed; 0: no times.")
    fidelity: Annotated[int, Field(ge=0)] = Field(
        description="Prompts on which each step is compared with an exact forward pass."
    )


class Base(Record):
    """Training of the miniature's model."""

    pretraining: Pretraining
    optimiser: Optimiser


class Mini(Record):
    """A model that is made here, and how it is decoded."""

    chain: Chain
    base: Base
    prompts: Prompts
    decoding: Decoding
    arms: dict[str, Change] = Field(
        min_length=1,
        description="Ways to decode: what differs from `decoding`. Before the slash of a name stands its figure.",
    )
    batch: Annotated[int, Field(ge=1)] = Field(description="Prompts that are decoded together; changes no answer.")
    fidelity: Annotated[int, Field(ge=0)] = Field(
        description="Problems on which each step is compared with an exact forward pass."
    )
    motivation: Motivation

    @model_validator(mode="after")
    def _possible(self) -> Any:
        for name in self.arms:
            if "/" not in name:
                raise impossible(f"arms.{name}", "has no figure", "a name such as gamma/0.9")
        decodings_of(self.decoding, self.arms)
        if self.decoding.length != self.chain.length:
            raise impossible("decoding.length", f"is {self.decoding.length}", f"{self.chain.length}, of the chain")
        return self


class Released(Record):
    """Released models on benchmarks, by lm-eval."""

    models: dict[str, ModelOrigin] = Field(description="Name of each model, and where it comes from.")
    run: list[str] = Field(description="Models that are run.")
    harness: Harness

    @model_validator(mode="after")
    def _together(self) -> Any:
        for number, one in enumerate(self.run):
            one_of(f"run.{number}", one, list(self.models))
        return self


class Settings(Record):
    """Elastic-Cache"""

    replicates: Replicates
    own: Own
    mini: Mini
    latency: Latency
    released: Released
