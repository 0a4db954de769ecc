"""Tables and small documents between steps: Parquet, CSV or JSON Lines tables checked on reading, JSON and YAML.

Mistakes in a file are found when it is read and raised as one `InputError`: a step either has the columns it asked for,
of the kinds it asked for, or it has not started.
"""

import json
import math
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from raw2fig.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Kind = Literal["number", "integer", "string", "boolean", "list"]

NOT_A_NUMBER = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]
"""What stands for a missing value in a CSV column that is not text. In a text column only an empty cell does,
because words such as `None` and `NA` are legitimate labels."""
LARGEST = 1e100
"""What a number of a user's table is at most, and one over it what it is at least unless it is 0."""
DIGITS = 19
"""Digits of the smallest integers that 64 bits may not hold."""


def read_table(
    path: Path, columns: Mapping[str, str], allow_nan: Sequence[str] = (), allow_empty: bool = False
) -> "DataFrame":
    """Read a `.parquet`, `.csv` or `.jsonl` file that must have `columns`; it may have others too.

    Parameters
    ----------
    path
        The file. Its suffix says what it is. What lines of a `.jsonl` file do not have is missing.
    columns
        Column name → kind: "number" (integer or real), "integer", "string", "boolean" or, but in CSV, "list".
    allow_nan
        Columns that may have missing values. An integer column with missing values comes back as float.
    allow_empty
        Whether a table without rows is acceptable.

    Raises
    ------
    InputError
        The file is unreadable or truncated, two columns have one name, rows have more fields than the header, a
        column is missing, has another kind or missing values, or there are no rows.
    """
    frame = _read_frame(Path(path), columns)
    for column in columns:
        require_column(path, column, [str(name) for name in frame.columns])
    if not allow_empty and frame.empty:
        raise InputError(path, "the table has no rows", "at least one row")
    for column, kind in columns.items():
        values = frame[column]
        found = _mismatch(values, kind)
        if found:
            raise InputError(path, f"column {column!r} holds {found}", f"kind {kind}")
        missing = values.isna().to_numpy()
        if missing.any() and column not in allow_nan:
            raise InputError(
                path,
                f"column {column!r} has {missing.sum()} missing values, the first in {row_name(missing.argmax())}",
                f"a {kind} in every row",
            )
    return frame


def read_tables(
    paths: Sequence[Path], columns: Mapping[str, str], allow_nan: Sequence[str] = (), allow_empty: bool = False
) -> "DataFrame":
    """The rows of several tables, one table after the other and numbered anew; each is read as by `read_table`.

    Tables without rows are left out where there are others: their columns have no kind that could be kept. Raises
    `InputError` for a table that `read_table` refuses, and for no tables at all.
    """
    import pandas as pd

    if not paths:
        raise InputError("tables", "none is given", "at least one file")
    frames = [read_table(path, columns, allow_nan, allow_empty) for path in paths]
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)


def rows_where(frame: "DataFrame", **values: object) -> "DataFrame":
    """The rows whose columns have these values: `rows_where(frame, model="a", null="row")`. They keep their index."""
    import numpy as np

    chosen = np.ones(len(frame), dtype=bool)
    for column, value in values.items():
        chosen &= (frame[column] == value).to_numpy(dtype=bool)
    return frame[chosen]


def read_header(path: Path) -> list[str]:
    """Names of the columns of a `.parquet`, `.csv` or `.jsonl` file. Raises `InputError` when it is not readable."""
    return [str(name) for name in _read_frame(Path(path), {}, header=True).columns]


def require_column(path: Path, wanted: str, there: Sequence[str]) -> None:
    """Raise `InputError` unless the table has the column, with the names that are `there` and the nearest of them."""
    from difflib import get_close_matches

    if wanted in there:
        return
    shown = [name if name and name == name.strip() else repr(name) for name in there]
    close = get_close_matches(wanted, there, n=1, cutoff=0.5)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise InputError(path, f"no column {wanted!r}", f"one of {', '.join(shown)}{hint}")


