"""The section `dr_llm` of the configuration."""

from raw2fig.papers.dr_llm.fit import Training
from raw2fig.papers.dr_llm.labels import Labelling
from raw2fig.papers.dr_llm.search import Search
from raw2fig.settings import Record, Replicates


class Settings(Record):
    """Dr.LLM"""

    replicates: Replicates
    search: Search
    labelling: Labelling
    training: Training
