"""`raw2fig dr-llm features` and `train`: what routers read is computed once and stored; routers are fitted to it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.answering import Answering, ask
from raw2fig.papers.dr_llm.features import teacher_forced
from raw2fig.papers.dr_llm.fit import Features, Training, fit
from raw2fig.papers.dr_llm.labels import Labelling, class_counts, label
from raw2fig.papers.dr_llm.paths import ACTIONS, as_actions
from raw2fig.papers.dr_llm.records import read_searched
from raw2fig.papers.dr_llm.routing.pooling import WindowMode
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, step
from raw2fig.tables import write_json, write_table


class Reading(Record):
    """What routers read of a prompt."""

    windows: int = Field(ge=1, description="Most windows whose mean states a router reads; 8 in the paper.")
    window_mode: WindowMode = Field(
        description="floor (paper): windows of equal length, and the last tokens that fill none are not read; balanced:"
        " all tokens are read."
    )


@step
def features(
    *,
    model: Input,
    found: Input,
    features: Output,
    log: Output,
    answering: Annotated[Answering, At("own.answering")],
    labelling: Annotated[Labelling, At("own.labelling")],
    reading: Annotated[Reading, At("own.reading")],
) -> None:
    """Choose labels among the routes that a search has found, and store what routers read under them.

    Parameters
    ----------
    model
        Model folder.
    found
        What `raw2fig dr-llm search` found.
    features
        Safetensors file: mean states (questions, layers, windows, width), windows and labels.
    log
        How many questions are used, how many of them were wrong by default, and how often each label occurs.
    """
    import torch
    from safetensors.torch import save_file

    from raw2fig.lm.models import load
    from raw2fig.papers.dr_llm.routing import RoutedModel

    rows = label(read_searched(found), labelling)
    if not rows:
        raise InputError(found, "has no question with a right path that labels may be made of", "one at least")
    network, tokenizer = load(str(model))
    network.eval()
    actions = as_actions([row.labels for row in rows])
    prompts = ask(tokenizer, [row.question for row in rows], answering).prompts
    with RoutedModel(network) as routed:
        made = teacher_forced(routed, prompts, actions, reading.windows, reading.window_mode, answering.at_once)
    counts = class_counts([row.labels for row in rows])
    logging.info("%d questions, labels %s", len(rows), dict(zip(ACTIONS, counts, strict=True)))
    tensors = {"means": made.means, "windows": made.windows, "labels": torch.from_numpy(actions.astype(np.int64))}
    save_file(tensors, features, {"windows": str(reading.windows), "window_mode": reading.window_mode})
    tasks = [row.question.task for row in rows]
    write_json(
        {
            "questions": len(rows),
            "fixed": sum(row.fixed for row in rows),
            "tasks": {task: tasks.count(task) for task in dict.fromkeys(tasks)},
            "labels": dict(zip(ACTIONS, counts, strict=True)),
            "saved": actions.shape[1] - float(actions.sum(1).mean()),
        },
        log,
    )


@step
def train(
    *,
    model: Input,
    features: Input,
    adapter: OutputFolder,
    log: Output,
    training: Annotated[Training, At("own.training")],
    seed: Seed = 0,
) -> None:
    """Train the routers of all layers on stored features.

    Parameters
    ----------
    model
        Model folder, which the adapter belongs to.
    features
        What `raw2fig dr-llm features` stored.
    adapter
        Folder with the routers' weights and configuration.
    log
        A row for each epoch: the loss, and F1 and accuracy of each label on questions that are held out.
    """
    import pandas as pd

    from raw2fig.lm.models import load
    from raw2fig.papers.dr_llm.routing import RoutedModel
    from raw2fig.papers.dr_llm.routing.routers import Routers, stacked

    stored, windows, mode = read_features(features)
    fitted = fit(stored, held_out_rows(len(stored.labels), training.held_out, seed), training, seed)
    network, _ = load(str(model))
    with RoutedModel(network, Routers(stacked(fitted.tensors), windows, mode)) as routed:
        routed.save_routers(adapter, label_counts=fitted.counts)
    write_table(pd.DataFrame(epochs(fitted.losses, fitted.scores)), log)


def held_out_rows(number: int, share: float, seed: int) -> np.ndarray:
    """Which of the rows are held out (rows,)."""
    out = np.zeros(number, dtype=bool)
    out[np.random.default_rng([seed, 4]).permutation(number)[: max(1, round(share * number))]] = True
    return out


def epochs(losses: list[float], scores: list[Any]) -> list[dict[str, Any]]:
    """A row for each epoch."""
    return [
        {"epoch": number, "loss": loss, "macro_f1": one.macro_f1, "accuracy": one.accuracy}
        | {f"f1_{name}": value for name, value in zip(ACTIONS, one.f1, strict=True)}
        | {f"accuracy_{name}": value for name, value in zip(ACTIONS, one.class_accuracy, strict=True)}
        for number, (loss, one) in enumerate(zip(losses, scores, strict=True), 1)
    ]


def read_features(path: Path) -> tuple[Features, int, WindowMode]:
    """Stored features, the most windows, and how prompts were cut. Raises `InputError` for another file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
            states, windows, labels = (file.get_tensor(name) for name in ("means", "windows", "labels"))
            mode: Any = told["window_mode"]
            return Features(states, windows, labels), int(told["windows"]), mode
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(path, "holds no features", "a file that raw2fig dr-llm features wrote") from error
