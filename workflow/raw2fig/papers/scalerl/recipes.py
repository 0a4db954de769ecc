"""Recipes of the comparison: what all arms share, and what an arm of the YAML files changes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import model_validator

from raw2fig.errors import InputError
from raw2fig.rl.arms import read_arm
from raw2fig.rl.recipe import Method, Recipe
from raw2fig.settings import Field, Record, impossible, read


class Shared(Method):
    """What every arm does unless it says otherwise."""

    prompts: int = Field(ge=1, description="Prompts of an update, over all processes of a launcher.")


class Lengths(Record):
    """Settings for arms that end thinking by force (`interrupt: true`) or penalise long completions."""

    budget: tuple[int, int] = Field(
        description="Smallest and largest number of tokens of thinking before an interruption, for arms with "
        "interrupt: true."
    )
    interruption: str = Field(
        min_length=1, description="Text that an interruption inserts; its last token ends thinking."
    )
    penalised: int = Field(
        ge=1, description="Number of tokens before the longest length over which the penalty of an arm grows."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Any:
        if not 0 < self.budget[0] <= self.budget[1]:
            raise impossible("budget", f"is {list(self.budget)}", "two numbers of tokens, the smaller one first")
        return self


class Machine(Record):
    """How a training uses memory and checkpoints; the same for all arms."""

    micro_batch: int = Field(ge=0, description="Number of completions that a process trains on at once; 0: all.")
    gradient_checkpointing: bool = Field(description="Compute activations again instead of keeping them in memory.")
    checkpoint_every: int = Field(
        ge=0, description="Updates between checkpoints, from which a killed training resumes; 0: none."
    )


def method_of(arms: Sequence[Path], arm: str, shared: Shared, lengths: Lengths) -> Shared:
    """The method of an arm. Raises `InputError` for what `read_arm` refuses and for settings that are impossible."""
    settings = read_arm(arms, arm, shared.model_dump())
    if settings["interrupt"] is True:
        settings["interrupt"] = lengths.budget
    if settings["interrupt"]:
        settings["phrase"] = lengths.interruption
    if settings["overlong"] in ("shape", "penalise_correct"):
        settings["cache"] = lengths.penalised
    return read(Shared, settings, f"{arms[-1]}: {arm}")


def check_rollouts(method: Method, name: str, rollouts: int) -> int:
    """Updates that `rollouts` are. Raises `InputError` about `name` unless they are whole ones."""
    size = method.prompts * method.generations
    if rollouts % size or rollouts < size:
        raise InputError(name, f"is {rollouts}", f"a multiple of the {size} rollouts of an update")
    return rollouts // size


def recipe_of(method: Shared, machine: Machine, rollouts: int, lr: float, processes: int = 1) -> Recipe:
    """The recipe of a run of `rollouts`, as each of the launcher's processes has it. Raises `InputError` unless the
    rollouts are whole updates, the prompts equal shares of the processes, and these whole micro-batches."""
    steps = check_rollouts(method, "rollouts", rollouts)
    if method.prompts % processes:
        raise InputError("prompts", f"is {method.prompts}", f"a multiple of the {processes} processes")
    own = method.prompts * method.generations // processes
    if machine.micro_batch and own % machine.micro_batch:
        raise InputError("micro_batch", f"is {machine.micro_batch}", f"a divisor of the {own} rollouts of a process")
    values = {
        **method.model_dump(),
        "prompts": method.prompts // processes,
        "steps": steps,
        "lr": lr,
        "accumulate": own // machine.micro_batch if machine.micro_batch else 1,
        "checkpoint_every": machine.checkpoint_every,
        "gradient_checkpointing": machine.gradient_checkpointing,
    }
    return read(Recipe, values)
