"""`raw2fig agentic-rl reinforce`: RL of small policies with the tool, by the recipes of section 4 of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl.rewards import ToolTerm, signals_of
from raw2fig.papers.agentic_rl.tool_terms import Term
from raw2fig.published import read_numbers
from raw2fig.rl.arms import read_arm
from raw2fig.rl.recipe import Recipe
from raw2fig.settings import Field, Seed, read
from raw2fig.step import At, Input, Output, OutputFolder, step
from raw2fig.tables import read_table, write_table
from raw2fig.tasks.problems import COLUMNS, read_problems

if TYPE_CHECKING:
    import pandas as pd

SHAPED, OF_COMPLETIONS = "shaping/", "completions/"
"""Beginnings of names in the engine's log."""


class ToolRecipe(Recipe):
    """A run of reinforcement learning with a tool."""

    tool_term: Term = Field(
        description="Reward of calls. paper: as printed; release_intended: as the released code means it; "
        "release_effective: as it gives it; none."
    )
    most_calls: int = Field(ge=0, description="Calls of a response that are answered.")


@step
def reinforce(
    *,
    start: Input,
    problems: Input,
    chosen: Input | None = None,
    arms: list[Input],
    train: list[str],
    numbers: Input,
    policies: OutputFolder,
    updates: Output,
    shared: Annotated[ToolRecipe, At("rl.shared")],
    replicate: Seed,
) -> None:
    """Train a policy by each of several recipes, all from the same start and on the same problems in the same order.

    Parameters
    ----------
    start
        Folder of the policy that RL starts from.
    problems
        Table of problems; the split train is used.
    chosen
        Table of `raw2fig agentic-rl curate`: only its problems are used.
    arms
        YAML files: mappings from names of arms to settings that they change, later files over earlier ones.
    train
        Names of the arms to train.
    numbers
        Published numbers, among them those of the reward.
    policies
        Folder with a model folder for each arm.
    updates
        A row for each update of each arm: arm, step, share of right answers, reward, entropy, tokens, calls, success of
        calls, share of groups with a signal.
    """
    import pandas as pd

    recipes = {name: recipe_of(arms, name, shared) for name in train}
    frame = read_problems([problems], "train", COLUMNS)
    if chosen is not None:
        kept = read_table(chosen, {"problem": "string"})["problem"]
        if lost := len(set(kept) - set(frame["prompt"])):
            raise InputError(
                chosen, f"{lost} of its {kept.nunique()} problems are not in {problems}", "problems of its split train"
            )
        frame = frame[frame["prompt"].isin(kept)]
    constants = read_numbers(numbers)
    rows: list[pd.DataFrame] = []
    for name, recipe in recipes.items():
        records = run(start, frame, recipe, constants, policies / name, replicate)
        rows.append(pd.DataFrame(records).assign(arm=name, replicate=replicate))
    table = pd.concat(rows, ignore_index=True).astype({"step": int})
    write_table(table.rename(columns=lambda name: name.removeprefix(SHAPED).removeprefix(OF_COMPLETIONS)), updates)


def recipe_of(arms: Sequence[Path], name: str, shared: ToolRecipe) -> ToolRecipe:
    """The recipe of an arm. Raises `InputError` for what `read_arm` refuses and for settings that are impossible."""
    return read(ToolRecipe, read_arm(arms, name, shared.model_dump()), f"{arms[-1]}: {name}")


def run(
    start: Path, problems: pd.DataFrame, recipe: ToolRecipe, numbers: dict[str, float], output: Path, seed: int
) -> list[dict[str, float]]:
    """Train on `problems` and return the log of the engine."""
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.models import load_tokenizer
    from raw2fig.papers.agentic_rl.chain_tool import calculator
    from raw2fig.papers.agentic_rl.evaluation import tools_of
    from raw2fig.rl.trainer import grpo

    answers = [answer.replace(" ", "") for answer in problems["answer"]]
    records = grpo(
        start,
        problems["prompt"].tolist(),
        signals_of(answers, recipe.max_new_tokens, recipe.most_calls),
        recipe,
        output,
        seed,
        scored_by=f"{numbers} {' '.join(answers)}",
        shaping=ToolTerm(recipe.tool_term, numbers),
        tools=tools_of(load_tokenizer(str(start)), calculator, recipe.most_calls),
    )
    discard(output)
    return records
