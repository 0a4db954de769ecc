"""The side of the jobs. Every job imports this first, and it imports next to nothing."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from socket import socket

ADDRESS = "RAW2FIG_WARM"
"""Environment variable that holds the name of the server's socket. It is an abstract one, so that none stays behind."""


def delegate(words: list[str]) -> int | None:
    """Let the server run the step. Returns its exit status, None where no server can. A signal that ended the step
    ends this process too."""
    name = os.environ.get(ADDRESS)
    if not name or os.environ.get("OMP_NUM_THREADS", "1") != "1":
        return None
    import json
    import signal
    import socket

    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(f"\0{name}")
        except OSError:
            return None
        if user_of(connection) != os.getuid():  # who has taken the name of a server that is no more
            return None
        request = json.dumps({"words": words, "environment": dict(os.environ), "folder": os.getcwd()}).encode()
        socket.send_fds(connection, [len(request).to_bytes(4, "big")], [0, 1, 2])
        connection.sendall(request)
        while True:
            try:
                answer = connection.recv(4)
                break
            except KeyboardInterrupt:
                connection.sendall(bytes([signal.SIGINT]))
    if not answer:
        print("raw2fig: the process that watched the step was killed", file=sys.stderr)
        return 1
    status = os.waitstatus_to_exitcode(int.from_bytes(answer, "big"))
    if status < 0:
        if -status == signal.SIGINT:  # the others Python leaves alone
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def user_of(connection: socket) -> int:
    """The user at the other end: whoever is on this machine can connect to an abstract socket."""
    import socket
    import struct

    # struct ucred: process, user, group (unix(7))
    return int(struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])
