"""The section `dr_llm` of the configuration."""

from typing import Any

from pydantic import model_validator

from raw2fig.fetch.given import DataFiles, check_given
from raw2fig.fetch.origin import ModelOrigin
from raw2fig.lm.batches import Optimiser
from raw2fig.papers.dr_llm.ablations import Ablations
from raw2fig.papers.dr_llm.answering import Answering
from raw2fig.papers.dr_llm.base import Pretraining
from raw2fig.papers.dr_llm.benchmark_items import Benchmark
from raw2fig.papers.dr_llm.evaluation import Comparison
from raw2fig.papers.dr_llm.fit import Training
from raw2fig.papers.dr_llm.harness import Harness
from raw2fig.papers.dr_llm.items import Items
from raw2fig.papers.dr_llm.labels import Labelling
from raw2fig.papers.dr_llm.search import Search
from raw2fig.papers.dr_llm.throughput import Throughput
from raw2fig.papers.dr_llm.training import Reading
from raw2fig.settings import Field, Record, Replicates, Seed, UserFile, impossible, one_of


class Routing(Record):
    """From questions to routers that are compared."""

    answering: Answering
    search: Search
    labelling: Labelling
    reading: Reading
    training: Training
    comparison: Comparison


class Base(Record):
    """Training of the miniature's model."""

    pretraining: Pretraining
    optimiser: Optimiser


class Mini(Record):
    """Routers of a model that is made here."""

    items: Items
    base: Base
    variants: dict[str, Routing] = Field(min_length=1, description="Ways to find labels and to train routers.")
    ablated: int = Field(ge=0, description="How many replicates, the first ones, have routers of other settings too.")
    ablations: Ablations


class Pretrained(Record):
    """Routers of pretrained models, as those of your own are made."""

    models: dict[str, ModelOrigin] = Field(description="Name of each model, and where it comes from.")
    run: list[str] = Field(description="Models that are run; the claims are about the first.")
    replicates: list[Seed] = Field(description="Replicates of the questions, the search and the routers.")
    countries: UserFile = Field(description="Table of countries: country, capital, continent, population.")
    items: Items
    chat: list[str] = Field(
        description="Models that are asked through their chat template, in the wording for models that follow "
        "instructions."
    )
    arc_easy: DataFiles = Field(description="Training and test questions of ARC-Easy; none: our own questions.")
    arc_challenge: DataFiles = Field(description="Training and test questions of ARC-Challenge.")
    dart: DataFiles = Field(description="Questions of DART.")
    benchmark: Benchmark
    throughput: Throughput
    harness: Harness

    @model_validator(mode="after")
    def _together(self) -> Any:
        for where, names in (("run", self.run), ("chat", self.chat)):
            for number, one in enumerate(names):
                one_of(f"{where}.{number}", one, list(self.models))
        for where, files in (("arc_easy", self.arc_easy), ("arc_challenge", self.arc_challenge), ("dart", self.dart)):
            check_given(files, where)
            if (files.source == "none") != (self.dart.source == "none"):
                raise impossible(f"{where}.source", f"is {files.source!r}", "all three benchmarks, or none of them")
        return self


class Settings(Record):
    """Dr.LLM"""

    replicates: Replicates
    own: Routing = Field(description="Routers of your own model, and of pretrained ones.")
    mini: Mini
    pretrained: Pretrained
