"""`raw2fig brain-rot split`: the boundaries, each text once, nothing that depends on order or format."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from brain_rot_posts import COUNTS, SHIPPED_SPLIT, post, run_split, words, write_dump
from command_line import status_of

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot import shuffle
from raw2fig.papers.brain_rot.arms import Thresholds, within_budget
from raw2fig.papers.brain_rot.length import tokenizer_ruler, words_and_marks
from raw2fig.papers.brain_rot.posts import UNKNOWN, Posts
from raw2fig.papers.brain_rot.shuffle import Shuffler

LIMITS = {"junk_popularity": 5, "control_popularity": 0, "junk_tokens": 4, "control_tokens": 8}


def dump(seed: int, rows: int = 400) -> list[dict[str, Any]]:
    """Posts of all kinds: some repeated, some without a count, some not ASCII, some empty."""
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(rows):
        text = " ".join(
            draw.choice(
                ["sun", "rain", "caf\u00e9", "wind,", "&amp;"], draw.integers(0, 13), p=[0.4, 0.3, 0.02, 0.2, 0.08]
            )
        )
        counts = [None if draw.random() < 0.03 else int(draw.poisson(draw.choice([0, 3]))) for _ in COUNTS]
        made.append(post(text, *counts))
    return made


def plainly(rows: list[dict[str, Any]]) -> dict[str, set[tuple[str, int, int | None]]]:
    """The arms by a plain loop: text, tokens and popularity of each member."""
    most: dict[str, int | None] = {}
    for row in rows:
        text = row["tweet"].replace("&amp;", "&").strip()
        if not text or not text.isascii():
            continue
        total = None if any(row[name] is None for name in COUNTS) else sum(row[name] for name in COUNTS)
        most[text] = max((one for one in (total, most.get(text)) if one is not None), default=None)
    arms: dict[str, set[tuple[str, int, int | None]]] = {}
    for text, popularity in most.items():
        tokens = len(text.replace(",", " ,").split())
        popular = popularity is not None and popularity > LIMITS["junk_popularity"]
        unpopular = popularity is not None and popularity <= LIMITS["control_popularity"]
        short, long = tokens < LIMITS["junk_tokens"], tokens > LIMITS["control_tokens"]
        member = {"m1-junk": popular and short, "m1-control": unpopular and long}
        member |= {"len-junk": short, "len-control": long, "pop-junk": popular, "pop-control": unpopular}
        for arm, inside in member.items():
            arms.setdefault(arm, set())
            if inside:
                arms[arm].add((text, tokens, popularity))
    return arms


@pytest.fixture
def tiny_runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs of so few posts that a small dump makes many."""
    monkeypatch.setattr(shuffle, "RUN_ROWS", 20)
    monkeypatch.setattr(shuffle, "PART_BITS", 2)
    monkeypatch.setattr("raw2fig.papers.brain_rot.posts.ROWS", 7)
    return


def test_check_1_boundaries_of_m1(tmp_path: Path) -> None:
    rows = [post(words(29, f"j{popularity}x"), popularity) for popularity in (0, 1, 500, 501)]
    rows += [post(words(101, f"c{popularity}x"), popularity) for popularity in (0, 1, 500, 501)]
    rows += [post(words(size, f"s{size}x"), 501) for size in (30, 100)]
    rows += [post(words(size, f"t{size}x"), 0) for size in (30, 100)]
    made = run_split([write_dump(rows, tmp_path / "dump.csv")], tmp_path / "made")
    assert made.texts("m1-junk") == {words(29, "j501x")}
    assert made.texts("m1-control") == {words(101, "c0x")}
    assert {row["tokens"] for row in made.arms["m1-junk"] + made.arms["m1-control"]} == {29, 101}
    assert made.texts("pop-junk") == {words(29, "j501x"), words(101, "c501x"), words(30, "s30x"), words(100, "s100x")}
    assert made.texts("len-junk") == {words(29, f"j{popularity}x") for popularity in (0, 1, 500, 501)}
    assert made.texts("len-control") == {words(101, f"c{popularity}x") for popularity in (0, 1, 500, 501)}


