"""`raw2fig kimi-dev demonstrate` and `read-trajectories`: what agents learn from, in nested sets (section 3.7)."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.json_lines import read_rows
from raw2fig.lm.chats import Reading, use_template
from raw2fig.lm.client import Message
from raw2fig.papers.kimi_dev.agents.conversations import LeftOut, as_row, conversation_of, encoded, learned
from raw2fig.papers.kimi_dev.agents.loop import attempt_all
from raw2fig.papers.kimi_dev.agents.policies import expert, scripted
from raw2fig.papers.kimi_dev.agents.workspace import Commands
from raw2fig.papers.kimi_dev.issues import read_issues
from raw2fig.papers.kimi_dev.matrix import Running
from raw2fig.papers.kimi_dev.skills import is_right
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, progress, step
from raw2fig.tables import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

EXPECTED = "trajectories with messages, instance_id, traj_id and resolved, as SWE-smith's of the split xml or tool"
TURNS = 100
"""Turns that an expert may take, more than any script has."""


class Choosing(Record):
    """Which trajectories are learned from."""

    world_model: bool = Field(description="Learn what agents are shown too, not their own turns alone.")
    resolved: bool = Field(description="Only trajectories that resolve their issue.")


@step
def demonstrate(
    *,
    issues: list[Input],
    trajectories: Output,
    commands: Annotated[Commands, At("agents.commands")],
    running: Annotated[Running, At("pretrained.running")],
    seed: Seed = 0,
) -> None:
    """Let an expert who knows the fixes resolve issues, by the tools that agents have.

    Parameters
    ----------
    issues
        Issues, as JSON lines.
    trajectories
        JSON lines: messages, instance_id, traj_id and resolved, as SWE-smith's.
    """
    asked = [issue for path in issues for issue in read_issues(path)]
    rng = np.random.default_rng(seed)
    act = scripted({issue.name: expert(issue, rng) for issue in asked})
    done = attempt_all(act, asked, TURNS, commands, running)
    rows = (as_row(one.issue, f"{one.issue}.{seed}", one.messages, is_right(one)) for one in done)
    trajectories.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@step
def read_trajectories(
    *,
    trajectories: list[Input],
    model: Input,
    sets: OutputFolder,
    report: Output,
    sizes: list[int],
    choosing: Annotated[Choosing, At("agents.choosing")],
    reading: Annotated[Reading, At("agents.reading")],
    seed: Seed = 0,
) -> None:
    """Read trajectories of agents, and make nested random sets of them: a smaller one is part of each larger one.

    Parameters
    ----------
    trajectories
        JSON lines or Parquet tables as SWE-smith's: messages, instance_id, traj_id, resolved.
    model
        Model folder, whose tokenizer counts and whose chat template puts conversations together.
    sets
        Folder with a file for each size, such as 100.jsonl: messages, instance_id, traj_id, resolved.
    report
        Rows, those that are kept and those that are left out by reason, and the tokens that the loss counts in each
        set.
    sizes
        Trajectories of the sets.
    """
    from raw2fig.lm.models import load_tokenizer

    tokenizer = load_tokenizer(str(model))
    use_template(tokenizer, reading)
    left_out: Counter[str] = Counter()
    kept: list[tuple[dict[str, Any], int]] = []
    taken: set[str] = set()
    for path, number, row in progress(list(rows_of(trajectories)), "trajectories"):
        try:
            kept.append(_read(row, tokenizer, choosing, reading, taken))
        except LeftOut as one:
            left_out[one.reason] += 1
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InputError(path, f"row {number} is no trajectory ({error!r})", EXPECTED) from error
    largest = max(sizes)
    logging.info("%d trajectories; left out: %s", len(kept), dict(left_out))
    if len(kept) < largest:
        raise InputError(trajectories[0], f"has {len(kept)} trajectories that can be used", f"at least {largest}")
    order = np.random.default_rng(seed).permutation(len(kept))
    sets.mkdir()
    tokens = {}
    for size in sizes:
        chosen = [kept[place] for place in order[:size]]
        tokens[str(size)] = sum(number for _, number in chosen)
        text = "".join(json.dumps(row) + "\n" for row, _ in chosen)
        (sets / f"{size}.jsonl").write_text(text, encoding="utf-8")
    write_json({"kept": len(kept), "left_out": dict(left_out), "tokens": tokens}, report)


def rows_of(paths: list[Path]) -> Iterator[tuple[Path, int, dict[str, Any]]]:
    """Path, number and row of each trajectory."""
    for path in paths:
        yield from ((path, number, row) for number, row in read_rows(path, EXPECTED))


def _read(
    row: dict[str, Any], tokenizer: PreTrainedTokenizerBase, choosing: Choosing, reading: Reading, taken: set[str]
) -> tuple[dict[str, Any], int]:
    """A trajectory in our words, and the tokens that the loss counts in it. Raises `LeftOut`."""
    name, number = str(row["instance_id"]), str(row["traj_id"])
    if choosing.resolved and not row["resolved"]:
        raise LeftOut("unresolved")
    if number in taken:
        raise LeftOut("twice")
    taken.add(number)
    messages = conversation_of(row)
    example = encoded(tokenizer, messages, reading.longest, choosing.world_model)
    if example is None:
        raise LeftOut("too long")
    return as_row(name, number, messages, bool(row["resolved"])), learned(example)


def read_conversations(path: Path) -> list[list[Message]]:
    """The conversations of a set. Raises `InputError` for a file of another form."""
    found = []
    for number, row in read_rows(path, EXPECTED):
        try:
            found.append([Message(**one) for one in json.loads(row["messages"])])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(path, f"line {number} is no trajectory ({error!r})", EXPECTED) from error
    return found
