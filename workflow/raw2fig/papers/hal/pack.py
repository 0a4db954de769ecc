"""`raw2fig hal pack` and `unpack`: logs as an encrypted archive, in the form of the authors' uploads.

Each file is encrypted with Fernet under a key that PBKDF2-HMAC-SHA256 makes of a password and a random salt. The
password is no secret: it keeps answers to benchmarks out of web crawls, from which models would learn them.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from raw2fig.errors import InputError
from raw2fig.settings import Field, Record
from raw2fig.step import Input, Output, OutputFolder, step

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

ITERATIONS, KEY_BYTES, SALT_BYTES = 480_000, 32, 16
SUFFIX = ".encrypted"
LARGEST = 2 << 30
"""Bytes of a member of an archive: beyond, it is not read."""


class Pack(Record):
    """Encryption of logs."""

    password: str = Field(min_length=8, description="Password of archives; no secret.")


@step
def pack(*, files: list[Input], pack: Pack, archive: Output = Path("hal-logs.zip")) -> None:
    """Encrypt files into one archive, so that answers in them do not end up in web crawls.

    Parameters
    ----------
    files
        Files to pack, with different names.
    archive
        The archive: a zip with one encrypted member for each file.
    """
    names = [path.name for path in files]
    if again := next((name for name in names if names.count(name) > 1), None):
        raise InputError("files", f"two are named {again!r}", "different names")
    for path in files:
        if not path.is_file():
            raise InputError(path, "is a folder", "a file")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in files:
            zipped.writestr(f"{path.name}{SUFFIX}", encrypt(path.read_bytes(), pack.password))
    logging.info("%d files packed", len(files))


@step
def unpack(*, archive: Input, pack: Pack, folder: OutputFolder = Path("hal-logs")) -> None:
    """Decrypt an archive that `pack`, or the authors' harness with the same password, has made.

    Parameters
    ----------
    archive
        The archive.
    folder
        Folder of the decrypted files.
    """
    folder.mkdir()
    try:
        with zipfile.ZipFile(archive) as zipped:
            for member in zipped.infolist():
                name = member.filename.removesuffix(SUFFIX)
                if name == member.filename or Path(name).name != name:
                    raise InputError(archive, f"has the member {member.filename!r}", f"names that end in {SUFFIX}")
                if member.file_size > LARGEST:
                    raise InputError(archive, f"{member.filename} has {member.file_size} bytes", f"at most {LARGEST}")
                (folder / name).write_bytes(decrypt(archive, zipped.read(member), pack.password))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InputError(archive, f"cannot be read ({error})", "an archive of encrypted files") from error


def encrypt(data: bytes, password: str) -> bytes:
    """JSON text with the encrypted data and a fresh salt: equal data give different texts."""
    salt = os.urandom(SALT_BYTES)
    token = _cipher(password, salt).encrypt(data)
    parts = {"encrypted_data": token, "salt": salt}
    return json.dumps({name: base64.b64encode(part).decode() for name, part in parts.items()}).encode()


def decrypt(where: Path, text: bytes, password: str) -> bytes:
    """The data of such a text. Raises `InputError` about `where` for another password or a damaged text."""
    from cryptography.fernet import InvalidToken

    try:
        parts = {name: base64.b64decode(part, validate=True) for name, part in json.loads(text).items()}
        return _cipher(password, parts["salt"]).decrypt(parts["encrypted_data"])
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(where, f"has a damaged member ({error})", "encrypted_data and salt") from error
    except InvalidToken as error:
        raise InputError(
            where, "was packed with another password, or is damaged", "its password: --password"
        ) from error


def _cipher(password: str, salt: bytes) -> Fernet:
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    kdf = PBKDF2HMAC(algorithm=SHA256(), length=KEY_BYTES, salt=salt, iterations=ITERATIONS)
    return Fernet(base64.urlsafe_b64encode(kdf.derive(password.encode())))
