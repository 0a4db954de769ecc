"""Rollouts with tools of a model that writes text: its turns, the results of its calls, and which tokens are its own.

The loop is that of verl's tool agent. It works on token ids: what the model drew is kept, what a tool returned is
appended, and nothing is ever decoded and encoded again, which would change ids. All rollouts go on together, a turn at
a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from raw2fig.errors import InputError
from raw2fig.lm.generate import draw_seeds
from raw2fig.lm.turns import Continue
from raw2fig.papers.agentic_rl.tools.calls import Call, Reason, parse
from raw2fig.papers.agentic_rl.tools.outcome import Cut, Outcome, shown
from raw2fig.papers.agentic_rl.tools.tool import Tool, execute, schema
from raw2fig.papers.agentic_rl.tools.watch import Watch
from raw2fig.settings import Field, Record

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

End = Literal["answer", "malformed", "length", "turns", "infra_error"]
"""Why a rollout ends: a turn without a call; one whose calls cannot be read; too many tokens; too many turns; a call
that failed by the infrastructure in all attempts, after which the rollout is to be dropped from its group."""
TURN = "REPLY"
"""Stands for a turn of the model where a chat template is filled in."""


class Loop(Record):
    """Limits of a rollout with tools."""

    response_length: int = Field(ge=1, description="Tokens of a response, with those of results.")
    model_turns: int = Field(ge=1, description="Turns of the model at most.")
    result_turns: int = Field(ge=1, description="Turns with results of tools after which the model writes once more.")
    parallel_calls: int = Field(ge=1, description="Calls of a turn that are executed; the others are passed over.")
    characters: int = Field(ge=2, description="Characters of a result that the model sees.")
    cut: Cut = Field(description="Where a longer result is cut; left keeps its head, right its tail.")
    workers: int = Field(ge=1, le=1024, description="Calls that are executed at the same time.")


class Rollout(NamedTuple):
    """A response. `mask` is 1 for tokens that the model drew and 0 for those of results and of the template around
    them; `logprobs` are those of drawn tokens, and 0 elsewhere."""

    ids: list[int]
    mask: list[int]
    logprobs: list[float]
    model_turns: int
    result_turns: int
    calls: list[Call]
    """Calls that were executed, each with the outcome at the same place."""
    outcomes: list[Outcome]
    read: list[int]
    """Outcomes that the model read, by turn; those of a last turn may have had no room."""
    failures: list[Reason]
    """Why calls could not be read."""
    end: End

    @property
    def num_turns(self) -> int:
        """verl's number of turns: 2n + 2 with n turns of results and an ordinary end."""
        return self.model_turns + self.result_turns + 1


@dataclass
class _Course:
    """A rollout on its way."""

    prompt: Sequence[int]
    ids: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    model_turns: int = 0
    result_turns: int = 0
    wanted: list[Call] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    read: list[int] = field(default_factory=list)
    failures: list[Reason] = field(default_factory=list)
    end: End | None = None

    def append(self, ids: Sequence[int], own: int, logprobs: Sequence[float]) -> None:
        self.ids += ids
        self.mask += [own] * len(ids)
        self.logprobs += logprobs

    def finished(self) -> Rollout:
        assert self.end
        return Rollout(
            self.ids,
            self.mask,
            self.logprobs,
            self.model_turns,
            self.result_turns,
            self.calls,
            self.outcomes,
            self.read,
            self.failures,
            self.end,
        )


def prompt_ids(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Mapping[str, str]], tools: Mapping[str, Tool]
) -> list[int]:
    """Token ids of a chat that the model is to go on with, in which the tools are described."""
    ids: Any = tokenizer.apply_chat_template(
        [dict(message) for message in messages],
        tools=[schema(tool) for tool in tools.values()],
        add_generation_prompt=True,
        return_dict=False,
    )
    return list(ids)


