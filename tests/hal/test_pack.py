"""Encrypted archives: round trips, wrong passwords, and archives that are none."""

import base64
import json
import zipfile
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from raw2fig.errors import InputError
from raw2fig.papers.hal import pack as module
from raw2fig.papers.hal.pack import Pack, decrypt, encrypt, pack, unpack
from raw2fig.step import run_step

PASSWORD = Pack(password="a long word")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "a.json").write_text('{"answer": 42}')
    (tmp_path / "b.bin").write_bytes(bytes(range(256)))
    made = tmp_path / "logs.zip"
    run_step(pack, {"files": [tmp_path / "a.json", tmp_path / "b.bin"], "pack": PASSWORD, "archive": made})
    return made


def test_check_11_an_archive_comes_back_whole(archive: Path, tmp_path: Path) -> None:
    run_step(unpack, {"archive": archive, "pack": PASSWORD, "folder": tmp_path / "back"})
    assert {path.name: path.read_bytes() for path in (tmp_path / "back").iterdir()} == {
        name: (tmp_path / name).read_bytes() for name in ("a.json", "b.bin")
    }
    assert b"answer" not in archive.read_bytes()


def test_check_11_a_wrong_password_fails_loudly_and_leaves_nothing(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another password"):
        run_step(unpack, {"archive": archive, "pack": Pack(password="another word"), "folder": tmp_path / "back"})
    assert not (tmp_path / "back").exists()


def test_check_11_equal_files_encrypt_differently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ITERATIONS", 1)
    first, second = (json.loads(encrypt(b"the same", "a long word")) for _ in range(2))
    assert first["salt"] != second["salt"]
    assert first["encrypted_data"] != second["encrypted_data"]


def test_the_form_is_that_of_the_authors_uploads(archive: Path) -> None:
    """Read without our code: base64 of a Fernet token under the key of 480,000 rounds of PBKDF2."""
    with zipfile.ZipFile(archive) as zipped:
        assert zipped.namelist() == ["a.json.encrypted", "b.bin.encrypted"]
        member = json.loads(zipped.read("a.json.encrypted"))
    kdf = PBKDF2HMAC(algorithm=SHA256(), length=32, salt=base64.b64decode(member["salt"]), iterations=480_000)
    key = base64.urlsafe_b64encode(kdf.derive(b"a long word"))
    assert Fernet(key).decrypt(base64.b64decode(member["encrypted_data"])) == b'{"answer": 42}'


@pytest.mark.parametrize("name", ["../a.encrypted", "a/b.encrypted", "a.txt"])
def test_members_with_other_names_are_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as zipped:
        zipped.writestr(name, "{}")
    with pytest.raises(InputError, match="has the member"):
        run_step(unpack, {"archive": tmp_path / "evil.zip", "pack": PASSWORD, "folder": tmp_path / "back"})


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"salt": "x", "encrypted_data": "y"}', b'{"salt": 1}'])
def test_damaged_members_are_told(text: bytes) -> None:
    with pytest.raises(InputError, match="damaged"):
        decrypt(Path("logs.zip"), text, "a long word")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_text("no")
    with pytest.raises(InputError, match="cannot be read"):
        run_step(unpack, {"archive": tmp_path / "no.zip", "pack": PASSWORD, "folder": tmp_path / "back"})


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.json").touch()
    paths = [tmp_path / folder / "a.json" for folder in ("one", "two")]
    with pytest.raises(InputError, match="two are named"):
        run_step(pack, {"files": paths, "pack": PASSWORD, "archive": tmp_path / "logs.zip"})
