"""From reply to guess: the official rule, and ours that looks for FINAL GUESS first."""

import pytest

from raw2fig.papers.coordination.parse import parse

TABLE = [
    # reply, ours, compat
    ("FINAL GUESS: 17", (17, "final"), (17, "last")),
    ("FINAL GUESS: [17]", (17, "final"), (17, "last")),
    ("**Final Guess:** 17", (17, "final"), (17, "last")),
    ("final guess is 17.", (17, "final"), (17, "last")),
    ("FINAL GUESS:\n\n17", (17, "final"), (17, "last")),
    ("FINAL GUESS: 75", (50, "final_clipped"), (50, "clipped")),
    ("I think of 30. FINAL GUESS: 75", (50, "final_clipped"), (30, "first")),
    ("FINAL GUESS: 12, no, FINAL GUESS: 14 (of 50)", (14, "final"), (50, "last")),
    ("FINAL GUESS: 14. Then the sum is 140.", (14, "final"), (14, "first")),
    ("-5", (5, "last"), (5, "last")),
    ("FINAL GUESS: -5", (5, "final"), (5, "last")),
    ("FINAL GUESS: 0", (0, "final"), (0, "last")),
    ("FINAL GUESS: 50", (50, "final"), (50, "last")),
    ("FINAL GUESS: 51", (50, "final_clipped"), (50, "clipped")),
    ("12.7", (7, "last"), (7, "last")),
    ("from 20 to 30", (30, "last"), (30, "last")),
    ("between 20 and 300", (20, "first"), (20, "first")),
    ("between 200 and 300", (50, "clipped"), (50, "clipped")),
    ("between 200, 20 and 300", (50, "clipped"), (50, "clipped")),
    ("FINAL GUESS: <number>", (25, "default"), (25, "default")),
    ("FINAL GUESS: the number 9", (9, "last"), (9, "last")),
    ("no idea", (25, "default"), (25, "default")),
    ("", (25, "default"), (25, "default")),
    ("9" * 6000, (50, "clipped"), (50, "clipped")),
    ("0" * 6000 + "7", (7, "last"), (7, "last")),
]


@pytest.mark.parametrize(("reply", "ours", "compat"), TABLE, ids=[text[:30] for text, _, _ in TABLE])
def test_check_15_the_table_of_replies(reply: str, ours: tuple[int, str], compat: tuple[int, str]) -> None:
    assert parse(reply) == ours
    assert parse(reply, "compat") == compat
