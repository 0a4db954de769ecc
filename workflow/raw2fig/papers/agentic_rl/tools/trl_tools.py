"""The paper's tools as trl's trainer takes them: an object for each rollout, whose method is the tool.

trl counts a call as failed only if the tool raises, and shows the model what it raised. An error that is returned as
text counts as a success, so `tools/failure_frequency` stays 0 with a dead sandbox. trl also swallows what stops a run:
whoever trains so calls `Watch.check` after each batch. trl keeps these objects for the rollouts of the next batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from raw2fig.papers.agentic_rl.tools.outcome import Cut, Outcome, shown
from raw2fig.papers.agentic_rl.tools.tool import Tool
from raw2fig.papers.agentic_rl.tools.watch import Watch


class FailedCall(Exception):
    """A call that failed. Its text is for the model."""


class Session:
    """What a rollout's calls have come to: `outcomes`, and whether one of them was `lost` to the infrastructure.
    `plain` makes texts harmless for the chat template."""

    def __init__(self, tool: Tool, watch: Watch, characters: int, cut: Cut, plain: Callable[[str], str]) -> None:
        self._tool, self._watch, self._characters, self._cut, self._plain = tool, watch, characters, cut, plain
        self.outcomes: list[Outcome] = []

    def reset(self, **_: Any) -> None:
        """Begin another rollout."""
        self.outcomes = []

    @property
    def lost(self) -> bool:
        return any(outcome.status == "infra_error" for outcome in self.outcomes)

    def _call(self, argument: str) -> str:
        (parameter,) = self._tool.parameters
        outcome = self._watch.call(lambda: self._tool.run(**{parameter: argument}), argument)
        self.outcomes.append(outcome)
        if outcome.status == "infra_error":
            raise FailedCall("no result")
        text = self._plain(shown(outcome, self._characters, self._cut))
        if outcome.status == "model_error":
            raise FailedCall(text)
        return text


class PythonSession(Session):
    def code_interpreter(self, code: str) -> str:
        """Executes Python code and returns its output.

        Args:
            code: The code.
        """
        return self._call(code)


class CalculatorSession(Session):
    def calculator(self, expression: str) -> str:
        """Computes an expression of integers.

        Args:
            expression: The expression.
        """
        return self._call(expression)
