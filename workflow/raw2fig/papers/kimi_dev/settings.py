"""The section `kimi_dev` of the configuration."""

from typing import Any

from pydantic import model_validator

from raw2fig.papers.kimi_dev import plan_pretrained as plan
from raw2fig.papers.kimi_dev.matrix import Running
from raw2fig.papers.kimi_dev.miniature import Miniature
from raw2fig.papers.kimi_dev.mining import Mining
from raw2fig.papers.kimi_dev.settings_agents import Agents
from raw2fig.papers.kimi_dev.settings_pretrained import Pretrained
from raw2fig.papers.kimi_dev.task_audit import Auditing
from raw2fig.settings import Record, Replicates, one_of


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
    agents: Agents

    @model_validator(mode="after")
    def _agents_have_priors_and_issues(self) -> Any:
        real = self.pretrained.model_dump()
        policies = [*real["models"], *real["budgets"], plan.COLD, *plan.reinforced(real)]
        for name, policy in self.agents.priors.items():
            if policy is not None:
                one_of(f"agents.priors.{name}", policy, policies)
        issues = [name for name, one in real["sets"].items() if one is None or one["part"] != "training"]
        for number, name in enumerate(self.agents.sets if any(self.agents.priors.values()) else ()):
            one_of(f"agents.sets.{number}", name, issues)
        return self
