"""The preflight of the interpreter in the real sandbox."""

import pytest
from agentic_tools import RUNNING

from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl.tools.interpreter import interpreter
from raw2fig.papers.agentic_rl.tools.preflight import check_tool, interpreter_cases
from raw2fig.sandbox.program import usable_way


@pytest.mark.parametrize("official", [False, True])
def test_the_sandbox_of_this_machine_passes(official: bool) -> None:
    try:
        usable_way()
    except InputError as error:
        pytest.skip(str(error))
    running = RUNNING.model_copy(update={"seconds": 6.0, "official": official})
    rows = check_tool(interpreter(running), interpreter_cases(running), 2, 256, "middle")
    assert len(rows) == 2 * len(interpreter_cases(running))
    assert {row["status"] for row in rows} == {"ok", "model_error"}
