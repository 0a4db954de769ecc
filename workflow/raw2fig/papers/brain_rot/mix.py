"""`raw2fig brain-rot mix`: junk and control in one corpus, at several ratios and always as many tokens."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.arms import CONTROL, JUNK, read_arm, within_budget
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, OutputFolder, step
from raw2fig.tables import write_json

Ratio = Annotated[float, Field(ge=0, le=1)]


class Mixing(Record):
    """How junk and control are mixed."""

    ratios: list[Ratio] = Field(min_length=1, description="Shares of junk in the tokens of a mix, a mix for each.")
    mix_tokens: int | None = Field(
        ge=1, description="Tokens of a mix; null: as many as the smaller of both arms has, as in the paper."
    )


class Mix(NamedTuple):
    """The documents of a mix in their order: whether each is junk, and its number within its arm."""

    junk: np.ndarray
    document: np.ndarray


def mixture(junk: np.ndarray, control: np.ndarray, ratio: float, budget: int, seed: int) -> Mix:
    """Documents of both arms, given by their tokens: ratio * budget tokens of junk, and control for what is left.

    Documents are taken in a random order that depends on the seed alone, so mixes of one seed are nested: the junk of
    a smaller ratio is part of that of a larger one, and the reverse holds for control. Junk exceeds its share by less
    than one document, and so does the mix its budget. The order of the mix is random too.

    Raises `InputError` when an arm has too few tokens.
    """
    orders = [np.random.default_rng([seed, number]).permutation(len(arm)) for number, arm in enumerate((junk, control))]
    # a product such as .2 * 5 may lie a hair above the integer
    goal = round(ratio * budget, 6)
    taken = [orders[0][: _enough(junk[orders[0]], goal, JUNK)]]
    goal = budget - int(junk[taken[0]].sum())
    taken.append(orders[1][: _enough(control[orders[1]], goal, CONTROL)])
    is_junk = np.repeat([True, False], [len(one) for one in taken])
    order = np.random.default_rng([seed, 2]).permutation(len(is_junk))
    return Mix(is_junk[order], np.concatenate(taken)[order])


def _enough(tokens: np.ndarray, goal: float, arm: str) -> int:
    """How many documents, from the first on, reach the goal."""
    there = int(tokens.sum())
    if there < goal:
        raise InputError(arm, f"has {there} tokens", f"at least {int(np.ceil(goal))}, or a smaller --mix-tokens")
    return within_budget(tokens, goal)


@step
def mix(
    *,
    junk: Input,
    control: Input,
    mixing: Annotated[Mixing, At("split.mixing")],
    folder: OutputFolder = Path("brain-rot-mixes"),
    seed: Seed = 0,
) -> None:
    """Mix junk and control at several ratios, all with as many tokens.

    The folder gets a file of JSON lines for each ratio, such as mix-020.jsonl, with text, tokens and junk (true or
    false), and stats.json with the documents, tokens and share of junk of each. Example: raw2fig brain-rot mix --junk
    brain-rot-split/m1-junk.parquet --control brain-rot-split/m1-control.parquet

    Mixes of one seed are nested: the junk at 20 % is part of the junk at 50 %. Equal seeds give equal files.

    Parameters
    ----------
    junk
        Junk: Parquet with text and tokens, as split and judge write it.
    control
        Control, in the same form.
    folder
        A file for each ratio, and stats.json.
    seed
        Seed of which documents are taken, and of their order.
    """
    arms = [read_arm(path) for path in (junk, control)]
    tokens = [np.asarray(arm.column("tokens"), dtype=np.int64) for arm in arms]
    texts = [arm.column("text") for arm in arms]
    needed = [one for one, used in zip(tokens, _used(mixing.ratios), strict=True) if used]
    budget = mixing.mix_tokens or min(int(one.sum()) for one in needed)
    if not budget:
        raise InputError(junk if not tokens[0].sum() else control, "has no tokens", "an arm with posts")
    names = file_names(mixing.ratios)
    folder.mkdir(parents=True)
    stats = {}
    for name, ratio in zip(names, mixing.ratios, strict=True):
        made = mixture(tokens[0], tokens[1], ratio, budget, seed)
        stats[name] = describe(made, tokens, ratio, budget)
        with (folder / name).open("w", encoding="utf-8", newline="\n") as file:
            for is_junk, document in zip(made.junk.tolist(), made.document.tolist(), strict=True):
                arm = 0 if is_junk else 1
                row = {"text": texts[arm][document].as_py(), "tokens": int(tokens[arm][document]), "junk": is_junk}
                file.write(f"{json.dumps(row, ensure_ascii=False)}\n")
        logging.info("%s: %d documents, %d tokens", name, stats[name]["documents"], stats[name]["tokens"])
    write_json({"seed": seed, "budget": budget, "mixes": stats}, folder / "stats.json")


def _used(ratios: Sequence[float]) -> tuple[bool, bool]:
    """Whether any ratio needs junk, and whether any needs control."""
    return max(ratios) > 0, min(ratios) < 1


def file_names(ratios: Sequence[float]) -> list[str]:
    """`mix-020.jsonl` for .2. Raises `InputError` where two ratios would share a name."""
    names = [f"mix-{100 * ratio:03.0f}.jsonl" for ratio in ratios]
    if len(set(names)) < len(names):
        raise InputError("--ratios", f"are {' '.join(map(str, ratios))}", "ratios that differ by a percent at least")
    return names


def describe(made: Mix, tokens: Sequence[np.ndarray], ratio: float, budget: int) -> dict[str, Any]:
    """Documents, tokens and shares of a mix."""
    of = [tokens[arm][made.document[made.junk == (arm == 0)]] for arm in (0, 1)]
    junk, control = (int(one.sum()) for one in of)
    return {
        "ratio": ratio,
        "budget": budget,
        "documents": len(made.junk),
        "tokens": junk + control,
        "junk_documents": len(of[0]),
        "junk_tokens": junk,
        "junk_share": junk / (junk + control),
        "longest": int(max(one.max(initial=0) for one in of)),
    }
