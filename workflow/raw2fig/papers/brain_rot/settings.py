"""The section `brain_rot` of the configuration."""

from raw2fig.settings import Record, Replicates


class Settings(Record):
    """Brain rot"""

    replicates: Replicates
