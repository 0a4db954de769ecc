"""Speed of the tools: calls of the calculator and of the sandboxed interpreter, by the processor and by the clock.

    python benchmarks/agentic_rl_tools.py [--monty FOLDER_OF_PYDANTIC_MONTY]

CPU seconds are those of this process and of its children. Of the sandbox they are only a part, because the kernel ends
its processes: there, calls per second on an idle machine say more. All must give the same values before any is timed.
pydantic-monty, a restricted interpreter in processes of its own, is timed where it is installed (`pip install --target
FOLDER pydantic-monty`); it is no dependency.
"""

import argparse
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.rows import show

from raw2fig.papers.agentic_rl.tools.interpreter import Running, code_interpreter
from raw2fig.tables import write_json
from raw2fig.tasks.calculator import calculate

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "build" / "bench" / "agentic_rl_tools.json"
RUNNING = Running(seconds=60.0, memory_mb=512, official=False)


def cpu_seconds() -> float:
    """Of this process and of the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def expressions(number: int, seed: int) -> list[str]:
    """Composed calls as they occur: `((23 * 7) + 81) - 5`."""
    rng = random.Random(seed)
    found = []
    for _ in range(number):
        text = str(rng.randint(2, 99))
        for _ in range(rng.randint(1, 3)):
            text = f"({text} {rng.choice('+-*')} {rng.randint(2, 99)})"
        found.append(text)
    return found


def timed(name: str, run: Callable[[str], Any], given: list[str]) -> dict[str, Any]:
    cpu, wall = cpu_seconds(), time.perf_counter()
    for one in given:
        run(one)
    cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    return {"tool": name, "calls": len(given), "calls/CPU s": len(given) / cpu, "calls/s": len(given) / wall}


def agree(name: str, run: Callable[[str], Any], given: list[str]) -> None:
    for one in given:
        if (found := str(run(one)).strip()) != str(calculate(one)):
            raise RuntimeError(f"{name}: {one} is {found}, not {calculate(one)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000, help="Calls of the calculator.")
    parser.add_argument("--programs", type=int, default=100, help="Calls of the others.")
    parser.add_argument("--monty", type=Path, help="Folder that pydantic-monty is installed in.")
    words = parser.parse_args()
    rows = []

    def take(name: str, run: Callable[[str], Any], number: int) -> None:
        given = expressions(number, 0)
        agree(name, run, given[:3])
        rows.append(timed(name, run, given))

    take("calculator", calculate, words.calls)
    show(rows[-1])
    if words.monty:
        sys.path.insert(0, str(words.monty))
        from pydantic_monty import Monty  # type: ignore[import-not-found]

        before = cpu_seconds()
        with Monty(binary_path=str(words.monty / "bin/monty")) as pool, pool.checkout() as session:
            take("pydantic-monty, one session", session.feed_run, 10 * words.programs)
        # its worker is a child, which has ended only now
        rows[-1]["calls/CPU s"] = 10 * words.programs / (cpu_seconds() - before)
        show(rows[-1])
    take("sandboxed interpreter", lambda text: code_interpreter(text, RUNNING).text, words.programs)
    show(rows[-1])
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    write_json(rows, RESULT)


if __name__ == "__main__":
    main()
