"""The section `my_paper` of the configuration, an example to replace."""

from raw2fig.papers.my_paper.data import Crowd
from raw2fig.settings import Record, Replicates


class Settings(Record):
    """My Paper"""

    replicates: Replicates
    crowd: Crowd