def roll_out(
    go_on: Continue,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[int],
    tools: Mapping[str, Tool],
    watch: Watch,
    loop: Loop,
) -> list[Rollout]:
    """One rollout for each prompt (token ids), drawn with the prompt's own seed. Raises `BrokenTools` when the watch
    says so, and `InputError` for a chat template without results of tools."""
    courses = [_Course(list(prompt)) for prompt in prompts]
    with ThreadPoolExecutor(loop.workers) as pool:
        while open_ := [place for place, course in enumerate(courses) if course.end is None]:
            going = [courses[place] for place in open_]
            rooms = [loop.response_length - len(course.ids) for course in going]
            numbers = [draw_seeds(1, seeds[place], courses[place].model_turns)[0] for place in open_]
            drawn = go_on([[*course.prompt, *course.ids] for course in going], rooms, numbers)
            for course, room, turn in zip(going, rooms, drawn, strict=True):
                course.append(turn.ids[:room], 1, turn.logprobs[:room])
                (text,) = tokenizer.batch_decode([turn.ids[:room]])
                _read(course, text, watch, loop)
            calling = [course for course in going if course.end is None]
            wanted = [call for course in calling for call in course.wanted]
            done = pool.map(lambda call: watch.call(lambda: execute(call, tools), repr(call)), wanted)
            for course in calling:
                _receive(course, [next(done) for _ in course.wanted], tokenizer, loop)
    return [course.finished() for course in courses]


def _read(course: _Course, text: str, watch: Watch, loop: Loop) -> None:
    """Take in a turn of the model: it wants calls, or the rollout ends."""
    course.model_turns += 1
    if len(course.ids) >= loop.response_length:
        course.end = "length"
    elif course.model_turns >= loop.model_turns or course.result_turns >= loop.result_turns:
        course.end = "turns"
    else:
        parsed = parse(text)
        watch.read(parsed)
        course.failures += parsed.failures
        course.wanted = parsed.calls[: loop.parallel_calls]
        if not parsed.calls:
            course.end = "malformed" if parsed.failures else "answer"


def _receive(course: _Course, outcomes: Sequence[Outcome], tokenizer: PreTrainedTokenizerBase, loop: Loop) -> None:
    """Take in what came of a turn's calls."""
    course.calls += course.wanted
    course.outcomes += outcomes
    if any(outcome.status == "infra_error" for outcome in outcomes):
        course.end = "infra_error"
        return
    texts = [shown(outcome, loop.characters, loop.cut) for outcome in outcomes]
    ids = result_ids(tokenizer, texts, course.ids[-1] == tokenizer.eos_token_id)
    if len(course.ids) + len(ids) >= loop.response_length:
        course.end = "length"
        return
    course.append(ids, 0, [0.0] * len(ids))
    course.read.append(len(outcomes))
    course.result_turns += 1


def result_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], ended: bool) -> list[int]:
    """Token ids between a turn of the model and its next one: results of tools as the chat template has them. `ended`:
    the model has drawn the token that ends its turn. Raises `InputError` for a template that shows no results."""
    from jinja2 import TemplateError

    plain = [plain_text(tokenizer, text) for text in texts]
    turns = [{"role": "user", "content": ""}, {"role": "assistant", "content": TURN}]
    results = [{"role": "tool", "content": text} for text in plain]
    try:
        filled: Any = tokenizer.apply_chat_template(turns + results, tokenize=False, add_generation_prompt=True)
    except (TemplateError, ValueError) as error:
        raise InputError(
            tokenizer.name_or_path, f"its chat template refuses results of tools ({error})", WANTED
        ) from error
    _, found, after = filled.partition(TURN)
    if not found or any(text.strip() not in after for text in plain):
        raise InputError(tokenizer.name_or_path, "its chat template leaves out results of tools", WANTED)
    if ended:
        after = after.removeprefix(str(tokenizer.eos_token))
    return list(tokenizer(after, add_special_tokens=False)["input_ids"])


WANTED = "one with messages of the role tool, as Qwen's"


def plain_text(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """A text in which no token of the template stands: a program could print the end of a turn and go on as the user.
    A space after the first character makes such a token plain text."""
    for token in tokenizer.get_added_vocab():
        if len(token) > 1:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text
