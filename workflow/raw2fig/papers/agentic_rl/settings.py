"""The section `agentic_rl` of the configuration."""

from raw2fig.papers.agentic_rl.chains import Chains
from raw2fig.papers.agentic_rl.clip_study import ClipStudy
from raw2fig.papers.agentic_rl.demonstrations import Demonstrations
from raw2fig.papers.agentic_rl.experts import Expert
from raw2fig.papers.agentic_rl.problems import Sizes
from raw2fig.settings import Record, Replicates


class Settings(Record):
    """Demystifying Reinforcement Learning in Agentic Reasoning"""

    replicates: Replicates
    chains: Chains
    problems: Sizes
    expert: Expert
    demonstrations: Demonstrations
    clip_study: ClipStudy