def test_check_1_the_other_reading_of_the_control(tmp_path: Path) -> None:
    rows = [post(words(101, f"c{popularity}x"), popularity) for popularity in (0, 1, 500, 501)]
    path = write_dump(rows, tmp_path / "dump.csv")
    made = run_split([path], tmp_path / "made", {"control_popularity": 500})
    assert {row["popularity"] for row in made.arms["m1-control"]} == {0, 1, 500}


@pytest.mark.parametrize("count", COUNTS)
def test_check_1_all_four_counts_make_popularity(tmp_path: Path, count: str) -> None:
    rows = [post("just enough", **{count: 501}), post("not enough", **{count: 500})]
    made = run_split([write_dump(rows, tmp_path / "dump.jsonl")], tmp_path / "made")
    assert made.texts("m1-junk") == {"just enough"}


def test_check_1_a_missing_count_is_in_neither_arm(tmp_path: Path) -> None:
    rows = [post(words(101), None), post("short", 900, None), post("other", 900)]
    made = run_split([write_dump(rows, tmp_path / "dump.csv")], tmp_path / "made")
    assert made.texts("m1-junk") == made.texts("pop-junk") == {"other"}
    assert not made.arms["m1-control"]
    assert not made.arms["pop-control"]
    assert made.report["rows"]["unknown_popularity"] == made.report["texts"]["unknown_popularity"] == 2
    assert made.texts("len-junk") == {"short", "other"}
    assert {row["text"]: row["popularity"] for row in made.arms["len-junk"]} == {"short": None, "other": 900}


def test_a_count_that_the_dump_lacks_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_dump([{"text": "hello", "likes": 501, "retweets": 1}], tmp_path / "dump.csv")
    with caplog.at_level(logging.WARNING):
        made = run_split([path], tmp_path / "made")
    assert made.report["lacking"] == ["replies", "quotes"]
    assert "no replies, quotes" in caplog.text
    assert made.texts("m1-junk") == {"hello"}


def test_a_dump_without_counts_is_split_by_length_alone(tmp_path: Path) -> None:
    path = write_dump([{"text": "hello"}, {"text": words(101)}], tmp_path / "dump.csv")
    with pytest.raises(InputError, match="has no likes, retweets, replies, quotes, which m1 and pop need"):
        run_split([path], tmp_path / "no")
    made = run_split([path], tmp_path / "made", arms=SHIPPED_SPLIT.arms.model_copy(update={"definitions": ["len"]}))
    assert list(made.arms) == ["len-control", "len-junk"]
    assert (made.texts("len-junk"), made.texts("len-control")) == ({"hello"}, {words(101)})


@pytest.mark.parametrize("seed", range(4))
def test_split_agrees_with_a_plain_loop(tmp_path: Path, seed: int, tiny_runs: None) -> None:
    rows = dump(seed)
    made = run_split([write_dump(rows, tmp_path / "dump.jsonl")], tmp_path / "made", LIMITS)
    found = {arm: {(row["text"], row["tokens"], row["popularity"]) for row in some} for arm, some in made.arms.items()}
    assert found == plainly(rows)
    assert all(len(some) == len(made.texts(arm)) for arm, some in made.arms.items())
    counted = made.report["rows"]
    assert counted["read"] == len(rows) == counted["empty"] + counted["not_ascii"] + counted["kept"]
    texts = made.report["texts"]
    assert counted["kept"] == texts["distinct"] + texts["repeats"]
    assert texts["repeats"] > 0


def test_check_2_no_post_is_junk_and_control(tmp_path: Path) -> None:
    made = run_split([write_dump(dump(7), tmp_path / "dump.csv")], tmp_path / "made", LIMITS)
    for name in ("m1", "len", "pop"):
        assert made.arms[f"{name}-junk"]
        assert made.arms[f"{name}-control"]
        assert not made.texts(f"{name}-junk") & made.texts(f"{name}-control")


