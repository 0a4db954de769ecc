"""`raw2fig kimi-dev adapt`: models before and after workflow training become agents, from nested sets of trajectories
(section 3.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from raw2fig.lm.batches import Optimiser, train_on
from raw2fig.papers.kimi_dev.agent import ACTION, State, demonstration, loop, skills, trajectory, within
from raw2fig.papers.kimi_dev.arms import BASE, MID, PLAIN, RL, SFT
from raw2fig.papers.kimi_dev.lessons import encoded
from raw2fig.papers.kimi_dev.roles import Answer, Model, drawn
from raw2fig.papers.kimi_dev.tasks import read_tasks
from raw2fig.papers.kimi_dev.training import Network, fitting
from raw2fig.papers.kimi_dev.world import Task, World, draw_task, picker
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table
from raw2fig.tasks.parts import TEST, TRAINING

if TYPE_CHECKING:
    from raw2fig.lm.examples import Example

ONE_STEP, NONE = "one step", "0"


class Adaptation(Record):
    """How models become agents."""

    budgets: list[int] = Field(min_length=1, description="Trajectories of the nested sets.")
    updates: int = Field(ge=1, description="Updates, whatever the set.")
    batch: int = Field(ge=1, description="Trajectories of an update.")
    turns: int = Field(ge=2, description="Turns of an agent.")
    number: int = Field(ge=1, description="Test tasks of an evaluation, from the first on.")
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
        training: resolved, BugFixer skill, reflection, submitted, turns, and resolved within a number of turns.
    """
    import pandas as pd

    from raw2fig.lm.models import load

    folders = {BASE: midtrained / "base", MID: midtrained / "mid3", SFT: sft, RL: reinforced / PLAIN}
    asked = read_tasks(tasks / f"{TEST}.jsonl")[: adaptation.number]
    rows: list[dict[str, Any]] = []
    examples: Sequence[Example] = []
    for prior, folder in folders.items():
        model, words = load(str(folder), train=True)
        if not examples:
            rng = np.random.default_rng([replicate, 7])
            examples = demonstrated(words.get_vocab(), rng, world, max(adaptation.budgets), network.longest)
        pad = words.get_vocab()[str(words.pad_token)]
        start = {name: weight.clone() for name, weight in model.state_dict().items()}
        for budget, number, updates in runs(adaptation):
            model.load_state_dict(start)
            rng = np.random.default_rng([replicate, 8, number])
            batches = nested_batches(number, adaptation.batch, updates, rng)
            if batches:
                train_on(model, pad, examples, batches, adaptation.optimiser, "token")
            states = evaluated(Model(model.eval(), words), asked, adaptation.turns)
            told = skills(states) | {
                f"resolved within {turns} turns": within(states, turns) for turns in range(2, adaptation.turns + 1)
            }
            tokens = sum(int(learned(examples[row])) for rows_ in batches for row in rows_)
            rows += [
                {"prior": prior, "budget": budget, "measure": name, "value": value, "tokens": tokens, "n": len(asked)}
                for name, value in told.items()
            ]
    write_table(pd.DataFrame(rows).assign(replicate=replicate), table)


def runs(adaptation: Adaptation) -> list[tuple[str, int, int]]:
    """Name of each set, its trajectories and updates: none, one step on the smallest set, all updates on each set."""
    sets = sorted(adaptation.budgets)
    return [(NONE, 0, 0), (ONE_STEP, sets[0], 1), *((str(size), size, adaptation.updates) for size in sets)]


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


def evaluated(model: Model, tasks: Sequence[Task], turns: int) -> list[State]:
    """How a greedy agent ends each task."""

    def act(states: list[State]) -> list[Answer]:
        return drawn(model, [state.words for state in states], None, ACTION)

    return loop(act, tasks, turns)
