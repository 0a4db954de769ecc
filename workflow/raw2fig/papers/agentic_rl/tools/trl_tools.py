"""The paper's tool as trl's trainer takes it: a function with a docstring.

trl counts a call as failed only if the tool raises, and shows the model what it raised. An error that is returned as
text counts as a success, so `tools/failure_frequency` stays 0 with a dead sandbox. trl also swallows what stops a run:
whoever trains so calls `Watch.check` after each step.
"""

from collections.abc import Callable

from raw2fig.papers.agentic_rl.tools.outcome import Cut, shown
from raw2fig.papers.agentic_rl.tools.tool import Tool
from raw2fig.papers.agentic_rl.tools.watch import Watch


class FailedCall(Exception):
    """A call that failed. Its text is for the model."""


def trl_interpreter(tool: Tool, watch: Watch, characters: int, cut: Cut) -> Callable[[str], str]:
    """A function that raises where the tool fails. Of a failure of the infrastructure the model is told only that there
    is no result; trl cannot drop a rollout."""

    def code_interpreter(code: str) -> str:
        """Executes Python code and returns its output.

        Args:
            code: The code.
        """
        outcome = watch.call(lambda: tool.run(code=code), code)
        if outcome.status == "infra_error":
            raise FailedCall("no result")
        text = shown(outcome, characters, cut)
        if outcome.status == "model_error":
            raise FailedCall(text)
        return text

    return code_interpreter
