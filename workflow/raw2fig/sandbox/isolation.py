"""Two ways to put a command where there is no network, no file of the user, and nothing to write to but its own /tmp.

Both make namespaces of the kernel (user, mounts, processes, network, IPC, host name) and an empty file system with the
operating system's programs and this Python, read-only, in it. There is no /proc. When the caller dies, the kernel kills
all that runs inside. `bubblewrap` is made for this. `unshare`, of util-linux, is on every Linux and takes more than
twice as long to start (docs/cluster.md). Both need user namespaces, which some machines deny to ordinary users.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from shlex import quote
from shutil import which
from types import MappingProxyType

SYSTEM = ("/usr", "/bin", "/lib", "/lib64")
"""Folders of the operating system; all but the first are often links."""
PYTHON_HOME = os.path.realpath(sys.base_prefix)
PYTHON = f"{PYTHON_HOME}/bin/python{sys.version_info.major}.{sys.version_info.minor}"
"""This interpreter without its virtual environment: the standard library alone."""
TMP_BYTES = 64 << 20
"""Size of /tmp, which lies in memory."""
NOTHING: Mapping[str, str] = MappingProxyType({})
ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONHASHSEED": "0"}
"""All of the environment inside. The seed makes the order of sets of strings the same in every run."""

MOUNTS = """
set -e
mount -t tmpfs -o mode=755 tmpfs /sys
cd /sys
for path in {folders}; do
    if [ -L "$path" ]; then
        cp -P "$path" ".$path"
    elif [ -d "$path" ] && [ ! -e ".$path" ]; then
        mkdir -p ".$path"
        mount --rbind "$path" ".$path"
        mount -o remount,bind,ro ".$path"
    fi
done
{bound}
mkdir dev tmp
: > dev/null
mount --bind /dev/null dev/null
mount -t tmpfs -o size={size} tmpfs tmp
mount -o remount,bind,ro /sys
chroot . setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
exit $?
"""
"""Shell script of `unshare`: builds the file system over /sys, which nobody needs, and runs its arguments there without
privileges, so that no way leads out of the chroot. The shell stays, as process 1, which signals from inside cannot end;
it adds a line to standard error when a signal ends the command."""


BOUND = """
mkdir -p .{inside}
mount --rbind {folder} .{inside}
mount -o remount,bind,ro .{inside}
"""
"""The part of this script for a further folder."""


def bubblewrap(command: Sequence[str], folders: Mapping[str, str] = NOTHING) -> list[str]:
    """`command` inside bubblewrap. `folders`: further folders to read, and where they are inside."""
    binds = [word for path in dict.fromkeys((*SYSTEM, PYTHON_HOME)) for word in ("--ro-bind-try", path, path)]
    binds += [word for folder, inside in folders.items() for word in ("--ro-bind", folder, inside)]
    made = ["--dev-bind", "/dev/null", "/dev/null", "--size", str(TMP_BYTES), "--tmpfs", "/tmp", "--remount-ro", "/"]
    return [
        which("bwrap") or "bwrap",
        "--unshare-all",
        "--die-with-parent",
        "--cap-drop",
        "ALL",
        *binds,
        *made,
        "--",
        *command,
    ]


def unshare(command: Sequence[str], folders: Mapping[str, str] = NOTHING) -> list[str]:
    """`command` inside namespaces made by util-linux; all else is as in `bubblewrap`."""
    bound = "".join(BOUND.format(folder=quote(folder), inside=quote(inside)) for folder, inside in folders.items())
    system = " ".join(f"'{path}'" for path in (*SYSTEM, PYTHON_HOME))
    script = MOUNTS.format(folders=system, size=TMP_BYTES, bound=bound)
    namespaces = ["--user", "--map-root-user", "--mount", "--net", "--pid", "--ipc", "--uts"]
    die_together = ["setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--kill-child"]
    return [*die_together, *namespaces, "sh", "-c", script, "sh", *command]


WAYS = (bubblewrap, unshare)
"""The better one first."""
