"""The section `kimi_dev` of the configuration."""

from raw2fig.settings import Record, Replicates


class Settings(Record):
    """Kimi-Dev: Agentless Training as Skill Prior for SWE-Agents"""

    replicates: Replicates
