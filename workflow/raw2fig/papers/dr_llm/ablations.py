"""`raw2fig dr-llm ablate`: routers of other sizes, windows, losses and states on the same labels (Figures 5 and 9,
Table 6)."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np

from raw2fig.papers.dr_llm.answering import Answering, ask
from raw2fig.papers.dr_llm.evaluation import Runner, runner_of
from raw2fig.papers.dr_llm.features import teacher_forced
from raw2fig.papers.dr_llm.fit import Features, Scores, Training, fit
from raw2fig.papers.dr_llm.items import TEST, read_items
from raw2fig.papers.dr_llm.labels import Labelling, label
from raw2fig.papers.dr_llm.losses import LossName
from raw2fig.papers.dr_llm.paths import EXECUTE, as_actions
from raw2fig.papers.dr_llm.records import read_searched
from raw2fig.papers.dr_llm.training import Reading, held_out_rows
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    from raw2fig.papers.dr_llm.records import Question
    from raw2fig.papers.dr_llm.routing import RoutedModel

Whole = Annotated[int, Field(ge=1)]
States = Literal["forced", "base", "first"]
"""forced (paper): routers are trained on the states of the labels' routes; base: on those of the model with every layer
executed; first: all routers read what goes into the first layer, in training and in use."""
FORCED: States = "forced"
FIRST: States = "first"
HIDDEN, LINEAR_LAYERS, WINDOWS, LOSS, STATES = FACTORS = ("hidden", "linear_layers", "windows", "loss", "states")
"""What is changed."""


class Ablations(Record):
    """Settings that are changed one at a time."""

    widths: list[Whole] = Field(description="Widths of a router's hidden layers.")
    maps: list[Whole] = Field(description="Numbers of linear maps of a router.")
    window_numbers: list[Whole] = Field(description="Most windows that a router reads.")
    losses: list[LossName] = Field(description="Losses.")
    states: list[States] = Field(
        description="forced: routers are trained on the states of the labels' routes; base: of the model as it is; "
        "first: they read what goes into the first layer."
    )
    knobs: list[Annotated[float, Field(ge=-1, le=1)]] = Field(
        min_length=1, description="Settings of the control knob that are compared."
    )
    questions: int = Field(ge=1, description="Most test questions of each task.")


class Arm(NamedTuple):
    """Routers with one setting changed, or none."""

    factor: str
    value: str
    training: Training
    reading: Reading
    states: States


def arms(ablations: Ablations, training: Training, reading: Reading) -> Iterator[Arm]:
    """All arms, by what is changed; the settings as they are come in each factor that lists them."""
    for hidden in ablations.widths:
        yield Arm(HIDDEN, f"{hidden}", training.model_copy(update={"hidden": hidden}), reading, FORCED)
    for number in ablations.maps:
        yield Arm(LINEAR_LAYERS, f"{number}", training.model_copy(update={"linear_layers": number}), reading, FORCED)
    for windows in ablations.window_numbers:
        yield Arm(WINDOWS, f"{windows}", training, reading.model_copy(update={"windows": windows}), FORCED)
    for kind in ablations.losses:
        loss = training.loss.model_copy(update={"kind": kind})
        yield Arm(LOSS, kind, training.model_copy(update={"loss": loss}), reading, FORCED)
    for states in ablations.states:
        yield Arm(STATES, states, training, reading, states)


@step
def ablate(
    *,
    model: Input,
    items: Input,
    found: Input,
    table: Output,
    answering: Annotated[Answering, At("own.answering")],
    labelling: Annotated[Labelling, At("own.labelling")],
    reading: Annotated[Reading, At("own.reading")],
    training: Annotated[Training, At("own.training")],
    ablations: Annotated[Ablations, At("mini.ablations")],
    seed: Seed = 0,
) -> None:
    """Train routers with one setting changed at a time, and compare them on test questions of the searched tasks.

    Parameters
    ----------
    model
        Model folder.
    items
        Questions, as for `raw2fig dr-llm evaluate`. The part test is taken.
    found
        What `raw2fig dr-llm search` found.
    table
        A row for each changed setting and knob: questions, right ones with every layer (base) and routed, layers per
        token, those of the model, and how well the routers say labels that are held out.
    """
    import pandas as pd

    from raw2fig.lm.models import load
    from raw2fig.papers.dr_llm.routing import RoutedModel
    from raw2fig.papers.dr_llm.routing.routers import Routers, stacked

    searched = read_searched(found)
    rows = label(searched, labelling)
    network, tokenizer = load(str(model))
    network.eval()
    prompts = ask(tokenizer, [row.question for row in rows], answering).prompts
    labels = as_actions([row.labels for row in rows])
    questions = some_of_each(read_items(items, TEST), {row.question.task for row in searched}, ablations.questions)
    asked = ask(tokenizer, questions, answering)
    out = held_out_rows(len(rows), training.held_out, seed)
    with RoutedModel(network) as routed:
        whole = np.full((len(questions), routed.layers), EXECUTE)
        base = int(runner_of(routed, tokenizer, asked, answering)(whole).right.sum())
    measured: dict[tuple[Training, Reading, States], list[dict[str, Any]]] = {}
    table_rows = []
    for arm in arms(ablations, training, reading):
        if arm[2:] not in measured:
            with RoutedModel(network) as routed:
                fitted = fit(read(routed, prompts, labels, arm, answering.at_once), out, arm.training, seed)
            routers = Routers(stacked(fitted.tensors), arm.reading.windows, arm.reading.window_mode)
            with RoutedModel(network, routers) as routed:
                runner = runner_of(routed, tokenizer, asked, answering)
                read_first = arm.states == FIRST
                first = read(routed, asked.prompts, None, arm, answering.at_once) if read_first else None
                measured[arm[2:]] = [
                    _row(routed, knob, runner, first) | _scores(fitted.scores[-1]) for knob in ablations.knobs
                ]
            logging.info("%s %s", arm.factor, arm.value)
        about = {"factor": arm.factor, "value": arm.value, "base": base, "of": labels.shape[1]}
        table_rows += [about | row for row in measured[arm[2:]]]
    write_table(pd.DataFrame(table_rows), table)


def some_of_each(questions: Sequence[Question], tasks: Collection[str], most: int) -> list[Question]:
    """The first questions of each of these tasks."""
    seen: dict[str, int] = dict.fromkeys(tasks, 0)
    taken = []
    for one in questions:
        if one.task in tasks and seen[one.task] < most:
            seen[one.task] += 1
            taken.append(one)
    return taken


def read(routed: RoutedModel, prompts: list[list[int]], labels: np.ndarray | None, arm: Arm, at_once: int) -> Features:
    """What the routers of an arm read, and the labels; without any, all layers are executed."""
    import torch

    whole = np.full((len(prompts), routed.layers), EXECUTE)
    said = whole if labels is None else labels
    made = teacher_forced(
        routed,
        prompts,
        said if arm.states == FORCED else whole,
        arm.reading.windows,
        arm.reading.window_mode,
        at_once,
    )
    means = made.means[:, :1].expand_as(made.means) if arm.states == FIRST else made.means
    return Features(means, made.windows, torch.from_numpy(said.astype(np.int64)))


def _row(routed: RoutedModel, knob: float, runner: Runner, first: Features | None) -> dict[str, Any]:
    """Test questions at a knob. `first` is what routers read that do not read their own layer's states."""
    from raw2fig.papers.dr_llm.routing.control import decide
    from raw2fig.papers.dr_llm.routing.routers import logits_of

    if first is None or routed.routers is None:
        routed.control = knob
        run = runner(None)
    else:
        run = runner(decide(logits_of(routed.routers.stack, first.states, first.windows), knob).numpy())
    return {
        "knob": knob,
        "n": len(run.right),
        "right": int(run.right.sum()),
        "layers": float(run.routes.sum(1).mean()),
    }


def _scores(scores: Scores) -> dict[str, float]:
    skip, _, repeat = scores.f1
    return {"macro_f1": scores.macro_f1, "f1_skip": skip, "f1_repeat": repeat, "accuracy": scores.accuracy}
