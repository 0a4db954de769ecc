"""`raw2fig kimi-dev reinforce`: reinforcement learning on edits with the reward 0 or 1, in the arms that are compared
(section 3.5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np

from raw2fig.papers.kimi_dev.arms import PLAIN, POSITIVE, REMEDY, Other
from raw2fig.papers.kimi_dev.curriculum import Curriculum, begun, grown
from raw2fig.papers.kimi_dev.roles import ANSWER, Model, drawn, localised, opened
from raw2fig.papers.kimi_dev.tasks import read_tasks
from raw2fig.papers.kimi_dev.verifier import patched, resolves
from raw2fig.papers.kimi_dev.words import edit_prompt
from raw2fig.papers.kimi_dev.world import REWARDED, Task
from raw2fig.rl.recipe import Recipe
from raw2fig.scratch import scratch_folder
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, step
from raw2fig.tables import write_json, write_table
from raw2fig.tasks.parts import TRAINING


class Reinforcement(Record):
    """Reinforcement learning. A stage has a set of prompts and `recipe.steps` updates."""

    arms: list[Other] = Field(description="Arms beside the plain one.")
    localisations: int = Field(ge=1, description="Localisations of a task; each other file makes another prompt.")
    tries: int = Field(ge=1, description="Answers that decide whether a prompt can be solved.")
    first: int = Field(ge=1, description="Prompts of the first stage, at most.")
    added: int = Field(ge=0, description="Prompts that each later stage adds, at most.")
    stages: int = Field(ge=2, description="Stages.")
    replayed: int = Field(ge=1, description="Right completions of earlier updates that join an update.")
    window: int = Field(ge=1, description="Updates after which a completion is forgotten.")
    remedy_beta: float = Field(gt=0, description="Weight of the KL penalty of the remedy.")
    recipe: Recipe


class Prompt(NamedTuple):
    """A task and the file that is shown."""

    task: Task
    path: str

    @property
    def words(self) -> list[str]:
        """What the model is asked."""
        return edit_prompt(self.task, self.path)


@step
def reinforce(
    *,
    model: Input,
    tasks: Input,
    models: OutputFolder,
    log: Output,
    curricula: Output,
    reinforcement: Annotated[Reinforcement, At("miniature.reinforcement")],
    replicate: Seed,
) -> None:
    """Train the model of the cold start by reinforcement, in every arm.

    Parameters
    ----------
    model
        Model folder of the cold start.
    tasks
        Folder of `raw2fig kimi-dev make-tasks`.
    models
        A model folder for each arm: plain, and those of `arms`.
    log
        A row for each arm and update: stage, reward, entropy, tokens of a completion, share of groups with a gradient.
    curricula
        Prompts of each stage of each arm: how many are trained on and are left out, and which came in.
    """
    import pandas as pd

    rng = np.random.default_rng([replicate, 4])
    first, settings = opened(str(model)), reinforcement
    prompts = asked_for(first, read_tasks(tasks / f"{TRAINING}.jsonl"), settings.localisations, rng)
    start = begun(solved(first, prompts, settings.tries, rng), settings.first, settings.recipe.prompts, rng)
    rows: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    last = settings.stages - 1

    def run(arm: str, stage: int, base: Path, now: Curriculum, output: Path) -> None:
        asked = [prompts[place] for place in now.used]
        texts = [" ".join(prompt.words) for prompt in asked]
        rows.extend(trained(base, texts, rewards_of(asked), settings, arm, output, replicate, stage))
        told.append({"arm": arm, "stage": stage, **now._asdict()})

    models.mkdir()
    with scratch_folder("raw2fig-kimi-") as folder:
        for arm in (PLAIN, *({REMEDY} & {*settings.arms})):
            base, now = Path(model), start
            for stage in range(settings.stages):
                if stage:
                    missed = [prompts[place] for place in now.excluded]
                    now = grown(now, solved(opened(str(base)), missed, settings.tries, rng), settings.added, rng)
                if (arm, stage) == (PLAIN, last) and POSITIVE in settings.arms:
                    run(POSITIVE, stage, base, now, models / POSITIVE)
                output = models / arm if stage == last else folder / f"{arm}-{stage}"
                run(arm, stage, base, now, output)
                base = output
    write_table(pd.DataFrame(rows).assign(replicate=replicate), log)
    write_json(told, curricula)


def asked_for(model: Model, tasks: Sequence[Task], number: int, rng: np.random.Generator) -> list[Prompt]:
    """A prompt for the right file of each task and for each other file that a model names."""
    named = localised(model, tasks, number, rng)
    return [
        Prompt(task, path)
        for task, paths in zip(tasks, named, strict=True)
        for path in dict.fromkeys([task.path, *(path for path in paths if path)])
    ]


def solved(model: Model, prompts: Sequence[Prompt], tries: int, rng: np.random.Generator) -> list[int]:
    """How many of so many answers to each prompt are right."""
    if not prompts:
        return []
    words = [prompt.words for prompt in prompts for _ in range(tries)]
    answers = drawn(model, words, rng.random((len(words), ANSWER)))
    right = [is_right(prompts[place // tries], answer) for place, answer in enumerate(answers)]
    return np.reshape(right, (-1, tries)).sum(1).tolist()


def is_right(prompt: Prompt, answer: Sequence[str]) -> bool:
    """The reward: all hidden tests pass, those that failed and those that passed."""
    return resolves(prompt.task, patched(prompt.task, answer), REWARDED)


def rewards_of(prompts: Sequence[Prompt]) -> Callable[[list[str], list[int], int], list[float]]:
    """Rewards of completions, for the trainer."""

    def rewards(completions: list[str], indices: list[int], step: int) -> list[float]:
        pairs = zip(completions, indices, strict=True)
        return [float(is_right(prompts[index], completion.split())) for completion, index in pairs]

    return rewards


def trained(
    base: Path,
    texts: Sequence[str],
    rewards: Callable[[list[str], list[int], int], list[float]],
    settings: Reinforcement,
    arm: str,
    output: Path,
    replicate: int,
    stage: int,
    scored_by: str = "",
) -> list[dict[str, Any]]:
    """Log of a stage of an arm, with the prompts `texts`."""
    from raw2fig.lm.checkpoint import discard
    from raw2fig.rl.replay import Replay
    from raw2fig.rl.trainer import grpo

    recipe = settings.recipe
    if arm == REMEDY:
        recipe = recipe.model_copy(update={"beta": settings.remedy_beta})
    # the buffer is empty before the last stage, so there is nothing to replay before its second round
    replay = Replay(recipe.k, settings.window, settings.replayed, replicate) if arm == POSITIVE else None
    log = grpo(
        base,
        texts,
        rewards,
        recipe,
        output,
        replicate + 1000 * stage,
        scored_by=f"{arm}{scored_by}",
        replay=replay,
    )
    discard(output)
    done = stage * recipe.steps
    return [
        {
            "arm": arm,
            "stage": stage,
            "update": done + int(row["step"]),
            "reward": row["reward"],
            "entropy": row["entropy"],
            "tokens": row["completions/mean_length"],
            "kept": row["kept"],
        }
        for row in log
        if "reward" in row
    ]
