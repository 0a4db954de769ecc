"""`raw2fig kimi-dev sample-answers`: patches and tests that a model writes for issues, each by naming files and then
changing them (sections 3.2 and 3.6 of the reference sheet)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from raw2fig.errors import InputError
from raw2fig.json_lines import read_json_lines
from raw2fig.lm.client import Asked, Generated, Message, ModelClient
from raw2fig.lm.endpoint import Endpoint, endpoint_client
from raw2fig.lm.generate import Engine, draw_seeds
from raw2fig.papers.kimi_dev.chats import ROLES, Role, edit, localisation
from raw2fig.papers.kimi_dev.issues import Issue, read_issues
from raw2fig.papers.kimi_dev.patches import localised
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Question = tuple[Message, ...]
EXPECTED = "answers of `raw2fig kimi-dev sample-answers`"


class Asking(Record):
    """How a model is asked."""

    engine: Engine = Field(description="What draws: our sampler, or vllm on all GPUs.")
    samples: int = Field(ge=1, description="Patches, and as many tests, of an issue. The first of each is greedy.")
    temperature: float = Field(gt=0, description="Temperature of all but the first.")
    new_tokens: int = Field(ge=1, description="Tokens of an answer at most.")
    longest: int = Field(ge=1, description="Tokens of a question at most; a longer one is not asked.")
    batch: int = Field(ge=1, description="Answers that are drawn together; changes memory and time alone.")


class Written(NamedTuple):
    """An answer of a role: its number, the localisation, the files that were shown then, and the text of the edit."""

    issue: str
    role: Role
    sample: int
    localisation: str
    paths: tuple[str, ...]
    answer: str


@step
def sample_answers(
    *,
    issues: list[Input],
    model: Input | None = None,
    served: str | None = None,
    answers: Output,
    asking: Annotated[Asking, At("pretrained.asking")],
    endpoint: Annotated[Endpoint, At("pretrained.endpoint")],
    seed: Seed,
) -> None:
    """Let a model write patches and tests for issues.

    Parameters
    ----------
    issues
        Issues, as JSON lines.
    model
        Model folder.
    served
        Instead of a folder, the name of a model behind the endpoint.
    answers
        JSON lines: issue, role, sample, localisation, paths, answer.
    """
    if (model is None) == (served is None):
        raise InputError("model", "is not given, or served is too", "one of --model and --served")
    client = endpoint_client(served, endpoint) if served else folder_client(str(model), asking)
    asked = [issue for path in issues for issue in read_issues(path)]
    write_answers(written(client, asked, asking, ROLES, seed), answers)


def folder_client(model: str, asking: Asking) -> ModelClient:
    """A model on this machine, which is not asked what is too long: then its answer is empty."""
    from raw2fig.lm.local import local_client
    from raw2fig.lm.models import load_tokenizer

    return within(local_client(model, None, asking.engine, asking.batch), load_tokenizer(model), asking.longest)


def within(client: ModelClient, tokenizer: PreTrainedTokenizerBase, longest: int) -> ModelClient:
    """The client for questions of at most so many tokens; to others the reply is empty."""
    from raw2fig.lm.local import encode

    def ask(requests: Sequence[Asked]) -> list[Any]:
        short = [len(encode(tokenizer, one.messages)) <= longest for one in requests]
        replies = iter(client([one for one, fits in zip(requests, short, strict=True) if fits]))
        return [next(replies) if fits else Generated("", 0, 0, {}, "length") for fits in short]

    return ask


def written(
    client: ModelClient, issues: Sequence[Issue], asking: Asking, roles: Sequence[Role], seed: int
) -> list[Written]:
    """The answers of roles to issues, by issue, role and sample. Without a file there is no question for the change."""
    jobs = [(issue, role, sample) for issue in issues for role in roles for sample in range(asking.samples)]
    temperatures = [asking.temperature if sample else 0.0 for _, _, sample in jobs]
    seeds = draw_seeds(2 * len(jobs), seed, 1)
    places = [localisation(issue.text, issue.files, role) for issue, role, _ in jobs]
    named = replies(client, places, temperatures, asking.new_tokens, seeds[: len(jobs)])
    shown = [localised(text, issue.files) for (issue, _, _), text in zip(jobs, named, strict=True)]
    questions = [edit_question(issue, role, paths) for (issue, role, _), paths in zip(jobs, shown, strict=True)]
    changed = replies(client, questions, temperatures, asking.new_tokens, seeds[len(jobs) :])
    return [
        Written(issue.name, role, sample, text, tuple(paths), answer)
        for (issue, role, sample), text, paths, answer in zip(jobs, named, shown, changed, strict=True)
    ]


def edit_question(issue: Issue, role: Role, paths: Sequence[str]) -> Question:
    """The question for the change of these files, empty without any."""
    return edit(issue.text, {path: issue.files[path] for path in paths}, role) if paths else ()


def replies(
    client: ModelClient,
    questions: Sequence[Question],
    temperatures: Sequence[float],
    new_tokens: int,
    seeds: Sequence[int],
) -> list[str]:
    """The text of each reply; empty for an empty question, and where the model could not be asked."""
    rows = zip(questions, seeds, temperatures, strict=True)
    asked = [Asked(question, seed, temperature, new_tokens, ()) for question, seed, temperature in rows if question]
    found = iter(client(asked))
    told = (next(found) if question else None for question in questions)
    return [reply.text if isinstance(reply, Generated) else "" for reply in told]


def write_answers(answers: Iterable[Written], path: Path) -> None:
    """Write answers as JSON lines."""
    path.write_text("".join(json.dumps(one._asdict()) + "\n" for one in answers), encoding="utf-8")


def read_answers(path: Path) -> list[Written]:
    """The answers of a file. Raises `InputError` for lines of another form."""
    found = []
    for number, line in read_json_lines(path, EXPECTED):
        try:
            found.append(Written(**{**line, "paths": tuple(line["paths"])}))
        except (KeyError, TypeError) as error:
            raise InputError(path, f"line {number} is no answer ({error!r})", EXPECTED) from error
    return found
