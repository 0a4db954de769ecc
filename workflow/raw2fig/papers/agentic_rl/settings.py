"""The section `agentic_rl` of the configuration."""

from raw2fig.papers.agentic_rl.clip_study import ClipStudy
from raw2fig.settings import Record, Replicates


class Settings(Record):
    """Demystifying Reinforcement Learning in Agentic Reasoning"""

    replicates: Replicates
    clip_study: ClipStudy
