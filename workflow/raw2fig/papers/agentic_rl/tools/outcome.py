"""What comes of a tool call: a result, a mistake of the model, or a failure of what is around it.

The model sees results and its own mistakes. What fails around it (no connection, a reply that nobody knows, a sandbox
that does not start) says nothing about it: no text of that reaches a trajectory, and no reward is computed from it.
"""

from typing import Literal, NamedTuple

Status = Literal["ok", "model_error", "infra_error"]
Cut = Literal["middle", "left", "right"]
"""Where a long text is cut. The names are verl's: `left` keeps the head, and `right` the tail."""


class Outcome(NamedTuple):
    """What comes of a call. `text` is for the model; of an `infra_error` it is the cause, for the log alone."""

    status: Status
    text: str
    seconds: float
    kind: str = ""
    """How a model's mistake is counted: `exception`, `timeout`, `memory`, `killed`, `unknown tool`, `arguments`, or
    what else a tool knows."""


def infra_error(cause: str, seconds: float = 0.0) -> Outcome:
    """A failure of what is around the model, with its cause in one short line."""
    return Outcome("infra_error", " ".join(cause.split())[:200], seconds)


def shown(outcome: Outcome, characters: int, cut: Cut) -> str:
    """What the model sees of an outcome. Raises `ValueError` for an `infra_error`, of which it sees nothing."""
    if outcome.status == "infra_error":
        raise ValueError("a failure of the infrastructure has no text for a model")
    return shortened(outcome.text, characters, cut)


def shortened(text: str, characters: int, cut: Cut) -> str:
    """A text of more than so many characters without its middle, its end (`left`) or its beginning (`right`)."""
    if len(text) <= characters:
        return text
    if cut == "left":
        return text[:characters] + "...(truncated)"
    if cut == "right":
        return "(truncated)..." + text[-characters:]
    half = characters // 2
    return text[:half] + "...(truncated)..." + text[-half:]
