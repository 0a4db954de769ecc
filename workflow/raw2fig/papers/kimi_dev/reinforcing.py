"""`raw2fig kimi-dev select-prompts` and `reinforce-issues`: reinforcement learning of pretrained models on issues, with
the same objective, curriculum and arms as in the miniature (section 3.5 of the reference sheet)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.client import ModelClient
from raw2fig.papers.kimi_dev.answering import Asking, Question, edit_question, folder_client, replies
from raw2fig.papers.kimi_dev.chats import applied, localisation
from raw2fig.papers.kimi_dev.curriculum import Curriculum, begun, grown
from raw2fig.papers.kimi_dev.issues import Issue, judged, read_issues
from raw2fig.papers.kimi_dev.matrix import Running
from raw2fig.papers.kimi_dev.patches import localised
from raw2fig.papers.kimi_dev.reinforcement import Reinforcement, trained
from raw2fig.settings import Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_json, write_table

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

EXPECTED = "prompts of `raw2fig kimi-dev select-prompts`"


class Shown(NamedTuple):
    """A prompt of the BugFixer: an issue and the files that are shown."""

    issue: Issue
    paths: tuple[str, ...]

    @property
    def question(self) -> Question:
        """What the model is asked."""
        return edit_question(self.issue, "BugFixer", self.paths)


@step
def select_prompts(
    *,
    model: Input,
    issues: list[Input],
    before: Input | None = None,
    prompts: Output,
    reinforcement: Annotated[Reinforcement, At("pretrained.reinforcement")],
    asking: Annotated[Asking, At("pretrained.asking")],
    running: Annotated[Running, At("pretrained.running")],
    stage: int,
    seed: Seed,
) -> None:
    """Choose the prompts of a stage: at first those that the model solves in some of its tries, later also some of the
    others that it solves now.

    Parameters
    ----------
    model
        Model folder of the policy that the stage begins with.
    issues
        Issues to train on, as JSON lines.
    before
        Prompts of the stage before. Without it the model names files, and each set of files makes a prompt of its
        issue; so do the files that the fix changes.
    prompts
        Prompts, and the numbers of those that are used and excluded.
    stage
        Number of the stage, which seeds all draws.
    """
    rng = np.random.default_rng([seed, 7, stage])
    client = folder_client(str(model), asking)
    known = {issue.name: issue for path in issues for issue in read_issues(path)}
    settings = reinforcement
    if before is None:
        shown = asked_for(client, list(known.values()), settings.localisations, asking, rng)
        counts = solved(client, shown, settings.tries, asking, running, rng)
        now = begun(counts, settings.first, settings.recipe.prompts, rng)
    else:
        shown, then = read_prompts(before, known)
        missed = [shown[place] for place in then.excluded]
        now = grown(then, solved(client, missed, settings.tries, asking, running, rng), settings.added, rng)
    rows = [{"issue": one.issue.name, "paths": one.paths} for one in shown]
    write_json({"prompts": rows, **now._asdict()}, prompts)


def asked_for(
    client: ModelClient, issues: Sequence[Issue], number: int, asking: Asking, rng: np.random.Generator
) -> list[Shown]:
    """A prompt for the files that the fix changes, and one for each other set of files that the model names."""
    questions = [localisation(issue.text, issue.files, "BugFixer") for issue in issues for _ in range(number)]
    named = drawn(client, questions, asking, rng)
    found = []
    for place, issue in enumerate(issues):
        right = tuple(path for path in issue.gold if path in issue.files)
        texts = named[place * number : (place + 1) * number]
        others = (tuple(localised(text, issue.files)) for text in texts)
        found += [Shown(issue, paths) for paths in dict.fromkeys([right, *others]) if paths]
    return found


def solved(
    client: ModelClient,
    prompts: Sequence[Shown],
    tries: int,
    asking: Asking,
    running: Running,
    rng: np.random.Generator,
) -> list[int]:
    """How many of so many answers to each prompt resolve its issue."""
    every = [prompt for prompt in prompts for _ in range(tries)]
    answers = drawn(client, [prompt.question for prompt in every], asking, rng)
    return np.reshape(resolved(every, answers, running), (-1, tries)).sum(1).tolist()


def drawn(client: ModelClient, questions: Sequence[Question], asking: Asking, rng: np.random.Generator) -> list[str]:
    """A random reply to each question."""
    number = len(questions)
    seeds = rng.integers(2**31, size=number).tolist()
    return replies(client, questions, [asking.temperature] * number, asking.new_tokens, seeds)


def resolved(prompts: Sequence[Shown], answers: Sequence[str], running: Running) -> list[bool]:
    """The reward: whether each answer resolves its issue."""
    pairs = zip(prompts, answers, strict=True)
    afters = [applied(one.issue.files, one.paths, answer).after for one, answer in pairs]
    return judged([one.issue for one in prompts], afters, running)


def read_prompts(path: Path, known: dict[str, Issue]) -> tuple[list[Shown], Curriculum]:
    """The prompts of a file, and which of them are used. Raises `InputError` for another file or other issues."""
    try:
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        shown = [Shown(known[one["issue"]], tuple(one["paths"])) for one in read["prompts"]]
        return shown, Curriculum(tuple(read["used"]), tuple(read["excluded"]))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"cannot be read ({error!r})", f"{EXPECTED}, and their issues") from error


@step
def reinforce_issues(
    *,
    model: Input,
    issues: list[Input],
    prompts: Input,
    policy: Output,
    log: Output,
    reinforcement: Annotated[Reinforcement, At("pretrained.reinforcement")],
    running: Annotated[Running, At("pretrained.running")],
    arm: str,
    stage: int,
    seed: Seed,
) -> None:
    """Train a model by reinforcement on the prompts of a stage. The reward is 1 for an edit with which all tests pass,
    otherwise 0. On several GPUs: accelerate launch ... -m raw2fig kimi-dev reinforce-issues ...

    Parameters
    ----------
    model
        Model folder of the policy that the stage begins with.
    issues
        Issues to train on, as JSON lines.
    prompts
        Prompts of `raw2fig kimi-dev select-prompts`.
    policy
        Folder of the trained model.
    log
        A row for each update: arm, stage, reward, entropy, tokens of a completion, share of groups with a gradient.
    arm
        plain, positive examples, or remedy.
    stage
        Number of the stage.
    """
    import pandas as pd

    from raw2fig.lm.models import load_tokenizer

    known = {issue.name: issue for path in issues for issue in read_issues(path)}
    shown, now = read_prompts(prompts, known)
    used = [shown[place] for place in now.used]
    words = load_tokenizer(str(model))
    texts = [as_text(words, one.question) for one in used]

    def rewards(completions: list[str], indices: list[int], step: int) -> list[float]:
        return list(map(float, resolved([used[index] for index in indices], completions, running)))

    scored_by = str([running, *known.values()])
    rows = trained(model, texts, rewards, reinforcement, arm, policy, seed, stage, scored_by)
    write_table(pd.DataFrame(rows).assign(replicate=seed), log)


def as_text(words: PreTrainedTokenizerBase, question: Question) -> str:
    """A question in the form of the model's chat template, to be gone on with; without one, its text."""
    if not words.chat_template:
        return "\n".join(message.content for message in question)
    chat = [message._asdict() for message in question]
    return str(words.apply_chat_template(chat, add_generation_prompt=True, tokenize=False))
