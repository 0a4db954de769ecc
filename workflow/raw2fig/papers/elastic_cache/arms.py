"""Ways to decode that are compared: each is said by what differs from one decoding."""

from __future__ import annotations

from collections.abc import Mapping

from raw2fig.errors import InputError
from raw2fig.papers.elastic_cache.decoding import Decoding
from raw2fig.settings import read

Change = dict[str, bool | int | float | str | None]
"""Settings that differ."""


def decodings_of(decoding: Decoding, changes: Mapping[str, Change]) -> dict[str, Decoding]:
    """The decoding of each arm. Raises `InputError` for a setting that there is not or cannot be, for no arms, and
    where arms would not meet on equal terms: all answers of a table have the same length."""
    if not changes:
        raise InputError("arms", "there are none", "one at least")
    told = decoding.model_dump()
    arms = {name: read(Decoding, {**told, **change}, f"arms.{name}") for name, change in changes.items()}
    lengths = {one.length for one in arms.values()}
    if len(lengths) > 1:
        raise InputError("arms", f"have answers of {sorted(lengths)} tokens", "one length for all arms of a table")
    return arms
