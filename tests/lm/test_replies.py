"""Replies on disk: what is put is got again, by another process too, whatever a kill has left in the file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from raw2fig.lm.client import Generated
from raw2fig.lm.replies import Replies, key_of

WRITE = """
import sys
from pathlib import Path
from raw2fig.lm.replies import Replies
replies = Replies(Path(sys.argv[1]))
for number in range(200):
    replies.put("g", f"{sys.argv[2]}{number}", "x" * 3000)
"""


def test_what_is_put_is_got_by_its_group_and_key_alone(tmp_path: Path) -> None:
    replies = Replies(tmp_path / "new/folder")
    assert replies.get("g", "a") is None
    replies.put("g", "a", ["text", 3])
    for store in (replies, Replies(tmp_path / "new/folder")):
        assert store.get("g", "a") == ["text", 3]
        assert store.get("g", "b") is None
        assert store.get("h", "a") is None


def test_the_last_of_several_holds(tmp_path: Path) -> None:
    replies = Replies(tmp_path)
    for number in range(3):
        replies.put("g", "a", number)
    assert replies.get("g", "a") == Replies(tmp_path).get("g", "a") == 2


def test_a_line_is_whole_json_that_a_person_can_read(tmp_path: Path) -> None:
    Replies(tmp_path).put("g", "a", ("text", 3), round=2, agent=1)
    (line,) = (tmp_path / "g.jsonl").read_text().strip().splitlines()
    assert list(json.loads(line).items()) == [("round", 2), ("agent", 1), ("key", "a"), ("reply", ["text", 3])]


def test_a_reply_with_its_usage_is_kept_whole(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}, "cost": 0.5, "service": None}
    reply = Generated("text", 7, 2, usage, "stop", ({"prompt_tokens": 7},))
    replies = Replies(tmp_path)
    replies.put("g", "a", reply)
    for store in (replies, Replies(tmp_path)):
        assert store.get("g", "a") == ["text", 7, 2, usage, "stop", [{"prompt_tokens": 7}]]


@pytest.mark.parametrize(
    "torn",
    [b'\n{"key": "4", "re', b"\n\xff\xfe", b"\nnull\n", b'\n{"key": 3}\n', b"\n[1]", b'\n{"key": [], "reply": 1}'],
)
def test_what_a_kill_has_torn_is_not_there_and_swallows_nothing(torn: bytes, tmp_path: Path) -> None:
    for number in range(6):
        Replies(tmp_path).put("g", str(number), number)
    file = tmp_path / "g.jsonl"
    whole = [line for line in file.read_bytes().split(b"\n") if line]
    assert len(whole) == 6
    file.write_bytes(b"\n".join(whole[:4]) + torn)
    replies = Replies(tmp_path)
    assert [replies.get("g", str(number)) for number in range(6)] == [0, 1, 2, 3, None, None]
    for number in (4, 5):
        replies.put("g", str(number), number)
    again = Replies(tmp_path)
    assert [again.get("g", str(number)) for number in range(6)] == list(range(6))


@pytest.mark.parametrize("text", ["two\nlines\r\n\u2028\x00\x85 9", "\N{SNOWMAN} 7", '"{}"', ""])
def test_text_of_any_kind_is_kept(text: str, tmp_path: Path) -> None:
    Replies(tmp_path).put("g", "a", text)
    assert Replies(tmp_path).get("g", "a") == text


def test_two_processes_write_one_file(tmp_path: Path) -> None:
    both = [subprocess.Popen([sys.executable, "-c", WRITE, str(tmp_path), name]) for name in "ab"]
    assert [process.wait() for process in both] == [0, 0]
    replies = Replies(tmp_path)
    assert {replies.get("g", f"{name}{number}") for name in "ab" for number in range(200)} == {"x" * 3000}


@pytest.mark.parametrize("other", [("m", 1), ("m", 2, 3), ("n", 1, 2), ("m", "1", 2), ("m", 12), ("m", [1, 2])])
def test_other_parts_make_another_key(other: tuple[Any, ...]) -> None:
    assert key_of("m", 1, 2) == key_of("m", 1, 2)
    assert key_of("m", 1, 2) != key_of(*other)
