"""How often each training test fails where the arithmetic is another: `make flaky`.

Rounds differ in the number of threads (1, 2), in the processor's instructions (ATEN_CPU_CAPABILITY default, avx2), in a
jitter of the first weights by a millionth, and, after the first four rounds, in the seed of these weights. No round
begins after `--minutes`, and one that is at work then is stopped: it is "not finished", and the tests that it has run
until then count. Exit status 1 if any test failed in any round, or a round was not finished.

    make flaky ARGS="--rounds 20 tests/lm"      # other words are pytest's
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from perturbed import JITTER, OUTCOMES, SHIFT, THREADS

CAPABILITIES = ("default", "avx2")
FIXED_SEEDS = 4
"""Rounds in which seeds are those of the tests."""


def perturbation(number: int) -> dict[str, str]:
    """Environment variables of a round, counted from 0."""
    return {
        THREADS: str(1 + number % 2),
        "ATEN_CPU_CAPABILITY": CAPABILITIES[number // 2 % 2],
        JITTER: str(1 + number),
        SHIFT: str(1000 * number if number >= FIXED_SEEDS else 0),
    }


def outcomes(number: int, words: list[str], limit: float) -> tuple[dict[str, str], str]:
    """What a round found, the first line of each test's failure, "" for one that held; and why it did not come to its
    end, "" where it did. It is stopped after `limit` seconds."""
    tests = Path(__file__).parent
    path = os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder, "outcomes.jsonl")
        found.touch()
        environment = {**os.environ, **perturbation(number), "PYTHONPATH": path, OUTCOMES: str(found)}
        environment["OMP_WAIT_POLICY"] = "PASSIVE"  # two threads that spin would come to no end beside other work
        command = [sys.executable, "-m", "pytest", "-p", "perturbed", *words]
        # a session of its own, whose processes end together
        running = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, cwd=tests.parent, start_new_session=True
        )
        try:
            status = running.wait(limit)
            cut = "" if status in (0, 1) else f"pytest ended with status {status}"
        except subprocess.TimeoutExpired:
            cut = "the limit was reached"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()
        lines = found.read_text(encoding="utf-8").splitlines()
    return dict(json.loads(line) for line in lines), cut


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8, help="rounds; 8 by default")
    parser.add_argument("--first", type=int, default=0, help="number of the first round, from 0")
    parser.add_argument("--minutes", type=float, default=60.0, help="most minutes; 60 by default")
    options, words = parser.parse_known_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and its round ends with it
    end = time.monotonic() + 60 * options.minutes
    failures: dict[str, list[str]] = defaultdict(list)
    runs: dict[str, int] = defaultdict(int)
    whole = 0
    for number in range(options.first, options.first + options.rounds):
        if time.monotonic() > end:
            print(f"round {number}: not begun, the limit was reached", flush=True)
            break
        found, cut = outcomes(number, ["-m", "training", *words], end - time.monotonic())
        failed = {test: message for test, message in found.items() if message}
        told = " ".join(f"{name}={value}" for name, value in perturbation(number).items())
        end_of_round = f"; not finished: {cut}" if cut else ""
        print(f"round {number} ({told}): {len(failed)} of {len(found)} tests failed{end_of_round}", flush=True)
        whole += not cut
        for test in found:
            runs[test] += 1
        for test, message in failed.items():
            failures[test].append(f"round {number}: {message}")
            print(f"    {test}: {message[:200]}", flush=True)
    for test, messages in sorted(failures.items(), key=lambda item: -len(item[1])):
        print(f"{len(messages)} of {runs[test]}  {test}")
    print(f"{len(failures)} of {len(runs)} tests failed; {whole} of {options.rounds} rounds were finished")
    return bool(failures) or whole < options.rounds


if __name__ == "__main__":
    sys.exit(main())
