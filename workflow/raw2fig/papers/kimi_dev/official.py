"""Answers as the released code of Kimi-Dev reads them, defects included, for the comparison with our strict reading.

The code is that of github.com/MoonshotAI/Kimi-Dev at commit de4d89d (`agentlessnano/post_process.py`, `utils.py`, and
`llm_chat` of the rollout scripts); it was read, not copied. What it does otherwise than our own `patches` (numbers are
those of section 6 of the reference sheet):

3. SEARCH is looked for anywhere in the text, also inside a line, and all of its occurrences are replaced.
4. An empty SEARCH puts REPLACE between all characters.
5. A REPLACE without a line is not seen as empty: it runs on to the end of the next block.
6. An unknown path, a SEARCH that is not there and an edit that changes nothing are passed over in silence.
7. A block without a path line is not seen, carriage returns hide all blocks, markers may be longer or shorter than
   seven characters (four is enough), and fences are not needed.
8. The result need not be Python.
9. A path that does not exist is looked for in the folders at the top.

Files are held there as lists of lines, so that a file has no newline at its end, and only Python files are held.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import unified_diff
from typing import NamedTuple

from raw2fig.papers.kimi_dev.patches import THINKING, Files, syntax_mistake

BLOCK = re.compile(
    r"""
    [#]{3}[ ] (?P<path> [^\n]+ ) \n
    <{4,}[ ]SEARCH \n (?P<search> .*? ) \n
    ={4,} \n (?P<replace> .*? ) \n
    >{4,}[ ]REPLACE
    """,
    re.VERBOSE | re.DOTALL,
)
FENCED = re.compile(r"```.*?```", re.DOTALL)


class Official(NamedTuple):
    """The edited files that exist, as texts without a last newline, and the diff that the released code writes."""

    after: dict[str, str]
    diff: str

    @property
    def is_applied(self) -> bool:
        """Whether the released code counts the answer as a patch; if not, it asks again (defect 1)."""
        return "@@" in self.diff


def answer_of(response: str) -> str:
    """What the released code reads of a response: what follows the last end of thinking, and of that all that is
    between triple backticks, if anything is."""
    begin, end = THINKING[0]
    if end in response:
        response = response.replace(begin, "").rpartition(end)[2]
    return "\n".join(FENCED.findall(response)) or response


def apply(files: Files, answer: str) -> Official:
    """What the released code makes of an answer (`answer_of` a response)."""
    edits = [(located(match["path"], files), match["search"], match["replace"]) for match in BLOCK.finditer(answer)]
    before = {path: _held(files[path]) for path, _, _ in edits if path in files and path.endswith(".py")}
    after = dict(before)
    for path, search, replace in edits:
        if path in after:
            after[path] = after[path].replace(search, replace)
    paths = dict.fromkeys(path for path, _, _ in edits)
    return Official(after, "".join(_diff(path, before.get(path, ""), after.get(path, "")) for path in paths))


def located(path: str, files: Iterable[str]) -> str:
    """The path, or else the first one that has a folder at the top before it; if there is none, the path as it is."""
    known = dict.fromkeys(one for one in files if one.endswith(".py"))
    tops = dict.fromkeys(one.partition("/")[0] for one in known if "/" in one)
    return next((one for one in (path, *(f"{top}/{path}" for top in tops)) if one in known), path)


def _held(text: str) -> str:
    """A file as the released code holds it. Of one that is not Python it holds nothing."""
    return "" if syntax_mistake(text) else "\n".join(text.splitlines())


def _diff(path: str, before: str, after: str) -> str:
    """The diff of a file; a file that did not change has a header alone."""
    names = {"--- ": f"--- a/{path}", "+++ ": f"+++ b/{path}"}
    lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="")
    return "\n".join([f"diff --git a/{path} b/{path}", *(names.get(line, line) for line in lines), ""])
