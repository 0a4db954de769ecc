"""Tables of published numbers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.published import in_percent, number_in, off_grid, read_numbers, read_published

COLUMNS = {"model": "string", "ratio": "number", "value": "number", "source": "string"}
ROWS = pd.DataFrame(
    {"model": ["a", "a", "b"], "ratio": [0.5, None, 0.5], "value": [1.0, 2.0, 3.0], "source": ["Table 1"] * 3}
)


def test_a_number_is_found_by_its_columns(tmp_path: Path) -> None:
    ROWS.to_csv(tmp_path / "rows.csv", index=False)
    rows = read_published(tmp_path / "rows.csv", COLUMNS, ["model", "ratio"], ["ratio"])
    assert number_in(rows, model="b") == 3
    assert number_in(rows, model="a", ratio=0.5) == 1
    with pytest.raises(InputError, match=r"2 rows have {'model': 'a'}; expected one"):
        number_in(rows, model="a")
    with pytest.raises(InputError, match=r"0 rows have {'model': 'c'}; expected one"):
        number_in(rows, model="c")


def test_a_number_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    pd.concat([ROWS, ROWS[1:2].assign(value=9)]).to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(InputError, match="a, nan is there twice; expected each number once"):
        read_published(tmp_path / "rows.csv", COLUMNS, ["model", "ratio"], ["ratio"])


def test_single_numbers_have_names(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text('name,value,source\n"labels, skip",4399,v2\nbeta,0.999,v2\n')
    assert read_numbers(path) == {"labels, skip": 4399, "beta": 0.999}
    path.write_text("name,value,source\nbeta,1,v2\nbeta,2,v1\n")
    with pytest.raises(InputError, match="beta is there twice"):
        read_numbers(path)


def test_shares_of_a_number_of_items() -> None:
    assert off_grid(50.0, 30) == pytest.approx(0)
    assert off_grid(100 / 3, 30) == pytest.approx(0)
    assert off_grid(1.0, 30) == pytest.approx(1.0)
    assert off_grid(5.0, 30) == pytest.approx(5 - 10 / 3)
    assert max(off_grid(value, 960) for value in np.arange(0, 100, 0.01)) == pytest.approx(100 / 960 / 2, abs=0.005)


def test_a_percentage_keeps_its_value_and_has_the_interval_of_a_share() -> None:
    """Wilson's interval of 302 of 500, by its closed form."""
    found = in_percent(60.4, 500)
    centre, half = (302 + 1.96**2 / 2) / (500 + 1.96**2), 1.96 * (500 * 0.604 * 0.396 + 1.96**2 / 4) ** 0.5
    assert found.value == 60.4
    assert found.low == pytest.approx(100 * (centre - half / (500 + 1.96**2)), abs=1e-3)
    assert found.high == pytest.approx(100 * (centre + half / (500 + 1.96**2)), abs=1e-3)
