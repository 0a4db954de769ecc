"""The program that runs the test files of a cell with pytest, in a virtual environment (`forked_tests.run_elsewhere`).

It is passed as text, to an interpreter that may be as old as Python 3.6. Its arguments: the descriptor of a pipe, the
token that begins a line there, the number that shuffles tests (null for no shuffling), and the files. It sends the same
lines as `forked_tests.run_tests`.
"""

import json
import os
import random
import sys
from typing import Any


def main() -> None:
    """Run the tests, and send what came of each."""
    pipe, token, shuffle, tests = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]), sys.argv[4:]
    del sys.argv[1:]
    work = os.getcwd()
    places = [folder for folder in (os.path.join(work, "src"), work) if os.path.isdir(folder)]
    for folder in places:
        sys.path.insert(0, folder)
    import pytest

    def send(kind: str, name: str, value: str, write: Any = os.write, say: Any = json.dumps) -> None:
        write(pipe, f"\n{token}{say([kind, name, value])}\n".encode())

    own = {name.partition(".")[0] for folder in places for name in os.listdir(folder)}
    words = ["-q", "-p", "no:cacheprovider", "--rootdir", work]
    pytest.main([*words, *tests], plugins=[Sent(send, shuffle)])
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and name.partition(".")[0] in own and not file.startswith(work + os.sep):
            send("outside", name, file)
    send("done", "", "")


class Sent:
    """A plugin of pytest that shuffles tests and sends what came of each."""

    def __init__(self, send: Any, shuffle: Any) -> None:
        self.send, self.shuffle = send, shuffle

    def pytest_collection_modifyitems(self, items: Any) -> None:
        if self.shuffle is not None:
            random.Random(self.shuffle).shuffle(items)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.send("test", report.nodeid, "error")

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.skipped:
            self.send("test", report.nodeid, "xfailed" if hasattr(report, "wasxfail") else "skipped")
        elif report.when == "call" or report.failed:
            self.send("test", report.nodeid, report.outcome if report.when == "call" else "error")


if __name__ == "__main__":
    main()
