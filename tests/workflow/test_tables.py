"""Tables and documents: what is written comes back, and what is wrong with a file is said in one line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from raw2fig.checksum import check_sha256
from raw2fig.errors import InputError
from raw2fig.tables import (
    distinct_columns,
    read_header,
    read_json,
    read_table,
    read_tables,
    read_yaml,
    rows_where,
    table_kind,
    write_json,
    write_table,
)

KINDS = {"count": "integer", "score": "number", "label": "string", "good": "boolean"}


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "count": [1, 2, 3],
            "score": [0.1, 1e-300, -1 / 3],
            "label": ["none", "NA", "007"],
            "good": [True, False, True],
        }
    )


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_table_comes_back_as_it_was(frame: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    write_table(frame, path)
    pd.testing.assert_frame_equal(read_table(path, KINDS), frame, check_exact=True)
    first = path.read_bytes()
    write_table(frame.copy(), path)
    assert path.read_bytes() == first


def test_csv_keeps_the_digits_of_numbers_and_the_zeros_of_codes(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    made = pd.DataFrame({"code": ["007", "1"] * 500, "score": np.random.default_rng(0).lognormal(0, 9, 1000)})
    write_table(made, path)
    pd.testing.assert_frame_equal(read_table(path, {"code": "string", "score": "number"}), made, check_exact=True)


def test_lists_come_back_from_parquet(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    write_table(pd.DataFrame({"words": [["a", "b"], []]}), path)
    assert [list(words) for words in read_table(path, {"words": "list"})["words"]] == [["a", "b"], []]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"scores": "number"}, "no column 'scores'; expected one of count, score, label, good (did you mean 'score'?)"),
        ({"zzz": "number"}, "no column 'zzz'; expected one of count, score, label, good"),
        ({"score": "integer"}, "column 'score' holds float64 values such as 0.1; expected kind integer"),
        ({"label": "number"}, "column 'label' holds object values such as 'none'; expected kind number"),
        ({"good": "number"}, "column 'good' holds bool values such as True; expected kind number"),
        ({"count": "boolean"}, "column 'count' holds int64 values such as 1; expected kind boolean"),
        ({"count": "list"}, "column 'count' holds int64 values such as 1; expected kind list"),
    ],
)
def test_wrong_columns_are_named(
    frame: pd.DataFrame, tmp_path: Path, suffix: str, columns: dict[str, str], message: str
) -> None:
    path = tmp_path / f"table{suffix}"
    write_table(frame, path)
    with pytest.raises(InputError) as error:
        read_table(path, columns)
    assert str(error.value) == f"{path}: {message}"


def test_numbers_where_text_should_be(frame: pd.DataFrame, tmp_path: Path) -> None:
    write_table(frame, tmp_path / "table.parquet")
    with pytest.raises(InputError, match=r"column 'count' holds int64 values such as 1; expected kind string"):
        read_table(tmp_path / "table.parquet", {"count": "string"})


def test_the_word_that_spoils_a_column_of_numbers_is_the_one_shown(tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_text("score\n1\n2.5\nmany\n4\n")
    for kind in ("number", "integer"):
        with pytest.raises(InputError, match=f"holds object values such as 'many'; expected kind {kind}"):
            read_table(path, {"score": kind})


def test_blanks_about_a_name_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("group, verifier,Score\n1,0,2\n")
    for wanted, there in (("verifier", "' verifier'"), ("score", "'Score'")):
        with pytest.raises(InputError) as error:
            read_table(path, {wanted: "integer"})
        told = f"no column {wanted!r}; expected one of group, ' verifier', Score (did you mean {there}?)"
        assert str(error.value) == f"{path}: {told}"


@pytest.mark.parametrize(
    "text", ["a,b,c\n1,0,0.5,\n2,1,0.7,\n", "a,b,c\n1,2,3,4,5\n1,2,3,4,5\n", "a,b,c\n1,2,3,4\n1,2,3\n", "a,b\n,2,3\n"]
)
def test_fields_without_a_name_do_not_shift_the_others(tmp_path: Path, text: str) -> None:
    """pandas takes the first field of such a row for its name, and each column for the one before it."""
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_table(path, {"a": "number"}, allow_nan=["a"])
    assert str(error.value).startswith(f"{path}: rows have more fields than the header; expected a name")
    path.write_text("a,b,c,\n1,0,0.5,\n2,1,0.7,\n")  # a named field without a name of its own
    assert read_table(path, {"a": "integer"})["a"].tolist() == [1, 2]
    path.write_text("a,b,c\n1,2,3\n1,2,3,4\n")
    with pytest.raises(InputError, match=r"cannot be read .*Expected 3 fields in line 3, saw 4"):
        read_table(path, {"a": "number"})


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    for text in ("a,b,a\n1,2,3\n", '\ufeff\n"a",b,a\n', "a,b,a\n"):
        path.write_text(text, encoding="utf-8")
        for read in (read_header, lambda path: read_table(path, {"b": "integer"})):
            with pytest.raises(InputError, match=r"table\.csv: 2 columns are named 'a'; expected a name of its own"):
                read(path)
    path.write_text("a,a.1,,\n1,2,3,4\n")
    assert read_header(path)[:2] == ["a", "a.1"]
    assert read_table(path, {"a.1": "integer"})["a.1"].tolist() == [2]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize(("column", "kind"), [("count", "integer"), ("score", "number"), ("label", "string")])
def test_missing_values(frame: pd.DataFrame, tmp_path: Path, suffix: str, column: str, kind: str) -> None:
    path = tmp_path / f"table{suffix}"
    frame[column] = frame[column].where([True, False, False])
    write_table(frame, path)
    with pytest.raises(
        InputError, match=f"column '{column}' has 2 missing values, the first in row 2 below the header"
    ):
        read_table(path, {column: kind})
    assert read_table(path, {column: kind}, allow_nan=[column])[column].isna().tolist() == [False, True, True]


def test_halves_are_no_integers_with_gaps(tmp_path: Path) -> None:
    write_table(pd.DataFrame({"count": [1.5, np.nan]}), tmp_path / "table.csv")
    with pytest.raises(InputError, match="expected kind integer"):
        read_table(tmp_path / "table.csv", {"count": "integer"}, allow_nan=["count"])


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_empty_tables(frame: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    write_table(frame.iloc[:0], path)
    with pytest.raises(InputError, match="no rows"):
        read_table(path, {"label": "string"})
    assert len(read_table(path, {"label": "string"}, allow_empty=True)) == 0


@pytest.mark.parametrize("name", ["table.parquet", "table.csv"])
@pytest.mark.parametrize("content", [b"", b"\x93\xff\x00\x01" * 9])
def test_files_that_are_no_tables(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"^{re.escape(str(path))}: cannot be read \(.*expected a whole"):
        read_table(path, {"a": "number"})


def test_every_truncation_of_a_parquet_file_is_refused(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    write_table(frame, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="expected a whole Parquet file"):
            read_table(path, KINDS)


@pytest.mark.parametrize("name", ["table.xlsx", "table"])
def test_unknown_suffix(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a\n1\n")
    with pytest.raises(InputError, match=r"expected a name ending in \.parquet, \.csv or \.jsonl"):
        read_table(tmp_path / name, {"a": "number"})
    with pytest.raises(InputError, match=r"unknown kind of table"):
        table_kind(tmp_path / name)


def test_json_lines_are_a_table_to_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    path.write_text('{"a": 1, "b": "x"}\n\n{"b": "\u2028"}\n', encoding="utf-8")
    frame = read_table(path, {"a": "number", "b": "string"}, allow_nan=["a"])
    assert frame["b"].tolist() == ["x", "\u2028"]
    assert frame["a"].tolist()[0] == 1
    assert np.isnan(frame["a"].tolist()[1])
    assert read_header(path) == ["a", "b"]
    with pytest.raises(InputError, match="column 'a' has 1 missing values, the first in row 2"):
        read_table(path, {"a": "number"})
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        read_table(path, {"a": "number"})
    with pytest.raises(InputError, match=r"expected a name ending in \.parquet or \.csv"):
        write_table(frame, path)


def test_a_folder_is_not_a_table(tmp_path: Path) -> None:
    (tmp_path / "table.csv").mkdir()
    with pytest.raises(InputError, match=r"table\.csv: is a folder; expected a regular file"):
        read_table(tmp_path / "table.csv", {"a": "number"})


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.json", "a.yaml"])
def test_a_pipe_or_a_device_is_not_waited_for(tmp_path: Path, name: str) -> None:
    readers = {".json": read_json, ".yaml": read_yaml}
    path = tmp_path / name
    read = readers.get(path.suffix, read_header)
    os.mkfifo(path)
    with pytest.raises(InputError, match="is a pipe; expected a regular file"):
        read(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(InputError, match="is a device; expected a regular file"):
        read(path)
    with pytest.raises(InputError, match="is a device; expected a regular file"):
        check_sha256(path, None, path)


def test_the_integer_that_64_bits_cannot_hold_is_the_one_shown(tmp_path: Path) -> None:
    path, large = tmp_path / "table.csv", "1" * 40
    path.write_text(f"count\n0\n{large}\n3\n")
    for kind in ("number", "integer"):
        with pytest.raises(InputError, match=f"such as '{large}'; expected kind {kind}"):
            read_table(path, {"count": kind})


def test_a_message_shows_little_of_a_long_value(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"count\n{'x' * 3_000_000}\n")
    with pytest.raises(
        InputError, match=r"^\S+table\.csv: column 'count' .*x \[\.\.\.\] x.*; expected kind number$"
    ) as error:
        read_table(path, {"count": "number"})
    assert len(str(error.value)) < 1200


def test_two_flags_do_not_name_one_column() -> None:
    distinct_columns(Path("a.csv"), {"--a-col": "x", "--b-col": "y", "--c-col": "", "--d-col": ""})
    with pytest.raises(InputError) as error:
        distinct_columns(Path("a.csv"), {"--a-col": "x", "--b-col": "y", "--c-col": "x"})
    assert str(error.value) == "a.csv: column 'x' is named by --a-col and by --c-col; expected a column for each"


def test_json_keeps_every_digit_and_sorts_keys(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    value = {"b": np.float64(0.1) + 0.2, "a": np.arange(3), "c": {"x": np.int64(7), "ä": [True, None, 1e-300]}}
    write_json(value, path)
    assert read_json(path) == {"b": 0.1 + 0.2, "a": [0, 1, 2], "c": {"x": 7, "ä": [True, None, 1e-300]}}
    assert re.findall(r'^ "(\w)"', path.read_text(), re.MULTILINE) == ["a", "b", "c"]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.float32("nan"), np.array([1.0, np.nan])])
def test_json_refuses_what_is_not_finite_and_writes_nothing(tmp_path: Path, bad: object) -> None:
    with pytest.raises(ValueError, match=r"not a finite number at fit\.r2"):
        write_json({"fit": {"r2": bad, "n": 1}}, tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()


def test_broken_documents(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": [1, 2')
    (tmp_path / "a.yaml").write_text("a: [1, 2")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "deep.yaml").write_text("[" * 20_000)
    with pytest.raises(InputError, match=r"a\.json: cannot be read .*expected a whole JSON file"):
        read_json(tmp_path / "a.json")
    with pytest.raises(InputError, match=r"a\.yaml: cannot be read .*expected a YAML file"):
        read_yaml(tmp_path / "a.yaml")
    for read, name in ((read_json, "deep.json"), (read_yaml, "deep.yaml")):
        with pytest.raises(InputError, match="cannot be read"):
            read(tmp_path / name)


def test_importing_the_module_does_not_import_pandas() -> None:
    code = "import sys, raw2fig.tables; assert not {'pandas', 'pyarrow', 'yaml'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_several_tables_are_one(frame: pd.DataFrame, tmp_path: Path) -> None:
    paths = [tmp_path / "a.csv", tmp_path / "b.parquet", tmp_path / "empty.csv"]
    for path, part in zip(paths, (frame[:1], frame[1:], frame[:0]), strict=True):
        write_table(part, path)
    pd.testing.assert_frame_equal(read_tables(paths[:2], KINDS), frame)
    # a CSV without rows has no kinds: it would make text of numbers
    pd.testing.assert_frame_equal(
        read_tables(paths[::-1], KINDS, allow_empty=True), frame.loc[[1, 2, 0]].reset_index(drop=True)
    )
    assert list(read_tables(paths[2:], KINDS, allow_empty=True).columns) == list(frame.columns)
    for wrong, told in ((paths, "empty.csv: the table has no rows"), ([], "none is given")):
        with pytest.raises(InputError, match=told):
            read_tables(wrong, KINDS)
    write_table(frame.assign(score=[None, 1.0, 2.0]), paths[0])
    assert read_tables(paths[:2], KINDS, allow_nan=["score"])["score"].isna().sum() == 1
    with pytest.raises(InputError, match=r"a\.csv: column 'score' has 1 missing"):
        read_tables(paths[:2], KINDS)


def test_rows_by_their_values(frame: pd.DataFrame) -> None:
    assert list(rows_where(frame, good=True, label="007").index) == [2]
    assert list(rows_where(frame, good=True).index) == [0, 2]
    assert list(rows_where(frame, good=False, label="007").index) == []
    assert list(rows_where(frame.assign(score=[np.nan, 1.0, 1.0]), score=1.0).index) == [1, 2]
    assert list(rows_where(frame).index) == [0, 1, 2]
