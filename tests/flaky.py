"""How often each training test fails where the arithmetic is another: `make flaky`.

Rounds differ in the number of threads (1, 2), in the processor's instructions (ATEN_CPU_CAPABILITY default, avx2), in a
jitter of the first weights by a millionth, and, after the first four rounds, in the seed of these weights. No round
begins after `--minutes`, and one that is at work then is stopped. Exit status 1 if any test failed in any round, or
none was finished.

    make flaky ARGS="--rounds 20 tests/lm"      # other words are pytest's
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from perturbed import JITTER, SHIFT, THREADS

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


def outcomes(number: int, words: list[str], limit: float) -> dict[str, str]:
    """What a round found: the first line of each test's failure, "" for one that held. None of a round that has not
    ended after `limit` seconds."""
    tests = Path(__file__).parent
    path = os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-p", "perturbed", f"--junitxml={report}", *words]
        environment = {**os.environ, **perturbation(number), "PYTHONPATH": path}
        try:
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, timeout=limit, cwd=tests.parent)
        except subprocess.TimeoutExpired:
            return {}
        cases = ElementTree.parse(report).getroot().iter("testcase")
    found = {}
    for case in cases:
        failures = [*case.iter("failure"), *case.iter("error")]
        told = (failures[0].get("message") or "failed").splitlines()[0] if failures else ""
        if not list(case.iter("skipped")):
            found[f"{case.get('classname')}::{case.get('name')}"] = told
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8, help="rounds; 8 by default")
    parser.add_argument("--first", type=int, default=0, help="number of the first round, from 0")
    parser.add_argument("--minutes", type=float, default=60.0, help="most minutes; 60 by default")
    options, words = parser.parse_known_args()
    end = time.monotonic() + 60 * options.minutes
    failures: dict[str, list[str]] = defaultdict(list)
    runs: dict[str, int] = defaultdict(int)
    for number in range(options.first, options.first + options.rounds):
        if time.monotonic() > end:
            break
        found = outcomes(number, ["-m", "training", *words], end - time.monotonic())
        failed = {test: message for test, message in found.items() if message}
        told = " ".join(f"{name}={value}" for name, value in perturbation(number).items())
        print(f"round {number} ({told}): {len(failed)} of {len(found)} tests failed", flush=True)
        for test in found:
            runs[test] += 1
        for test, message in failed.items():
            failures[test].append(f"round {number}: {message}")
            print(f"    {test}: {message[:200]}", flush=True)
    for test, messages in sorted(failures.items(), key=lambda item: -len(item[1])):
        print(f"{len(messages)} of {runs[test]}  {test}")
    print(f"{len(failures)} of {len(runs)} tests failed in some of {max(runs.values(), default=0)} rounds")
    return bool(failures) or not runs


if __name__ == "__main__":
    sys.exit(main())
