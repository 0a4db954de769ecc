"""Questions in English for pretrained models: small numbers, and which continent countries and capitals are in.

Each has one right token, and four examples before it, which are of the part that routes are searched for. The numbers
of inhabitants, which part easy from hard countries, and the capitals are those of GeoNames (CC BY 4.0).
"""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.items import PARTS, SEARCH, Items
from raw2fig.settings import Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import read_table, write_table

SHOTS = 4
"""Examples before a question."""
KNOWN_TO_MANY = 90
"""Countries with the most inhabitants, which are the easy ones."""


class Fact(NamedTuple):
    """A question without examples, and its answer as it goes on from there."""

    question: str
    answer: str


def facts(countries: Path) -> dict[str, list[Fact]]:
    """All facts of each task. Digits are tokens of their own."""
    table = read_table(
        countries, {"country": "string", "capital": "string", "continent": "string", "population": "integer"}
    )
    table = table.sort_values("population", ascending=False, kind="stable")
    parts = {"countries easy": table.head(KNOWN_TO_MANY), "countries hard": table.iloc[KNOWN_TO_MANY:]}
    pairs = list(product(range(10), repeat=2))
    found = {
        "plus": [Fact(f"{a}+{b}=", str(a + b)) for a, b in pairs if a + b < 10],
        "minus": [Fact(f"{a}-{b}=", str(a - b)) for a, b in pairs if a >= b],
        "largest": [Fact(f"max({a},{b},{c})=", str(max(a, b, c))) for a, b, c in permutations(range(10), 3)],
        "smallest": [Fact(f"min({a},{b},{c})=", str(min(a, b, c))) for a, b, c in permutations(range(10), 3)],
    }
    for task, rows in parts.items():
        places = [*zip(rows["country"], rows["continent"], strict=True)]
        places += [
            (capital, continent)
            for country, capital, continent in zip(rows["country"], rows["capital"], rows["continent"], strict=True)
            if capital != country
        ]
        found[task] = [Fact(f"{place} is in", f" {continent}") for place, continent in dict(places).items()]
    return found


@step
def make_english_items(
    *, countries: Input, table: Output, items: Annotated[Items, At("pretrained.items")], replicate: Seed
) -> None:
    """Draw questions in English: with one digit as the answer, and about the continents of countries and capitals.

    A fact is in one part only. Where a task has fewer facts than questions, they come again with other examples.

    Parameters
    ----------
    countries
        Table of countries: country, capital, continent, population.
    table
        The questions: qid, task, part, prompt, answer.
    """
    import pandas as pd

    wanted = dict(zip(PARTS, (items.search, items.validation, items.test), strict=True))
    rows = []
    for number, (task, known) in enumerate(facts(countries).items()):
        rng = np.random.default_rng([replicate, 3, number])
        order = rng.permutation(len(known))
        ends = np.cumsum([len(known) * size // sum(wanted.values()) for size in wanted.values()])
        of_part = dict(zip(PARTS, np.split(order, ends[:-1]), strict=True))
        if len(of_part[SEARCH]) <= SHOTS:
            raise InputError("items", f"{len(of_part[SEARCH])} facts of {task!r} to search", f"more than {SHOTS}")
        for part, size in wanted.items():
            for place, fact in enumerate(np.resize(of_part[part], size).tolist()):
                examples = rng.choice([one for one in of_part[SEARCH] if one != fact], SHOTS, replace=False)
                shown = [f"{known[one].question}{known[one].answer}" for one in examples]
                prompt = "\n".join([*shown, known[fact].question])
                row = {"qid": f"{task}-{part}-{place}", "task": task, "part": part}
                rows.append(row | {"prompt": prompt, "answer": known[fact].answer})
    write_table(pd.DataFrame(rows), table)
