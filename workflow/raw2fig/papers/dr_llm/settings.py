"""The section `dr_llm` of the configuration."""

from raw2fig.fetch.origin import ModelOrigin
from raw2fig.lm.batches import Optimiser
from raw2fig.papers.dr_llm.answering import Answering
from raw2fig.papers.dr_llm.base import Pretraining
from raw2fig.papers.dr_llm.evaluation import Comparison
from raw2fig.papers.dr_llm.fit import Training
from raw2fig.papers.dr_llm.items import Items
from raw2fig.papers.dr_llm.labels import Labelling
from raw2fig.papers.dr_llm.search import Search
from raw2fig.papers.dr_llm.training import Reading
from raw2fig.settings import Field, Record, Replicates, Seed, UserFile


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


class Pretrained(Record):
    """Routers of pretrained models, as those of your own are made."""

    models: dict[str, ModelOrigin] = Field(description="Name of each model, and where it comes from; {}: none is run.")
    replicates: list[Seed] = Field(description="Replicates of the questions, the search and the routers.")
    countries: UserFile = Field(description="Table of countries: country, capital, continent, population.")
    items: Items


class Settings(Record):
    """Dr.LLM"""

    replicates: Replicates
    own: Routing = Field(description="Routers of your own model, and of pretrained ones.")
    mini: Mini
    pretrained: Pretrained
