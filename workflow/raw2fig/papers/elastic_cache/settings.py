"""The section `elastic_cache` of the configuration."""

from raw2fig.settings import Record, Replicates


class Settings(Record):
    """Elastic-Cache"""

    replicates: Replicates
