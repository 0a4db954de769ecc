"""What a knob of HERO changes in the advantages, with either scale of them: on rollouts, without any training."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.hero.shaping import (
    STD_EPSILON,
    Arm,
    Parameters,
    Scale,
    Shaping,
    advantages,
    shape_groups,
    sigma_bar_in,
    spread,
)
from raw2fig.settings import Field
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, write_table

SCALES: tuple[Scale, ...] = ("none", "group")


@step
def inertness(
    *,
    rollouts: Input,
    changes: Output,
    generations: Annotated[int, Field(ge=2)],
    alpha: Annotated[float, Field(ge=0, lt=1)],
    shaping: Shaping,
) -> None:
    """Compare HERO's advantages with and without the weight, and with bands of half their width.

    Parameters
    ----------
    rollouts
        Table of completions, those of a prompt adjacent: prompt, rule, rm, replicate.
    changes
        A row per knob, scale and group: replicate, knob, scale, prompt, uniform, and over the completions of the group
        the mean |A| before the change, and the largest and the mean change of A.
    generations
        Completions of each prompt.
    alpha
        Half-width of the bands, as in the runs that the comparison is shown with.
    """
    import pandas as pd

    frame = read_table(rollouts, {"prompt": "string", "rule": "number", "rm": "number", "replicate": "integer"})
    first = frame["prompt"].to_numpy()[::generations]
    if len(frame) % generations or (np.repeat(first, generations) != frame["prompt"].to_numpy()).any():
        raise InputError(rollouts, "completions of a prompt are not adjacent", f"{generations} rows of each prompt")
    rule, rm = (frame[name].to_numpy(dtype=float).reshape(-1, generations) for name in ("rule", "rm"))
    plain = shaping.parameters(alpha)
    knobs: dict[str, tuple[Arm, Parameters]] = {
        "weight": ("hero", plain),
        "band width": ("hero_no_weight", replace(plain, alpha=plain.alpha / 2, beta=plain.beta / 2)),
    }
    sigma_bar = sigma_bar_in(None, spread(rm))
    before = shape_groups("hero_no_weight", rule, rm, plain, sigma_bar)
    parts = []
    for knob, (arm, parameters) in knobs.items():
        after = shape_groups(arm, rule, rm, parameters, sigma_bar)
        for scale in SCALES:
            old, new = (advantages(shaped.rewards, scale, STD_EPSILON) for shaped in (before, after))
            parts.append(
                pd.DataFrame(
                    {
                        "replicate": frame["replicate"].to_numpy()[::generations],
                        "knob": knob,
                        "scale": scale,
                        "prompt": first,
                        "uniform": before.uniform,
                        "size": np.abs(old).mean(1),
                        "largest": np.abs(new - old).max(1),
                        "mean": np.abs(new - old).mean(1),
                    }
                )
            )
    write_table(pd.concat(parts, ignore_index=True), changes)
