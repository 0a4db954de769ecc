"""What tests of Kimi-Dev share: a small git repository, and a virtual environment with pytest."""

import shutil
import subprocess
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path

PACKAGES = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments")
"""What pytest needs."""
NUMBERS = "".join(f"v{number} = {number}\n" for number in range(40))
WHO = {"GIT_AUTHOR_NAME": "Mira Example", "GIT_AUTHOR_EMAIL": "mira@example.org"}
WHO |= {"GIT_COMMITTER_NAME": "Host", "GIT_COMMITTER_EMAIL": "host@example.org"}


class Repository:
    """A git repository in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit(
            "start", {f"{name}.py": NUMBERS for name in "abcdefg"} | {"README.md": "one\n", "x.toml": "a = 1\n"}
        )

    def git(self, *words: str) -> str:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder.parent), **WHO}
        done = subprocess.run(["git", *words], cwd=self.folder, env=environment, capture_output=True, check=True)
        return done.stdout.decode()

    def commit(self, message: str, files: Mapping[str, str | bytes | None]) -> None:
        for path, text in files.items():
            if text is None:
                (self.folder / path).unlink()
            else:
                (self.folder / path).write_bytes(text if isinstance(text, bytes) else text.encode())
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def request(self, title: str, *steps: Mapping[str, str | bytes | None]) -> None:
        """A branch with these commits, merged."""
        self.git("checkout", "--quiet", "-b", "topic")
        for number, files in enumerate(steps):
            self.commit(f"step {number} of {title}", files)
        self.git("checkout", "--quiet", "main")
        self.git("merge", "--quiet", "--no-ff", "-m", f"Merge pull request #7 from mira/topic\n\n{title}", "topic")
        self.git("branch", "--quiet", "-D", "topic")


def environment_with_pytest(folder: Path) -> Path:
    """A virtual environment that has pytest, copied from that of these tests."""
    venv.create(folder, symlinks=True)
    (place,) = folder.glob("lib/python*/site-packages")
    installed = Path(sysconfig.get_path("purelib"))
    for name in PACKAGES:
        shutil.copytree(installed / name, place / name)
    shutil.copy(installed / "py.py", place)
    return folder
