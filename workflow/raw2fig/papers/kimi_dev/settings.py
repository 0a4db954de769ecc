"""The section `kimi_dev` of the configuration."""

from raw2fig.papers.kimi_dev.matrix import Running
from raw2fig.papers.kimi_dev.miniature import Miniature
from raw2fig.papers.kimi_dev.mining import Mining
from raw2fig.papers.kimi_dev.settings_pretrained import Pretrained
from raw2fig.papers.kimi_dev.task_audit import Auditing
from raw2fig.settings import Record, Replicates


class Own(Record):
    """Your own repository, patches and tests."""

    running: Running
    mining: Mining


class TaskAudit(Record):
    """Whether tasks can be trusted to judge."""

    auditing: Auditing
    running: Running


class Settings(Record):
    """Kimi-Dev: Agentless Training as Skill Prior for SWE-Agents"""

    replicates: Replicates
    own: Own
    task_audit: TaskAudit
    miniature: Miniature
    pretrained: Pretrained
