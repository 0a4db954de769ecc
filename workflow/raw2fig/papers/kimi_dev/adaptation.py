"""`raw2fig kimi-dev adapt`: models before and after workflow training become agents, from nested sets of trajectories
(section 3.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from raw2fig.lm.batches import Optimiser
from raw2fig.papers.kimi_dev.agent import ACTION, State, demonstration, loop, trajectory
from raw2fig.papers.kimi_dev.arms import BASE, MID, PLAIN, RL, SFT, UNTRAINED, Prior
from raw2fig.papers.kimi_dev.lessons import encoded
from raw2fig.papers.kimi_dev.roles import Answer, Model, drawn
from raw2fig.papers.kimi_dev.skills import any_within, skills, within
from raw2fig.papers.kimi_dev.tasks import Other, read_tasks
from raw2fig.papers.kimi_dev.training import Network, descended, fitting
from raw2fig.papers.kimi_dev.world import Task, World, draw_task, picker
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table
from raw2fig.tasks.parts import TEST, TRAINING

if TYPE_CHECKING:
    from raw2fig.lm.examples import Example

ONE_STEP = "one step"
"""The set of trajectories that is no number: one update on the smallest set."""


class Adaptation(Record):
    """How models become agents."""

    priors: list[Prior] = Field(min_length=1, description="Models that become agents.")
    budgets: list[int] = Field(min_length=1, description="Trajectories of the nested sets.")
    updates: int = Field(ge=1, description="Updates, whatever the set.")
    batch: int = Field(ge=1, description="Trajectories of an update.")
    turns: int = Field(ge=2, description="Turns of an agent.")
    number: int = Field(ge=1, description="Test tasks of an evaluation, from the first on.")
    attempts: int = Field(ge=0, description="Attempts at temperature 1, after training on the largest set.")
    others: list[Other] = Field(description="Sets out of distribution, after training on the smallest and largest set.")
    optimiser: Optimiser


@step
def adapt(
    *,
    midtrained: Input,
    sft: Input,
    reinforced: Input,
    tasks: Input,
    table: Output,
    network: Annotated[Network, At("miniature.network")],
    world: Annotated[World, At("miniature.world")],
    adaptation: Annotated[Adaptation, At("miniature.adaptation")],
    replicate: Seed,
) -> None:
    """Train every prior on the same trajectories of an expert, and let it work on test tasks in turns.

    Parameters
    ----------
    midtrained
        Folders of `raw2fig kimi-dev midtrain`: its base is the prior Base, its last model MT.
    sft
        Model folder of the cold start.
    reinforced
        Folders of `raw2fig kimi-dev reinforce`; the plain arm is the prior RL.
    tasks
        Folder of `raw2fig kimi-dev make-tasks`.
    table
        A row for each prior, set of trajectories (0, one step, or a number) and measure, with the learned tokens of the
        training. Of the greedy agent: resolved, BugFixer skill, reflection, submitted, turns, resolved within a number
        of turns, resolved out of distribution. Of several attempts: resolved by any of them within a number of turns.
    """
    import pandas as pd

    from raw2fig.lm.models import load

    settings = adaptation
    folders = {BASE: midtrained / "base", MID: midtrained / "mid3", SFT: sft, RL: reinforced / PLAIN}
    asked = read_tasks(tasks / f"{TEST}.jsonl")[: settings.number]
    others = {part: read_tasks(tasks / f"{part}.jsonl")[: settings.number] for part in settings.others}
    rows: list[dict[str, Any]] = []
    for prior in settings.priors:
        trained, words = load(str(folders[prior]), train=True)
        ids, model = words.get_vocab(), Model(trained, words)
        rng = np.random.default_rng([replicate, 7])
        examples = demonstrated(ids, rng, world, max(settings.budgets), network.longest)
        pad = ids[str(words.pad_token)]
        start = {name: weight.clone() for name, weight in trained.state_dict().items()}
        for budget, number, updates in runs(settings):
            trained.load_state_dict(start)
            batches = nested_batches(number, settings.batch, updates, np.random.default_rng([replicate, 8, number]))
            descended(trained, examples, pad, batches, updates, settings.optimiser)
            trained.eval()
            told = greedy(model, asked, settings.turns, network.longest)
            if number == max(settings.budgets) and settings.attempts:
                told |= attempted(model, asked, settings, network.longest, replicate)
            if budget in (str(min(settings.budgets)), str(max(settings.budgets))):
                for part, found in others.items():
                    told[f"resolved, {part}"] = skills(worked(model, found, settings.turns, network.longest))[
                        "resolved"
                    ]
            tokens = sum(learned(examples[row]) for rows_ in batches for row in rows_)
            rows += [
                {"prior": prior, "budget": budget, "measure": name, "value": value, "tokens": tokens, "n": len(asked)}
                for name, value in told.items()
            ]
    write_table(pd.DataFrame(rows).assign(replicate=replicate), table)


def runs(adaptation: Adaptation) -> list[tuple[str, int, int]]:
    """Name of each set, its trajectories and updates: none, one step on the smallest set, all updates on each set."""
    sets = sorted(adaptation.budgets)
    return [(UNTRAINED, 0, 0), (ONE_STEP, sets[0], 1), *((str(size), size, adaptation.updates) for size in sets)]


def demonstrated(
    ids: dict[str, int], rng: np.random.Generator, world: World, number: int, longest: int
) -> Sequence[Example]:
    """So many trajectories of the expert on training tasks, as token ids; the first n are the set of n."""
    pick = picker(rng)
    found = []
    for _ in range(number):
        task = draw_task(pick, world, TRAINING)
        found.append(encoded(ids, trajectory(task, demonstration(pick, task, world))))
    return fitting(found, longest)


def nested_batches(number: int, batch: int, updates: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Rows of each update, of the first `number` trajectories, in epochs."""
    size = min(batch, number)
    order = np.concatenate([rng.permutation(number) for _ in range(1 + updates * size // max(1, number))])
    return [order[update * size : (update + 1) * size] for update in range(updates)]


def learned(example: Example) -> int:
    """Tokens of a trajectory that the loss counts."""
    flags = example.learned
    return int(flags[1:].sum()) if flags is not None else len(example.ids) - example.prompt_length


def worked(
    model: Model, tasks: Sequence[Task], turns: int, longest: int, uniforms: np.ndarray | None = None
) -> list[State]:
    """How an agent ends each task; greedy without `uniforms` (turns, tasks, words of an action)."""

    def act(places: Sequence[int], states: list[State]) -> list[Answer]:
        turn = len(states[0].stages)
        return drawn(
            model, [state.words for state in states], None if uniforms is None else uniforms[turn, places], ACTION
        )

    return loop(act, tasks, turns, longest)


def greedy(model: Model, tasks: Sequence[Task], turns: int, longest: int) -> dict[str, float]:
    """What the greedy agent resolves, and within how many turns."""
    states = worked(model, tasks, turns, longest)
    return skills(states) | {f"resolved within {most} turns": within(states, most) for most in range(2, turns + 1)}


def attempted(
    model: Model, tasks: Sequence[Task], adaptation: Adaptation, longest: int, replicate: int
) -> dict[str, float]:
    """What any of several attempts at temperature 1 resolves within a number of turns."""
    turns, number = adaptation.turns, adaptation.attempts
    attempts = [
        worked(
            model, tasks, turns, longest, np.random.default_rng([replicate, 9, one]).random((turns, len(tasks), ACTION))
        )
        for one in range(number)
    ]
    return {f"pass@{number} within {most} turns": any_within(attempts, most) for most in range(2, turns + 1)}
