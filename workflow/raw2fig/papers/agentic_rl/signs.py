"""Signs of whether a trajectory depended on what its tool said (section 3.1 of the paper: real trajectories), or was
written first and got its calls afterwards (stitched ones).

None of them is a proof. They are about numbers of two digits or more that a result brings into a trajectory: that
neither the problem, nor the call, nor an earlier result holds. Shorter numbers are everywhere. Text that depended on a
result goes on with a number that only the result could tell; text that was there before may state it ahead of the call,
or take no notice of it. The other sign is failed calls that are repaired (`raw2fig.papers.agentic_rl.inspection`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from raw2fig.papers.agentic_rl.trajectories import Turn

Sign = Literal["used", "foretold", "unused", "nothing new"]
"""What becomes of a result: the model goes on with a number of it that it has not written before; it had written all of
its new numbers before; it writes none of them; it brings no new number."""
SIGNS: tuple[Sign, ...] = ("used", "foretold", "unused")
"""Those of results that bring a number."""
SPACED = re.compile(r"(?<!\S)\d(?: \d)+(?!\S)")
"""A number whose digits are words, as in the miniature."""
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def numbers_of(text: str) -> set[str]:
    """The numbers of two digits or more in a text, without thousands separators and without zeros that change nothing:
    `1,250.0` is 1250."""
    joined = SPACED.sub(lambda match: match[0].replace(" ", ""), text)
    found = {match.replace(",", "") for match in NUMBER.findall(joined)}
    plain = {one.rstrip("0").rstrip(".") if "." in one else one for one in found}
    return {one for one in plain if len(one) > 1}


def signs(asked: str, turns: Sequence[Turn], failed: Sequence[bool]) -> Counter[Sign]:
    """How many results there are of each sign. `failed` says of each call whether it failed; the results of these, and
    calls that were not answered, do not count."""
    given, written = numbers_of(asked), set[str]()
    texts = [numbers_of(turn.text) | _called(turn) for turn in turns]
    found, place = Counter[Sign](), 0
    for number, turn in enumerate(turns):
        written |= numbers_of(turn.text)
        later = set[str]().union(*texts[number + 1 :])
        for call in turn.calls:
            told = numbers_of(call.result or "")
            new = told - given - numbers_of(call.argument)
            if call.result is not None and not failed[place]:
                found[_sign(new, written, later)] += 1
            given |= told
            place += 1
        written |= _called(turn)
    return found


def _sign(new: set[str], before: set[str], after: set[str]) -> Sign:
    if not new:
        return "nothing new"
    if new <= before:
        return "foretold"
    return "used" if (new - before) & after else "unused"


def _called(turn: Turn) -> set[str]:
    """Numbers that a turn hands to the tool."""
    return set[str]().union(*(numbers_of(call.argument) for call in turn.calls))