def usual_column(
    path: Path, there: Sequence[str], usual: Sequence[str], what: str, flag: str, needed: bool = True
) -> str:
    """The one column of a user's table that has one of the `usual` names, in any case; "" without one, unless it is
    needed. `what` the column holds and its `flag` are for the message.

    Raises `InputError` for a needed column that is not there, and where several could be meant.
    """
    found = [name for name in there if name.strip().lower() in usual]
    if len(found) > 1:
        raise InputError(path, f"columns {' and '.join(found)} could be the {what}", f"{flag} and one of them")
    if not found and needed:
        raise InputError(path, f"no column is known as the {what}", f"{flag} and one of {', '.join(there)}")
    return found[0] if found else ""


def distinct_columns(path: Path, roles: Mapping[str, str]) -> None:
    """Raise `InputError` where two flags name one column of the table: `roles` maps a flag to its column, if any."""
    flag_of: dict[str, str] = {}
    for flag, column in roles.items():
        if column and column in flag_of:
            raise InputError(
                path, f"column {column!r} is named by {flag_of[column]} and by {flag}", "a column for each"
            )
        flag_of[column] = flag


def row_name(place: int) -> str:
    """What messages call the row at `place`, which counts from 0: row 1 is the first below the header."""
    return f"row {place + 1} below the header"


def check_magnitudes(path: Path, frame: "DataFrame", columns: Sequence[str]) -> None:
    """Raise `InputError` for a number of `columns` that is infinite, or so large or small that its square is no number
    any more; missing ones are left out."""
    import numpy as np

    for column in columns:
        size = np.abs(frame[column].to_numpy(dtype=np.float64))
        bad = (size > LARGEST) | ((size > 0) & (size < 1 / LARGEST))
        if bad.any():
            place = int(bad.argmax())
            problem = f"column {column!r} has {frame[column].iloc[place]:g} in {row_name(place)}"
            raise InputError(path, problem, f"0, or numbers of {1 / LARGEST:g} to {LARGEST:g} in size")


def regular_file(path: Path) -> None:
    """Raise `InputError` for a folder, and for a pipe or device, whose reading may never end. A file that is not there
    is left to the reader."""
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe" if stat.S_ISFIFO(mode) else "a device"
        raise InputError(path, f"is {kind}", "a regular file")


KINDS = (".parquet", ".csv")
"""Suffixes of the tables that are written."""


def table_kind(path: Path, known: Sequence[str] = KINDS) -> str:
    """The suffix of a table, one of those `known`. Raises `InputError` for a name that ends otherwise."""
    suffix = Path(path).suffix
    if suffix not in known:
        expected = f"a name ending in {', '.join(known[:-1])} or {known[-1]}"
        raise InputError(path, f"unknown kind of table {suffix!r}", expected)
    return suffix


def write_table(frame: "DataFrame", path: Path) -> None:
    """Write `frame` without its index as `.parquet` or `.csv`; equal frames give equal bytes."""
    if table_kind(path) == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


class Table(NamedTuple):
    """What a `@table` step returns: the rows, and the same for reading as Markdown; without `text` that is every column
    of the rows as it is."""

    rows: "DataFrame"
    text: str = ""

    def write(self, csv: Path, markdown: Path) -> None:
        """Write both files."""
        write_table(self.rows, csv)
        markdown.write_text(self.text or as_markdown(self.rows), encoding="utf-8")


def as_markdown(frame: "DataFrame") -> str:
    """A Markdown table of all columns; numbers with three digits."""

    def cell(value: Any) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value).replace("|", "\\|")

    lines = [list(map(str, frame.columns)), ["---"] * frame.shape[1], *frame.itertuples(index=False)]
    return "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)


def read_json(path: Path) -> Any:
    """The value in a JSON file. Raises `InputError` when the file is not readable or not JSON."""
    regular_file(path)
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(path, f"cannot be read ({error})", "a whole JSON file") from error