@pytest.mark.parametrize(
    "impossible",
    [{"control_popularity": 501}, {"junk_tokens": 102}],
)
def test_check_2_thresholds_that_would_overlap_are_refused(impossible: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="control_"):
        Thresholds(**{**SHIPPED_SPLIT.thresholds.model_dump(), **impossible})


def test_check_2_the_order_of_rows_does_not_matter_and_the_seed_does(tmp_path: Path, tiny_runs: None) -> None:
    rows = dump(3)
    shuffled = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))]
    paths = [write_dump(some, tmp_path / f"{name}.csv") for name, some in (("one", rows), ("other", shuffled))]
    first = run_split(paths[:1], tmp_path / "first", LIMITS)
    assert run_split(paths[1:], tmp_path / "second", LIMITS).files == first.files
    third = run_split(paths[:1], tmp_path / "third", LIMITS, seed=1)
    assert third.texts("len-junk") == first.texts("len-junk")
    assert third.files != first.files
    assert [row["text"] for row in third.arms["len-junk"]] != [row["text"] for row in first.arms["len-junk"]]


def test_check_2_a_repeated_text_is_one_post_with_its_largest_popularity(tmp_path: Path, tiny_runs: None) -> None:
    rows = [post("twice &amp; popular", 900), post(" twice & popular", 0), post("once", 900)]
    rows += [post(words(101), 0), post(words(101), 3), post(words(102), None), post(words(102), 0)]
    for order in (rows, rows[::-1]):
        place = tmp_path / str(order is rows)
        place.mkdir()
        made = run_split([write_dump(order, place / "dump.csv")], place / "made")
        assert sorted(row["text"] for row in made.arms["m1-junk"]) == ["once", "twice & popular"]
        assert made.texts("m1-control") == {words(102)}
        assert made.report["texts"]["repeats"] == 3


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet"])
def test_check_5_every_format_and_shard_size_gives_the_same_bytes(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = dump(5)
    whole = run_split([write_dump(rows, tmp_path / "whole.parquet")], tmp_path / "whole", LIMITS)
    monkeypatch.setattr(shuffle, "RUN_ROWS", 30)
    monkeypatch.setattr(shuffle, "PART_BITS", 3)
    monkeypatch.setattr(shuffle, "PIECE", 11)
    monkeypatch.setattr("raw2fig.papers.brain_rot.posts.ROWS", 13)
    shards = [write_dump(rows[at : at + 150], tmp_path / f"shard{at}.{kind}") for at in range(0, len(rows), 150)]
    assert run_split(shards, tmp_path / "shards", LIMITS).files == whole.files


def test_rows_are_written_in_groups_of_one_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("raw2fig.papers.brain_rot.arms.GROUP", 16)
    monkeypatch.setattr(shuffle, "PIECE", 7)
    run_split([write_dump(dump(5), tmp_path / "dump.csv")], tmp_path / "made", LIMITS)
    meta = pq.ParquetFile(tmp_path / "made/arms/len-control.parquet").metadata
    sizes = [meta.row_group(group).num_rows for group in range(meta.num_row_groups)]
    assert len(sizes) > 2
    assert set(sizes[:-1]) == {16}
    assert 0 < sizes[-1] <= 16


def test_the_beginning_of_the_order_fills_a_budget(tmp_path: Path, tiny_runs: None) -> None:
    path = write_dump(dump(5), tmp_path / "dump.csv")
    whole = run_split([path], tmp_path / "whole", LIMITS)
    arms = SHIPPED_SPLIT.arms.model_copy(update={"arm_tokens": 40})
    made = run_split([path], tmp_path / "made", LIMITS, arms=arms)
    for arm, rows in made.arms.items():
        assert rows == whole.arms[arm][: len(rows)]
        tokens = [row["tokens"] for row in rows]
        assert sum(tokens[:-1]) < 40 <= sum(tokens) or rows == whole.arms[arm]
    assert made.report["arms"]["pop"]["control"]["full"]
    assert not whole.report["arms"]["pop"]["control"]["full"]


@pytest.mark.parametrize(
    ("tokens", "budget", "spent", "taken"),
    [
        ([3, 3, 3], 6, 0, 2),
        ([3, 3, 3], 7, 0, 3),
        ([3, 3], 0, 0, 0),
        ([3, 3], None, 9, 2),
        ([3, 3], 5, 3, 1),
        ([], 5, 0, 0),
    ],
)
def test_documents_are_taken_until_a_budget_is_reached(
    tokens: list[int], budget: int | None, spent: int, taken: int
) -> None:
    assert within_budget(np.array(tokens, dtype=np.int64), budget, spent) == taken


def test_thresholds_at_the_dumps_own_quantiles(tmp_path: Path) -> None:
    rows = [post(words(size, f"w{size}x"), 1000 + size) for size in range(10, 30)]
    path = write_dump(rows, tmp_path / "dump.csv")
    made = run_split([path], tmp_path / "made", quantiles=[0.75, 0.25, 0.5, 0.5])
    assert made.report["thresholds"] == {
        "junk_popularity": 1024, "control_popularity": 1014, "junk_tokens": 19, "control_tokens": 19,
    }  # fmt: skip
    assert [len(made.arms[f"pop-{arm}"]) for arm in ("junk", "control")] == [5, 5]
    assert [len(made.arms[f"len-{arm}"]) for arm in ("junk", "control")] == [9, 10]
    assert "not where the paper has them" in (tmp_path / "made/report.md").read_text()
    for wrong in ([0.5, 0.5], [0.2, 0.8, 0.5, 0.5], [0.5, 0.5, 0.8, 0.2], [1.5, 0, 0, 0]):
        with pytest.raises(InputError, match="--quantiles: is"):
            run_split([path], tmp_path / "no", quantiles=wrong)


def test_quantiles_of_the_report_are_of_the_kept_posts(tmp_path: Path) -> None:
    rows = [post(words(size, f"w{size}x"), size) for size in range(1, 102)] + [post("unknown", None)]
    report = run_split([write_dump(rows, tmp_path / "dump.csv")], tmp_path / "made").report["quantiles"]
    assert report["popularity"]["50"] == 51
    assert report["tokens"]["99"] == pytest.approx(100, abs=1)
    assert report["shares"] == {
        "junk_popularity": 0, "control_popularity": 0, "junk_tokens": 30 / 102, "control_tokens": 1 / 102,
    }  # fmt: skip


def test_a_tokenizer_counts_its_special_tokens_and_measures_no_more_than_it_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_byte_tokenizer(tmp_path / "tokenizer")
    ruler = tokenizer_ruler(str(folder), None)
    assert ruler.measure(pa.array(["ab", ""])).tolist() == [3, 1]
    measured: list[str] = []

    def noting(texts: pa.Array) -> np.ndarray:
        measured.extend(texts.to_pylist())
        return ruler.measure(texts)

    monkeypatch.setattr("raw2fig.papers.brain_rot.split.load_ruler", lambda *_: ruler._replace(measure=noting))
    rows = [post("a" * 101, 0), post("b" * 100, 0), post("c" * 99, 0), post("d" * 28, 501), post("e" * 29, 501)]
    rows += [post("f" * 90, 0), post("g" * 200, 17)]
    arms = SHIPPED_SPLIT.arms.model_copy(update={"definitions": ["m1"], "sampled": 0})
    made = run_split([write_dump(rows, tmp_path / "dump.csv")], tmp_path / "made", arms=arms)
    assert made.texts("m1-control") == {"a" * 101, "b" * 100}
    assert made.texts("m1-junk") == {"d" * 28}
    assert "f" * 90 not in measured
    assert "g" * 200 not in measured


def save_byte_tokenizer(folder: Path) -> Path:
    """A tokenizer with a token for each byte and one before each text, that would cut texts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = [*pre_tokenizers.ByteLevel.alphabet(), "<s>"]
    tokenizer = Tokenizer(models.BPE({letter: place for place, letter in enumerate(sorted(letters))}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    tokenizer.enable_truncation(20)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>").save_pretrained(folder)
    return folder


def test_words_and_marks() -> None:
    texts = ["it's 5 o'clock!", "na\u00efve \u2013 yes", " ", "a_b #tag @you https://t.co/x"]
    assert words_and_marks().measure(pa.array(texts)).tolist() == [8, 3, 0, 14]


def test_the_order_of_posts_is_the_same_in_every_version() -> None:
    """Another hash would give other files for the same dump and seed."""
    assert shuffle.hashes_of(pa.array(["hello", "na\u00efve"]), shuffle.hash_key(0)).tolist() == [
        17910473824900067160,
        5709842730437630375,
    ]


def test_texts_of_one_hash_stay_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shuffle, "hashes_of", lambda texts, key: np.zeros(len(texts), dtype=np.uint64))
    shuffler = Shuffler(tmp_path, 0)
    shuffler.add(Posts(pa.array(["b", "a", "b", "a", "c"]), np.array([1, 2, 3, UNKNOWN, UNKNOWN])))
    (found,) = shuffler.distinct()
    assert found.texts.to_pylist() == ["a", "b", "c"]
    assert found.popularity.tolist() == [2, 3, UNKNOWN]
    assert found.copies.tolist() == [2, 2, 1]


def test_what_was_taken_can_be_had_twice(tmp_path: Path, tiny_runs: None) -> None:
    shuffler = Shuffler(tmp_path, 0)
    for start in range(0, 90, 9):
        texts = pa.array([f"text {place}" for place in range(start, start + 9)])
        shuffler.add(Posts(texts, np.arange(start, start + 9)))
    first, second = ([one for some in shuffler.distinct() for one in some.texts.to_pylist()] for _ in range(2))
    assert first == second
    assert sorted(first) == sorted(f"text {place}" for place in range(90))
    hashes = np.concatenate([some.hashes for some in shuffler.distinct()])
    assert (np.diff(hashes.astype(object)) > 0).all()


def test_filters_say_why(tmp_path: Path) -> None:
    rows = [post("kept", 1), post("  ", 1), post("caf\u00e9", 1), post("x" * 10_001, 1), post("x" * 10_000, 1)]
    path = write_dump(rows, tmp_path / "dump.csv")
    counted = run_split([path], tmp_path / "made").report["rows"]
    assert [counted[key] for key in ("read", "empty", "not_ascii", "too_long", "kept")] == [5, 1, 1, 1, 2]
    filters = SHIPPED_SPLIT.filters.model_copy(update={"ascii": False})
    assert "caf\u00e9" in run_split([path], tmp_path / "all", filters=filters).texts("len-junk")
    with pytest.raises(InputError, match=r"no post of 1 rows is left \(1 empty, 0 too long, 0 not ascii\)"):
        run_split([write_dump([post(" ")], tmp_path / "nothing.jsonl")], tmp_path / "no")


def test_no_text_is_in_the_report_or_the_log_or_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shuffle, "RUN_ROWS", 5)
    monkeypatch.setattr(shuffle, "PART_BITS", 1)
    rows = [post(f"secret{place} {words(place % 4)}", 501 * (place % 2)) for place in range(60)]
    path = write_dump(rows, tmp_path / "dump.jsonl")
    monkeypatch.chdir(tmp_path)
    assert status_of("brain-rot", "split", "--posts", path, "--sampled", "10") == 0
    printed = capfd.readouterr()
    said = (tmp_path / "brain-rot-split.json").read_text() + (tmp_path / "brain-rot-split.md").read_text()
    assert "secret" not in printed.out + printed.err + said
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "brain-rot-split", "brain-rot-split.json", "brain-rot-split.md", "dump.jsonl",
    ]  # fmt: skip
