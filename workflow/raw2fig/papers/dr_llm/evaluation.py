"""`raw2fig dr-llm evaluate`: accuracy and layers of routed questions, beside routes that do not know the question."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from raw2fig.papers.dr_llm.accounting import agreement, layer_applications
from raw2fig.papers.dr_llm.answering import Answering, Asked, answered, ask
from raw2fig.papers.dr_llm.baselines import block_influence, others_routes, pruned, random_routes
from raw2fig.papers.dr_llm.items import TEST, VALIDATION, read_items
from raw2fig.papers.dr_llm.paths import EXECUTE, REPEAT, SKIP
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    from pandas import DataFrame
    from transformers import PreTrainedTokenizerBase

    from raw2fig.papers.dr_llm.records import Question
    from raw2fig.papers.dr_llm.routing import RoutedModel

BASE, ROUTER, RANDOM, OTHERS, SHORT = "base", "router", "random", "others", "shortgpt"
"""Ways to route: every layer; the routers; as many skips and repeats at random layers; routes of other questions of the
same task; the layers of least influence left out."""


class Comparison(Record):
    """What routers are compared with, and at which settings of the knob."""

    knobs: list[Annotated[float, Field(ge=-1, le=1)]] = Field(
        min_length=1, description="Settings of the control knob; -0.5: routers alone, 0: the base model."
    )
    tolerance: float = Field(
        ge=0, description="Accuracy that may be lost on validation questions, for the knob that is chosen."
    )
    pruned: list[Annotated[int, Field(ge=1)]] = Field(description="Numbers of layers that ShortGPT leaves out.")


class Run(NamedTuple):
    """Questions on their routes: whether each is right, forward passes of its answer, and the routes (questions,
    layers)."""

    right: np.ndarray
    passes: np.ndarray
    routes: np.ndarray


Runs = dict[tuple[str, float], Run]
"""Way and knob, or number of layers left out → its run."""


@step
def evaluate(
    *,
    model: Input,
    items: Input,
    adapter: Input,
    table: Output,
    uses: Output,
    answering: Annotated[Answering, At("own.answering")],
    comparison: Annotated[Comparison, At("own.comparison")],
    seed: Seed = 0,
) -> None:
    """Compare routers with the whole model, with routes that do not know the question, and with fewer layers for all.

    The knob is chosen on validation questions: the one with the fewest layers among those that lose no more accuracy
    than the tolerance. Only then are the test questions read.

    Parameters
    ----------
    model
        Model folder.
    items
        Questions: a table or JSON lines with task, prompt, answer and part, and maybe qid. The parts validation and
        test are taken.
    adapter
        Folder of the routers.
    table
        A row for each way, knob and task: questions, right ones, layers per token, layer applications of an answer,
        skips and repeats, and how many questions turned from wrong to right and back.
    uses
        A row for each task and layer: how often the routers at the chosen knob apply it, on average.
    """
    import pandas as pd

    from raw2fig.lm.models import load
    from raw2fig.papers.dr_llm.routing import RoutedModel

    network, tokenizer = load(str(model))
    network.eval()
    with RoutedModel.from_pretrained(network, adapter) as routed:
        known = read_items(items, VALIDATION)
        calibration = ask(tokenizer, known, answering)
        runner = runner_of(routed, tokenizer, calibration, answering)
        chosen, validated = _chosen_knob(routed, runner, known, comparison)
        influence = _influence(routed, calibration, answering.at_once)
        questions = read_items(items, TEST)
        runner = runner_of(routed, tokenizer, ask(tokenizer, questions, answering), answering)
        runs = _runs(routed, runner, questions, chosen, influence, comparison, seed)
        rows = [*validated, *_rows(TEST, questions, runs, chosen)]
        write_table(pd.DataFrame(rows), table)
        write_table(_uses(questions, runs[ROUTER, chosen].routes), uses)


Runner = Callable[[np.ndarray | None], Run]


def runner_of(routed: RoutedModel, tokenizer: PreTrainedTokenizerBase, asked: Asked, answering: Answering) -> Runner:
    """All questions on given routes, or on those of the routers."""
    places = np.arange(len(asked.prompts))

    def run(routes: np.ndarray | None) -> Run:
        outcomes, taken = answered(routed, tokenizer, asked, places, routes, answering)
        return Run(np.array([one.right for one in outcomes]), np.array([one.passes for one in outcomes]), taken)

    return run


def _at(routed: RoutedModel, knob: float, runner: Runner) -> Run:
    routed.control = knob
    return runner(None)


def _chosen_knob(
    routed: RoutedModel, runner: Runner, questions: Sequence[Question], comparison: Comparison
) -> tuple[float, list[dict[str, Any]]]:
    """The knob with the fewest layers among those that lose no more than the tolerance on validation questions, or the
    one that loses least; and a row for each knob."""
    base = runner(np.full((len(questions), routed.layers), EXECUTE))
    runs = {(ROUTER, knob): _at(routed, knob, runner) for knob in comparison.knobs}
    chosen = choose(
        {knob: (float(run.right.mean()), float(run.routes.sum(1).mean())) for (_, knob), run in runs.items()},
        float(base.right.mean()) - comparison.tolerance,
    )
    logging.info("knob %g of %s", chosen, comparison.knobs)
    return chosen, _rows(VALIDATION, questions, {(BASE, 0.0): base, **runs}, chosen)


def choose(tried: Mapping[float, tuple[float, float]], least: float) -> float:
    """The knob with the fewest layers among those with an accuracy of `least` or more; where there is none, the one
    with the highest accuracy. `tried` maps knobs to accuracy and layers."""
    fitting = {knob: one for knob, one in tried.items() if one[0] >= least}
    if fitting:
        return min(fitting, key=lambda knob: (fitting[knob][1], knob))
    return max(tried, key=lambda knob: (tried[knob][0], -tried[knob][1]))


def _runs(
    routed: RoutedModel,
    runner: Runner,
    questions: Sequence[Question],
    chosen: float,
    influence: np.ndarray,
    comparison: Comparison,
    seed: int,
) -> Runs:
    rng = np.random.default_rng([seed, 5])
    layers = np.full((len(questions), routed.layers), EXECUTE)
    runs: Runs = {(BASE, 0.0): runner(layers)}
    for knob in comparison.knobs:
        runs[ROUTER, knob] = _at(routed, knob, runner)
    routes = runs[ROUTER, chosen].routes
    runs[RANDOM, chosen] = runner(random_routes(routes, rng))
    runs[OTHERS, chosen] = runner(within_tasks(questions, routes, rng))
    for number in comparison.pruned:
        runs[SHORT, float(number)] = runner(np.broadcast_to(pruned(influence, number), layers.shape))
    return runs


def within_tasks(questions: Sequence[Question], routes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each question has the route of another one of its task; a question that is alone keeps its own."""
    found = routes.copy()
    tasks = np.array([one.task for one in questions])
    for task in dict.fromkeys(tasks.tolist()):
        mine = np.flatnonzero(tasks == task)
        if len(mine) > 1:
            found[mine] = others_routes(routes[mine], rng)
    return found


