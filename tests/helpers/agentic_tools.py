"""What tests of the tools of `agentic_rl` share: settings, stubs of services, and a tokenizer with Qwen's template."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.papers.agentic_rl.tool_loop import Loop
from raw2fig.papers.agentic_rl.tools.interpreter import Running, interpreter_over
from raw2fig.papers.agentic_rl.tools.outcome import Outcome
from raw2fig.papers.agentic_rl.tools.tool import Tool
from raw2fig.papers.agentic_rl.tools.watch import Canary, Watch, Watching

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

RUNNING = Running(seconds=60.0, memory_mb=512, official=False)
"""Time enough on a busy machine; only what is to run into a limit has a short one."""
WATCHING = Watching(window=200, infra_share=0.02, canary_every=50, alike=20, retries=2)
LOOP = Loop(
    response_length=2000, model_turns=16, result_turns=16, parallel_calls=1, characters=256, cut="middle", workers=2
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
ADDED = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]


def echo(code: str) -> Outcome:
    """A healthy interpreter for programs that print one text: its outcome is that text."""
    return Outcome("ok", code.removeprefix("print(").removesuffix(")") + "\n", 0.0)


def stub(run: Callable[[str], Outcome]) -> Tool:
    return interpreter_over(run)


def watch_over(tool: Tool, watching: Watching = WATCHING) -> Watch:
    """A watch whose canary goes through the tool itself."""
    return Watch(watching, Canary(lambda: tool.run(code="print(424242)"), "424242\n"))


def chat_tokenizer() -> PreTrainedTokenizerBase:
    """Bytes as tokens, with the special tokens and the chat template of Qwen2.5, as trl ships it."""
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    engine = Tokenizer(BPE({letter: place for place, letter in enumerate(letters)}, []))
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    engine.decoder = decoders.ByteLevel()
    engine.add_special_tokens(SPECIAL)
    engine.add_tokens(ADDED)
    tokenizer: Any = PreTrainedTokenizerFast(
        tokenizer_object=engine, eos_token="<|im_end|>", pad_token="<|endoftext|>", clean_up_tokenization_spaces=False
    )
    place = find_spec("trl")
    assert place
    assert place.origin
    tokenizer.chat_template = (Path(place.origin).parent / "chat_templates/qwen2_5.jinja").read_text()
    return tokenizer
