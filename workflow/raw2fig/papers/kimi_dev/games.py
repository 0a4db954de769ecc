"""`raw2fig kimi-dev play-issues`: self-play of pretrained models on issues, in the columns of `raw2fig kimi-dev play`
(section 3.6 of the reference sheet)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev.answering import Written, read_answers
from raw2fig.papers.kimi_dev.chats import ROLES
from raw2fig.papers.kimi_dev.issues import Issue, judged, read_issues, reproduces, test_changes
from raw2fig.papers.kimi_dev.matrix import Running, changes, execution_matrix
from raw2fig.papers.kimi_dev.playing import outcomes, rows_of
from raw2fig.papers.kimi_dev.teaching import after_of
from raw2fig.settings import Seed
from raw2fig.step import At, Input, Output, progress, step
from raw2fig.tables import write_table
from raw2fig.tasks.parts import TEST

if TYPE_CHECKING:
    from raw2fig.papers.kimi_dev.patches import Files


@step
def play_issues(
    *,
    issues: Input,
    answers: Input,
    table: Output,
    name: str,
    sizes: list[int],
    running: Annotated[Running, At("pretrained.running")],
    replicate: Seed,
) -> None:
    """Run the tests that a model wrote against the patches that it wrote, issue by issue, and choose among the patches.

    Parameters
    ----------
    issues
        Issues that are reported, as JSON lines.
    answers
        Answers of `raw2fig kimi-dev sample-answers` to all of them.
    table
        A row for each measure and number of patches, as of `raw2fig kimi-dev play`. Measures over all answers leave out
        the first, which is greedy.
    name
        Name of the model in the table.
    sizes
        Patches, and as many tests, of a game.
    """
    import pandas as pd

    every = read_issues(issues)
    written = {(one.issue, one.role, one.sample): one for one in read_answers(answers)}
    most = max(sizes)
    won: dict[tuple[str, int], list[bool]] = {}
    sampled: dict[str, list[float]] = {}
    for issue in progress(every, "issues"):
        try:
            patches, tests = ([written[issue.name, role, sample] for sample in range(most)] for role in ROLES)
        except KeyError as error:
            raise InputError(answers, f"has no answer {error}", f"{most} of each role to each issue") from error
        solved, told = game(issue, patches, tests, sizes, running)
        for key, flag in solved.items():
            won.setdefault(key, []).append(flag)
        for measure, values in told.items():
            sampled.setdefault(measure, []).extend(map(float, values))
    frame = pd.DataFrame(rows_of(won, sampled, most))
    write_table(frame.assign(model=name, tasks=TEST, replicate=replicate), table)


def game(
    issue: Issue, patches: Sequence[Written], tests: Sequence[Written], sizes: Sequence[int], running: Running
) -> tuple[dict[tuple[str, int], bool], dict[str, Sequence[Any]]]:
    """By which manner and size the issue is resolved, and measures of all answers but the greedy ones."""
    afters: list[Files | None] = [after_of(issue, one) for one in patches]
    tested = [after_of(issue, one) for one in tests]
    right = judged([issue] * len(afters), afters, running)
    matrix = execution_matrix(
        issue.files,
        [None if after is None else changes(issue.files, after) for after in afters],
        [test_changes(issue.files, after) or None for after in tested],
        running,
        issue.environment,
    )
    applies = [after is not None for after in afters]
    found = [path for path in issue.gold if path in issue.files]
    told: dict[str, Sequence[Any]] = {
        "localised": [{*found} <= {*one.paths} for one in patches[1:]],
        "applies": applies[1:],
        "resolved": right[1:],
        "reproduces": reproduces([issue] * len(tested), tested, running)[1:],
        "distinct patches": [len({str(after) for after in afters if after is not None})],
        "words": [len(one.answer.split()) for one in patches[1:]],
    }
    return outcomes(matrix, issue.files, afters, applies, right, sizes), told
