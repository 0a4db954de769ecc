"""A pytest plugin that perturbs what trains: `RAW2FIG_JITTER=3 pytest -p perturbed ...`, as `make flaky` calls it.

Every model that starts from random weights is changed by a millionth, in the way that `RAW2FIG_JITTER` (a whole number)
seeds; with `RAW2FIG_SHIFT` its weights are drawn from another seed. Training is chaotic: after some steps all weights
and all samples are other ones, as they would be on another processor. `RAW2FIG_THREADS` threads do the sums, whatever
a test asks for. How each test ended is written to the file `RAW2FIG_OUTCOMES`, as soon as it has.
"""

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from transformers import PreTrainedModel

JITTER, SHIFT, THREADS, OUTCOMES = (f"RAW2FIG_{name}" for name in ("JITTER", "SHIFT", "THREADS", "OUTCOMES"))
SIZE = 1e-6
"""Size of the change, relative to each weight."""


def pytest_configure() -> None:
    """Before any test module takes a function by its name."""
    import torch

    from raw2fig.lm import models, reward_model

    for module, name in ((models, "build_gpt_neox"), (models, "build_llama"), (reward_model, "load_reward_model")):
        setattr(module, name, perturbed(getattr(module, name)))
    torch.set_num_threads(int(os.environ.get(THREADS, "1")))
    torch.set_num_threads = lambda _: None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed or (report.when == "call" and report.passed):
        note(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:  # a file that cannot be imported
        note(report)


def note(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Write a line [test, first line of its failure], "" for a test that held."""
    told = ""
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        told = next(iter((crash.message if crash else report.longreprtext).strip().splitlines()), "failed")
    if path := os.environ.get(OUTCOMES):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps([report.nodeid, told]) + "\n")


def perturbed(build: Callable[..., Any]) -> Callable[..., Any]:
    """`build` with other random weights. A reward model that is only loaded stays as it is."""

    @functools.wraps(build)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        if build.__name__ == "load_reward_model":
            if options.get("head", True):
                return build(*arguments, **options)
            options["seed"] = options.get("seed", 0) + int(os.environ.get(SHIFT, "0"))
            model, words = build(*arguments, **options)
            jitter(model)
            return model, words
        *others, seed = arguments
        model = build(*others, seed + int(os.environ.get(SHIFT, "0")))
        jitter(model)
        return model

    return wrapped


def jitter(model: "PreTrainedModel") -> None:
    """Change every weight by a millionth: the same change for the same weights, so that equal models stay equal."""
    import torch

    draws = torch.Generator().manual_seed(int(os.environ.get(JITTER, "0")))
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1 + SIZE * torch.randn(weight.shape, generator=draws))
