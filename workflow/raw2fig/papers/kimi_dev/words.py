"""What a model of the miniature reads and writes: words for code, issues, files and edits.

A word stands for a piece of text, such as SEARCH for the marker line of a block; `text_of` writes the text that the
words of an answer stand for, and the strict parser of patches reads that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from raw2fig.papers.kimi_dev.language import ARGUMENTS, CALLS, OPERATORS, RESULT, VARIABLES, Function, Term
from raw2fig.papers.kimi_dev.world import CONSTANTS, FILES, LARGEST, SMALLEST, SYMPTOMS, Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

END_LINE = ";"
EDIT, TEST, WHERE, HISTORY, BROWSE = "EDIT", "TEST", "WHERE", "HISTORY", "BROWSE"
"""First words of prompts: fix the code, write a test, name the file, go on with the history, use tools."""
END = "<eos>"
"""Ends an answer, and each action of an agent."""
ISSUE, TREE, TEXT, FILE, SEARCH, SPLIT, REPLACE = "ISSUE", "TREE", "TEXT", "FILE", "SEARCH", "SPLIT", "REPLACE"
THINK, DONE, SAY, CHECK, EQUALS, GIVES, OPEN_TOKEN = "THINK", "DONE", "SAY", "CHECK", "==", "GIVES", "?"
OPEN, KEEP, CLOSE = "OPEN", "KEEP", "CLOSE"
"""Actions: open a file, say that it needs no change, end."""
RUN = "RUN"
"""Runs the test of the issue, which nothing in mid-training does."""
SEEN, END_SEEN, OK, FAIL = "SEEN", "END_SEEN", "OK", "FAIL"
"""What an agent is shown stands between the first two; OK and FAIL say how an edit or a test went."""
FENCE = "```"
MARKERS = {
    THINK: "<think>",
    DONE: "</think>\n",
    FILE: f"{FENCE}python\n### ",
    SEARCH: "\n<<<<<<< SEARCH\n",
    SPLIT: "=======\n",
    REPLACE: f">>>>>>> REPLACE\n{FENCE}\n",
}
"""Words that stand for the marks of an answer."""


def spoken(target: str, term: Term) -> list[str]:
    """A line as the issue tells it: `x a + 2 .`"""
    return [target, term.left, term.operator, term.right, "."]


def assigned(target: str) -> str:
    """The word that begins a line of code."""
    return RESULT if target == RESULT else f"{target}="


def code(target: str, term: Term) -> list[str]:
    """A line of code. Operators stand between their operands, also those that are calls in Python's text."""
    return [assigned(target), term.left, term.operator, term.right, END_LINE]


def body(function: Function) -> list[str]:
    """A function."""
    lines = zip(function.targets, function.terms, strict=True)
    return ["def", function.name, END_LINE, *(word for line in lines for word in code(*line))]


def issue(task: Task) -> list[str]:
    """Who is meant, and what it should do, line by line. A vague issue leaves the token open that is wrong in the code,
    and gives an example first: `GIVES 1 2 == 5`."""
    terms = list(task.fixed.terms)
    example = list[str]()
    if task.example:
        pairs = zip(terms[task.line], task.broken.terms[task.line], strict=True)
        terms[task.line] = Term(*(right if right == wrong else OPEN_TOKEN for right, wrong in pairs))
        *arguments, value = map(str, task.example)
        example = [GIVES, *arguments, EQUALS, value]
    lines = zip(task.fixed.targets, terms, strict=True)
    return [*title(task.subject), *example, *(word for line in lines for word in spoken(*line))]


def shown(task: Task, path: str) -> list[str]:
    """A file's text."""
    return [TEXT, path, *(word for function in task.files[path] for word in body(function))]


def tree(task: Task) -> list[str]:
    """The paths of a repository."""
    return [TREE, *task.files]


def edit_prompt(task: Task, path: str) -> list[str]:
    """Asks to fix the code, with one file."""
    return [EDIT, *issue(task), *shown(task, path)]


def test_prompt(task: Task, path: str) -> list[str]:
    """Asks for a test that fails now and passes after the fix."""
    return [TEST, *issue(task), *shown(task, path)]


def where_prompt(task: Task) -> list[str]:
    """Asks for the file to edit: the title of the issue, and the paths of the repository."""
    return [WHERE, *title(task.subject), *tree(task)]


def title(subject: str) -> list[str]:
    """The first words of an issue."""
    return [ISSUE, subject, ":"]


def block(path: str, target: str, before: Term, after: Term) -> list[str]:
    """An edit of one line."""
    return [FILE, path, SEARCH, *code(target, before), SPLIT, *code(target, after), REPLACE]


def fix(task: Task) -> list[str]:
    """The reference edit."""
    target = task.fixed.targets[task.line]
    return block(task.path, target, task.broken.terms[task.line], task.fixed.terms[task.line])


def reasoning(task: Task) -> list[str]:
    """Which lines of the code do what the issue says."""
    lines = [
        word for line, target in enumerate(task.fixed.targets) for word in (target, FAIL if line == task.line else OK)
    ]
    return [THINK, *lines, DONE]


def text_of(words: Sequence[str]) -> str:
    """The text of an answer, as `raw2fig.papers.kimi_dev.patches` reads it."""
    parts, line = list[str](), list[str]()
    for word in words:
        if word in MARKERS or word == END_LINE:
            parts.append(_line(line) + MARKERS.get(word, "\n"))
            line = []
        elif parts and parts[-1].endswith(MARKERS[FILE]) and not line:
            parts.append(word)
        else:
            line.append(word)
    return "".join(parts) + _line(line)


def _line(words: Sequence[str]) -> str:
    """A line of code as Python has it: indented in a function, with calls."""
    if not words:
        return ""
    if words[0] == "def":
        return " ".join(words) + "(a, b):"
    if len(words) == 4 and words[2] in CALLS:
        words = [words[0], f"{words[2]}({words[1]}, {words[3]})"]
    return "    " + " ".join(words).replace("=", " =", 1)


@cache
def vocabulary() -> tuple[str, ...]:
    """All words of the miniature."""
    return tuple(
        sorted(
            {
                *SYMPTOMS, *SYMPTOMS.values(), *(f"{name}.py" for name in FILES), *CONSTANTS, *ARGUMENTS, *VARIABLES,
                *OPERATORS, *map(assigned, VARIABLES), *MARKERS,
                *map(str, range(SMALLEST, LARGEST + 1)), RESULT, ".", ":", "def", END_LINE,
                EDIT, TEST, WHERE, HISTORY, BROWSE, ISSUE, TREE, TEXT, SAY, CHECK, EQUALS, GIVES, OPEN_TOKEN,
                OPEN, KEEP, CLOSE, RUN, SEEN, END_SEEN, OK, FAIL,
            }
        )
    )  # fmt: skip


def tokenizer() -> PreTrainedTokenizerBase:
    """The miniature's tokenizer."""
    from raw2fig.lm.tokenizer import word_tokenizer

    return word_tokenizer(vocabulary())
