"""The program in the sandbox that types the examples of functions and tells what they print. It knows nothing of what
they should print.

It is passed as text, and imports little, because every run pays for its imports. Standard input is a Python literal:
(token, worlds, jobs). A world is the modules that a function lives in, each (name, text before the place of the
function, text after it or None), and the examples. A job is the number of a world and the candidate's text. For each
job, as soon as it is done, a line is printed: the token, the job's number, and for each example what it printed and the
last line of its traceback, in hexadecimal digits after an x, or - where there is none. Nothing follows the number of
a candidate whose time is up, or with which the modules cannot be made.

Three clocks watch a candidate. The first raises an exception in it; code that catches that, or that loops in C and
never sees it, is ended by one of the others, with the whole process. The caller begins again after such a candidate.
"""

import builtins
import io
import signal
import sys
import types

SECONDS = 0.75
"""The most that a candidate may compute. The slowest function needs a fifth of it, most a hundredth."""
CLOCKS = {signal.ITIMER_VIRTUAL: SECONDS * 2 / 3, signal.ITIMER_PROF: SECONDS, signal.ITIMER_REAL: 80 * SECONDS}
"""The last one is for candidates that sleep; a busy machine can be slow, and that must not count."""
LONGEST = 1 << 16
"""Letters that an example may print."""
World = tuple[list[tuple[str, str, str | None]], list[str]]
Printed = list[tuple[str, str | None]]
"""For each example, what was printed and the last line of the traceback."""
CODE: dict[tuple[str, str], types.CodeType] = {}
"""Modules and examples, compiled once."""


class TimeUp(BaseException):
    """A candidate has computed for too long."""


def main() -> None:
    """Run all jobs, one after the other."""
    token, worlds, jobs = eval(sys.stdin.read(), {})
    said = sys.stdout
    signal.signal(signal.SIGVTALRM, time_is_up)
    for number, (world, candidate) in enumerate(jobs):
        fields = [digits(text) for pair in watched(worlds[world], candidate) for text in pair]
        said.write(" ".join([token, str(number), *fields]) + "\n")
        said.flush()


def digits(text: str | None) -> str:
    """A field of a line."""
    return "-" if text is None else "x" + text.encode("utf-8", "surrogatepass").hex()


def time_is_up(*_: object) -> None:
    """Handler of the first clock's signal; the others end the process, as signals do that nobody handles."""
    raise TimeUp


def watched(world: World, candidate: str) -> Printed:
    """What the examples print; nothing at all if that takes too long."""
    try:
        try:
            set_clocks(1)
            return type_examples(world, candidate)
        finally:
            set_clocks(0)
    except TimeUp:
        set_clocks(0)  # it may have come in the moment before they were stopped
        return []


def set_clocks(factor: int) -> None:
    """Start the clocks, or stop them with a factor of 0."""
    for clock, seconds in CLOCKS.items():
        signal.setitimer(clock, factor * seconds)


def type_examples(world: World, candidate: str) -> Printed:
    """Make the modules anew with the candidate in its place, and type the examples one after the other, as doctest
    does. Without modules there is nothing to type."""
    modules, examples = world
    sys.stdout = screen = io.StringIO()
    builtins._ = None  # type: ignore[attr-defined]
    names: dict[str, object] = {}
    try:
        for name, before, after in modules:
            module = sys.modules[name] = types.ModuleType(name)
            module.__package__ = name.partition(".")[0]
            exec(compiled(before, "exec"), module.__dict__)
            if after is not None:
                exec(compile(candidate, "candidate.py", "exec"), module.__dict__)
                exec(compiled(after, "exec"), module.__dict__)
                names = module.__dict__
    except TimeUp:
        raise
    except BaseException:
        return []
    names = names.copy()
    printed = []
    for example in examples:
        screen.seek(0)
        screen.truncate()
        complaint = None
        try:
            exec(compiled(example, "single"), names)
        except TimeUp:
            raise
        except BaseException as error:
            complaint = last_line(error)
        text = screen.getvalue()
        printed.append((text, complaint) if len(text) <= LONGEST else ("", "too long"))
    return printed


def compiled(text: str, mode: str) -> types.CodeType:
    """Text that is no candidate's."""
    if (text, mode) not in CODE:
        CODE[text, mode] = compile(text, "<example>", mode)
    return CODE[text, mode]


def last_line(error: BaseException) -> str:
    """The last line of a traceback, as doctest has it."""
    import traceback

    return traceback.format_exception_only(error)[-1]


if __name__ == "__main__":
    main()
