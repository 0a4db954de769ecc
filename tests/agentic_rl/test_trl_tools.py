"""trl's own tool loop: what it counts as a failure, and whether objects that it pools carry state over."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agentic_tools import WATCHING, chat_tokenizer, stub, watch_over

from raw2fig.papers.agentic_rl.tools.calls import written
from raw2fig.papers.agentic_rl.tools.outcome import Outcome, infra_error
from raw2fig.papers.agentic_rl.tools.trl_tools import FailedCall, PythonSession
from raw2fig.papers.agentic_rl.tools.watch import BrokenTools

pytestmark = pytest.mark.training
END = "<|im_end|>"


def trained(folder: Path, call: str, steps: int = 1, **tools: Any) -> list[dict[str, Any]]:
    """The log of a training by trl whose model writes one call, and then an answer, in each rollout."""
    from datasets import Dataset
    from transformers import Qwen2Config, Qwen2ForCausalLM

    trl: Any = importlib.import_module("trl")
    tokenizer: Any = chat_tokenizer()
    config = Qwen2Config(
        **{"vocab_size": len(tokenizer), "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1},
        **{"num_attention_heads": 1, "num_key_value_heads": 1, "max_position_embeddings": 4096},
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )

    class Scripted(trl.GRPOTrainer):  # type: ignore[misc, name-defined]
        def _generate_single_turn(self, prompt_ids: list[list[int]], *_: Any, **__: Any) -> tuple[Any, None]:
            asked = ["<tool_response>" in tokenizer.decode(ids) for ids in prompt_ids]
            return [tokenizer(f"42{END}" if seen else f"{call}{END}")["input_ids"] for seen in asked], None

    settings = trl.GRPOConfig(
        **{"output_dir": str(folder), "max_steps": steps, "per_device_train_batch_size": 2, "num_generations": 2},
        **{"max_completion_length": 1000, "logging_steps": 1, "save_strategy": "no", "report_to": []},
        **{"use_cpu": True, "bf16": False, "disable_tqdm": True},
    )
    trainer = Scripted(
        model=Qwen2ForCausalLM(config),
        args=settings,
        train_dataset=Dataset.from_list([{"prompt": [{"role": "user", "content": "6 * 7?"}]}] * 4),
        processing_class=tokenizer,
        **{"reward_funcs": [lambda completions, **_: [0.0] * len(completions)], **tools},
    )
    trainer.train()
    return [line for line in trainer.state.log_history if "tools/call_frequency" in line]


@pytest.mark.parametrize("raises", [True, False])
def test_check_21_only_a_tool_that_raises_counts_as_failed(raises: bool, tmp_path: Path) -> None:
    failing = stub(lambda code: Outcome("model_error", "ZeroDivisionError: division by zero\n", 0.0, "exception"))
    ours = PythonSession(failing, watch_over(failing), 256, "middle", str).code_interpreter

    def code_interpreter(code: str) -> str:
        """Executes Python code and returns its output.

        Args:
            code: The code.
        """
        return "ZeroDivisionError: division by zero"

    tool: Callable[[str], str] = ours if raises else code_interpreter
    (line,) = trained(tmp_path, written("code_interpreter", {"code": "1 / 0"}), tools=[tool])
    assert line["tools/call_frequency"] == 1
    assert line["tools/failure_frequency"] == (1 if raises else 0)


def test_check_21_rollouts_share_pooled_objects_and_no_state(tmp_path: Path) -> None:
    made, found = [], []

    class Counter:
        def __init__(self) -> None:
            made.append(self)
            self.calls = 0

        def reset(self, **_: Any) -> None:
            self.calls = 0

        def count(self, number: int) -> int:
            """Counts.

            Args:
                number: How many.
            """
            self.calls += number
            return self.calls

    def reward(environments: list[Any], **_: Any) -> list[float]:
        found.extend((id(one), one.calls) for one in environments)
        return [0.0] * len(environments)

    call = written("count", {"number": 1})
    trained(tmp_path, call, 2, environment_factory=Counter, reward_funcs=[reward])
    assert [calls for _, calls in found] == [1, 1, 1, 1]
    assert len(made) == len({place for place, _ in found}) == 2  # for four rollouts


def test_check_20_a_model_in_trls_loop_sees_no_text_of_the_infrastructure() -> None:
    failing = stub(lambda code: infra_error("the secret cause"))
    watch = watch_over(failing, WATCHING.model_copy(update={"retries": 0}))
    session = PythonSession(failing, watch, 256, "middle", str)
    tool = session.code_interpreter
    for _ in range(4):
        with pytest.raises(FailedCall) as error:
            tool("1")
        assert str(error.value) == "no result"
    with pytest.raises(BrokenTools):
        tool("1")
    with pytest.raises(BrokenTools, match="the secret cause"):  # which trl has swallowed
        watch.check()
    assert session.lost
    session.reset()
    assert not session.lost