def _influence(routed: RoutedModel, asked: Asked, at_once: int) -> np.ndarray:
    """ShortGPT's influence of each layer (layers,) on the tokens of these prompts."""
    import torch

    decoder: Any = routed.base.get_decoder()
    read: list[list[torch.Tensor]] = [[] for _ in range(routed.layers + 1)]

    def keep(place: int) -> Callable[..., None]:
        return lambda module, inputs, output=None: read[place].append(
            (inputs[0] if output is None else output).flatten(0, 1)
        )

    layers = decoder.layers
    handles = [layer.register_forward_pre_hook(keep(place)) for place, layer in enumerate(layers)]
    handles.append(layers[-1].register_forward_hook(keep(len(layers))))
    try:
        with torch.no_grad():
            # prompts of one length together, so that no token is padding
            for _, alike in groupby(sorted(asked.prompts[:at_once], key=len), key=len):
                decoder(torch.tensor(list(alike), device=decoder.device), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return block_influence([torch.cat(some) for some in read])


def _rows(part: str, questions: Sequence[Question], runs: Runs, chosen: float) -> list[dict[str, Any]]:
    """A row for each run and task."""
    tasks = np.array([one.task for one in questions])
    base = runs[BASE, 0.0].right
    rows = []
    for (way, knob), run in runs.items():
        for task in dict.fromkeys(tasks.tolist()):
            mine = tasks == task
            routes, right, before = run.routes[mine], run.right[mine], base[mine]
            rows.append(
                {
                    "part": part,
                    "way": way,
                    "knob": knob,
                    "chosen": way in (ROUTER, RANDOM, OTHERS) and knob == chosen,
                    "task": task,
                    "n": int(mine.sum()),
                    "right": int(right.sum()),
                    "layers": float(routes.sum(1).mean()),
                    "applications": float(layer_applications(routes, run.passes[mine]).mean()),
                    "skips": float((routes == SKIP).sum(1).mean()),
                    "repeats": float((routes == REPEAT).sum(1).mean()),
                    "gained": int((right & ~before).sum()),
                    "lost": int((before & ~right).sum()),
                    "agreement": agreement(routes) if mine.sum() > 1 else 1.0,
                }
            )
    return rows


def _uses(questions: Sequence[Question], routes: np.ndarray) -> DataFrame:
    """A row for each task and layer."""
    import pandas as pd

    tasks = np.array([one.task for one in questions])
    return pd.DataFrame(
        [
            {"task": task, "layer": layer, "uses": float(use), "skipped": float(skipped), "repeated": float(repeated)}
            for task in dict.fromkeys(tasks.tolist())
            for layer, (use, skipped, repeated) in enumerate(
                zip(
                    routes[tasks == task].mean(0),
                    (routes[tasks == task] == SKIP).mean(0),
                    (routes[tasks == task] == REPEAT).mean(0),
                    strict=True,
                )
            )
        ]
    )
