"""The section `brain_rot` of the configuration."""

from raw2fig.papers.brain_rot.measure import Measure
from raw2fig.settings import Record, Replicates


class Settings(Record):
    """Brain rot"""

    replicates: Replicates
    measure: Measure
