"""Rewards of the miniature: whether the answer is right, and the tool term of eq. 8.

The penalty for overlong responses (eq. 9) is the engine's (`overlong: shape`). It counts the tokens of results too, as
the released code does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from raw2fig.papers.agentic_rl.chains import END_CALL, END_RESULT, ERROR, RESULT
from raw2fig.papers.agentic_rl.evaluation import said
from raw2fig.papers.agentic_rl.tool_terms import Term, of_right, of_wrong
from raw2fig.rl.update import Rewards

END = "end"
"""Stands for the token that ends a response, which its text does not show."""
FAILED = (RESULT, ERROR, END_RESULT)


def signals_of(answers: Sequence[str], longest: int, most_calls: int) -> Rewards:
    """Signals (completions, 3): whether the answer is right, calls that were answered, and those of them that failed.

    A response of `longest` tokens has no end, and is wrong.
    """

    def signals(completions: list[str], indices: list[int], _: int) -> np.ndarray:
        return np.array([of(text.split(), answers[index]) for text, index in zip(completions, indices, strict=True)])

    def of(words: list[str], answer: str) -> tuple[float, float, float]:
        ended = [*words, END] if len(words) < longest else words
        calls = min(words.count(END_CALL), most_calls)
        failed = sum(tuple(words[at : at + 3]) == FAILED for at, word in enumerate(words) if word == RESULT)
        return float(said(ended, END) == answer), calls, min(failed, calls)

    return signals


@dataclass
class ToolTerm:
    """Rewards by a tool term, as the engine's shaping (`raw2fig.rl.update.Shaping`). It keeps nothing from batch to
    batch but what is logged."""

    term: Term
    numbers: Mapping[str, float]
    means: dict[str, float] = field(default_factory=dict)

    def rewards(self, signals: np.ndarray) -> np.ndarray:
        """Rewards (groups, generations) of the signals of `signals_of`."""
        right, calls, failed = signals
        paid = (of_right(self.term, calls, self.numbers), of_wrong(self.term, calls, self.numbers))
        rewards = np.where(right > 0, *paid)
        answered = calls.sum()
        self.means = {"outcome": float(rewards.mean()), "calls": float(calls.mean())}
        if answered:
            self.means["tool_success"] = float(1 - failed.sum() / answered)
        return rewards

    def told(self, advantages: np.ndarray) -> dict[str, float]:
        """Mean reward without the penalty for length, calls of a response, their success; the share of groups whose
        rewards differ, and the mean size of the advantages."""
        size = np.abs(advantages)
        return self.means | {"informative": float((size.max(1) > 0).mean()), "advantage": float(size.mean())}

    def state(self) -> Any:
        return None

    def restore(self, state: Any) -> None: ...
