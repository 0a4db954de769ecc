"""Texts that must not be seen: replies to harmful requests. They can be scored, and neither printed nor written."""

from __future__ import annotations


class Withheld:
    """A text that shows its length alone, whichever way it is printed; `reveal` is for scorers."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. What is made of it must not hold it."""
        return self._text

    def __repr__(self) -> str:
        return f"<withheld: {len(self._text)} letters>"

    def __reduce__(self) -> str:
        raise TypeError("a withheld text is not written")
