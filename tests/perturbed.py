"""A pytest plugin that perturbs what trains: `RAW2FIG_JITTER=3 pytest -p perturbed ...`, as `make flaky` calls it.

Every model that starts from random weights is changed by a millionth, in the way that `RAW2FIG_JITTER` (a whole number)
seeds; with `RAW2FIG_SHIFT` its weights are drawn from another seed. Training is chaotic: after some steps all weights
and all samples are other ones, as they would be on another processor. `RAW2FIG_THREADS` threads do the sums, whatever
a test asks for.
"""

import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel

JITTER, SHIFT, THREADS = (f"RAW2FIG_{name}" for name in ("JITTER", "SHIFT", "THREADS"))
SIZE = 1e-6
"""Of the change, relative to each weight."""


def pytest_configure() -> None:
    """Before any test module takes a function by its name."""
    import torch

    from raw2fig.lm import models, reward_model

    for module, name in ((models, "build_gpt_neox"), (models, "build_llama"), (reward_model, "load_reward_model")):
        setattr(module, name, perturbed(getattr(module, name)))
    torch.set_num_threads(int(os.environ.get(THREADS, "1")))
    torch.set_num_threads = lambda _: None


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