def write_json(value: Any, path: Path) -> None:
    """Write `value` as JSON: keys sorted, indent 1, floats with all their digits, NumPy scalars and arrays as
    numbers and lists. Raises `ValueError` with the place of a NaN or infinity, which JSON does not have."""
    plain = json.loads(json.dumps(value, default=_plain))
    place = _not_finite(plain)
    if place is not None:
        raise ValueError(f"{path}: not a finite number at {place or 'the top'}")
    Path(path).write_text(json.dumps(plain, sort_keys=True, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_yaml(path: Path) -> Any:
    """The value in a YAML file. Raises `InputError` when the file is not readable or not YAML."""
    import yaml

    regular_file(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
        try:
            # libyaml's parser: the one in Python takes a fifth of the time in which Snakemake finds what to run
            return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except yaml.YAMLError:
            return yaml.safe_load(text)  # which names the character that is wrong
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(path, f"cannot be read ({error})", "a YAML file") from error


def _read_frame(path: Path, columns: Mapping[str, str], header: bool = False) -> "DataFrame":
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix == ".jsonl":
        return _read_json_lines(path)
    suffix = table_kind(path, (*KINDS, ".jsonl"))
    regular_file(path)
    try:
        if suffix == ".parquet":
            return pq.read_schema(path).empty_table().to_pandas() if header else pd.read_parquet(path)
        names = [str(name) for name in pd.read_csv(path, nrows=0).columns]
        _check_names(path, pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0].tolist())
        if header:
            return pd.DataFrame(columns=names)
        text = {name for name in names if columns.get(name) == "string"}
        frame = pd.read_csv(
            path,
            dtype=dict.fromkeys(text, str),
            keep_default_na=False,
            na_values={name: [""] if name in text else NOT_A_NUMBER for name in names},
            float_precision="round_trip",
        )
        if not isinstance(frame.index, pd.RangeIndex):  # pandas takes the first fields of a row for its name
            raise InputError(path, "rows have more fields than the header", "a name in the header for every field")
        return frame
    except (OSError, ValueError, pa.ArrowException) as error:
        what = "Parquet" if suffix == ".parquet" else "CSV"
        raise InputError(path, f"cannot be read ({error})", f"a whole {what} file") from error


def _read_json_lines(path: Path) -> "DataFrame":
    import pandas as pd

    from raw2fig.json_lines import read_json_lines

    return pd.DataFrame.from_records([row for _, row in read_json_lines(path, "a JSON object on each line")])


def _check_names(path: Path, names: Sequence[str]) -> None:
    """Raise `InputError` for a name that two columns have: pandas would give the second another one."""
    for name in names:
        if name and names.count(name) > 1:
            raise InputError(path, f"{names.count(name)} columns are named {name!r}", "a name of its own for each")


def _mismatch(values: "Series[Any]", kind: str) -> str:
    """What the column holds when that is not `kind`, with an example; empty when it is."""
    import numpy as np
    from pandas import to_numeric
    from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype, is_object_dtype

    present = values.dropna()
    if present.empty:
        return ""
    if kind == "number":
        right = is_integer_dtype(values.dtype) or is_float_dtype(values.dtype)
        bad = present
    elif kind == "integer":
        # a column of integers with missing values is read as floats
        whole = is_float_dtype(values.dtype) and len(present) < len(values) and bool((present % 1 == 0).all())
        right, bad = is_integer_dtype(values.dtype) or whole, present
    elif kind == "boolean":
        right, bad = is_bool_dtype(values.dtype), present
    elif kind in ("string", "list"):
        wanted = (str,) if kind == "string" else (list, tuple, np.ndarray)
        bad = present[[not isinstance(value, wanted) for value in present]]
        right = bad.empty
    else:
        raise ValueError(f"unknown kind {kind!r}")
    if right:
        return ""
    if kind in ("number", "integer") and is_object_dtype(values.dtype):
        # a single word makes a whole column of text: it is the one to show
        words = present[to_numeric(present, errors="coerce").isna()]
        # without a word it is an integer of more than 64 bits
        long = present[present.astype(str).str.len() >= DIGITS]
        bad = next((part for part in (words, long) if not part.empty), bad)
    example = bad.iloc[0]
    return f"{values.dtype} values such as {example.item() if hasattr(example, 'item') else example!r}"


def _plain(value: Any) -> Any:
    """NumPy scalars and arrays as Python values, for `json.dumps`."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def _not_finite(value: Any) -> str | None:
    """Place of the first NaN or infinity in plain JSON data, None without one."""
    if isinstance(value, float):
        return None if math.isfinite(value) else ""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        place = _not_finite(item)
        if place is not None:
            return f"{key}" + (f".{place}" if place else "")
    return None
