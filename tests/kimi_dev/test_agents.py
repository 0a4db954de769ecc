"""Agents in the sandbox: their loop with scripts in the place of a model, what they can reach, and what counts as which
stage (checks 19, 24 and 25 of the reference sheet)."""

import subprocess
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from raw2fig.papers.kimi_dev.agents.actions import EDITOR, SHELL, SUBMIT, WORKSPACE, Action, action_of, called
from raw2fig.papers.kimi_dev.agents.editor import only_place
from raw2fig.papers.kimi_dev.agents.loop import Act, Attempt, Course, attempt_all
from raw2fig.papers.kimi_dev.agents.policies import difference, expert, scripted
from raw2fig.papers.kimi_dev.agents.stages import looked_for, stage_of
from raw2fig.papers.kimi_dev.agents.workspace import Commands, Workspace, shortened
from raw2fig.papers.kimi_dev.issues import Issue, Snapshot
from raw2fig.papers.kimi_dev.matrix import Running
from raw2fig.papers.kimi_dev.real_tasks import real_task
from raw2fig.papers.kimi_dev.skills import first_fix, is_right, resolved, skills, within
from raw2fig.sandbox import inspect_provider
from raw2fig.tasks.mutants import draw_tasks

COMMANDS = Commands(seconds=30, characters=4000, workers=2)
RUNNING = Running(cpu_seconds=2, wall_seconds=20, memory_mb=512)
BUG = "def double(x):\n    return x + x + 1\n"
FIX = "def double(x):\n    return (x + x) * canary_5f1c\n\n\ncanary_5f1c = 1\n"
TEST = (
    "from pkg.core import double\n\ndef test_double():\n    assert double(2) == 4\n\ndef test_zero():\n    double(0)\n"
)
NAMES = ("tests/test_core.py::test_double",), ("tests/test_core.py::test_zero",)
SMALL = Issue(
    "small",
    "double(2) is 5.",
    {"pkg/__init__.py": "", "pkg/core.py": BUG},
    {"pkg/core.py": FIX},
    {"tests/test_core.py": TEST},
    *NAMES,
)
CORE = f"{WORKSPACE}/pkg/core.py"
RIGHT = called(EDITOR, command="str_replace", path=CORE, old_str="x + x + 1", new_str="x + x")
WRONG = called(EDITOR, command="str_replace", path=CORE, old_str="x + x + 1", new_str="x + 1")
AGAIN = called(EDITOR, command="str_replace", path=CORE, old_str="x + 1", new_str="x + x")


def shell(command: str) -> str:
    return called(SHELL, command=command)


def tried(turns: Sequence[str], issue: Issue = SMALL, commands: Commands = COMMANDS, most: int = 20) -> Attempt:
    (attempt,) = attempt_all(scripted({issue.name: turns}), [issue], most, commands, RUNNING)
    return attempt


def seen(attempt: Attempt) -> list[str]:
    """What an agent was shown."""
    return [one.content.removeprefix("OBSERVATION:\n") for one in attempt.messages[2:] if one.role == "user"]


@pytest.fixture(scope="module")
def real() -> list[Issue]:
    tasks = [real_task(one) for one in draw_tasks(3, 1, 3, ["more_itertools.recipes"])]
    return [one.issue for one in tasks]


def test_check_19_an_oracle_resolves_all_and_a_random_policy_nothing(real: list[Issue]) -> None:
    issues = [*real, SMALL]
    rng = np.random.default_rng(0)

    def random(courses: Sequence[Course]) -> list[str | None]:
        files = [sorted(path for path in one.issue.files if one.issue.files[path]) for one in courses]
        lines = [str(one.issue.files[path[0]]).split("\n") for one, path in zip(courses, files, strict=True)]
        return [
            called(
                EDITOR,
                command="str_replace",
                path=f"{WORKSPACE}/{path[0]}",
                old_str=str(rng.choice(text)),
                new_str=str(rng.choice(text)),
            )
            for path, text in zip(files, lines, strict=True)
        ]

    oracle = scripted({issue.name: expert(issue, rng) for issue in issues})
    assert resolved(attempt_all(oracle, issues, 20, COMMANDS, RUNNING)) == 1
    assert resolved(attempt_all(random, issues, 6, COMMANDS, RUNNING)) == 0


def test_the_oracle_also_adds_and_deletes_files() -> None:
    gold: dict[str, str | None] = {"pkg/core.py": None, "pkg/other.py": FIX, "pkg/__init__.py": "x = 1\n"}
    test = TEST.replace("pkg.core", "pkg.other")
    issue = SMALL._replace(gold=gold, tests={"tests/test_core.py": test})
    attempt = tried(expert(issue, np.random.default_rng(1)), issue)
    assert is_right(attempt)
    assert attempt.patch == gold


HISTORY = ["git log --all -p", "git -C /workspace reflog", "ls -a /workspace/.git /workspace/pkg"]
SEARCH = [
    "grep -rs canary_5f1c /workspace /tmp /home /root /work /var /etc /dev/shm; env; ls -a ~",
    "find / -xdev \\( -name '*.orig' -o -name '*.rej' -o -name 'test_core.py' \\) 2>/dev/null",
    "cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n' | grep -a canary",
]
DOWNLOADS = [
    "curl -sS https://example.org/fix.patch",
    "python3 -c \"import urllib.request as r; print(r.urlopen('http://192.0.2.1/', timeout=3).read())\"",
    "pip download pkg",
]


def test_checks_24_and_25_a_cheater_finds_no_history_and_no_network_and_is_counted(tmp_path: Path) -> None:
    """The repository has the fix in its history, which is not taken along."""
    folder = tmp_path / "snapshot"
    (folder / "pkg").mkdir(parents=True)
    (folder / "pkg/__init__.py").touch()
    for text in (FIX, BUG):
        (folder / "pkg/core.py").write_text(text)
        words = ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "canary_5f1c")
        for command in (("init", "-q"), ("add", "-A"), words):
            subprocess.run(["git", *command], cwd=folder, check=True)
    issue = SMALL._replace(files=Snapshot(folder))
    attempt = tried([*map(shell, [*HISTORY, *SEARCH, *DOWNLOADS])], issue)
    shown = seen(attempt)
    assert not any("canary_5f1c" in text for text in shown)
    assert not any("test_core" in text for text in shown)
    assert "test_double" not in "".join(shown)
    assert [kind for kind, _ in attempt.looks] == ["history"] * 3 + ["downloads"] * 3
    assert [command for _, command in attempt.looks] == HISTORY + DOWNLOADS
    assert not is_right(attempt)


FORGED = "import os, sys\nprint('2 passed')\nos._exit(0)\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tests/test_core.py", "def test_double():\n    pass\n\n\ndef test_zero():\n    pass\n"),
        ("conftest.py", FORGED),
        ("tests/conftest.py", "import pkg.core\npkg.core.double = lambda x: 2 * x\n"),
        ("sitecustomize.py", FORGED),
        ("pkg/__init__.py", FORGED),
        ("pkg/fix.pth", FORGED),
    ],
)
def test_check_25_what_an_agent_does_to_tests_and_their_configuration_does_not_count(path: str, text: str) -> None:
    command = f"mkdir -p tests && cat > {path} <<'END'\n{text}END"
    attempt = tried([shell(command)])
    assert attempt.submitted
    assert not is_right(attempt)


def test_tests_of_the_agent_do_not_spoil_a_right_fix() -> None:
    attempt = tried([RIGHT, shell("mkdir tests; echo 'raise SystemExit' > tests/conftest.py; echo x > setup.cfg")])
    assert attempt.right == (True, True, True)
    assert set(attempt.patch) == {"pkg/core.py"}


def test_an_attempt_is_judged_after_each_of_its_turns() -> None:
    attempt = tried([shell("cat pkg/core.py"), WRONG, shell("python3 -c 'import pkg.core'"), AGAIN])
    assert attempt.stages == ("explore", "edit", "re-test", "edit", "submit")
    assert attempt.right == (False, False, False, True, True)
    assert (first_fix(attempt), is_right(attempt)) == (False, True)
    assert skills([attempt])["reflection"] == 1
    assert [within([attempt], turns) for turns in (1, 3, 4, 9)] == [0, 0, 1, 1]


def test_why_attempts_end() -> None:
    look = shell("ls")
    assert tried([]).end == "submitted"
    assert tried([look] * 5, most=3).end == "turns"
    assert tried(["I think."] * 2).end == "submitted"
    astray = tried(["I think.", look, *["I think."] * 9])
    assert (astray.end, len(astray.stages)) == ("astray", 5)
    assert "no call that can be read" in seen(astray)[0]

    def full(courses: Sequence[Course]) -> list[str | None]:
        return [RIGHT if not one.stages else None for one in courses]

    (attempt,) = attempt_all(full, [SMALL], 9, COMMANDS, RUNNING)
    assert (attempt.end, is_right(attempt), attempt.submitted) == ("context", True, False)


@pytest.fixture
def space() -> Iterator[Workspace]:
    made = Workspace(SMALL, Commands(seconds=2, characters=300, workers=1))
    yield made
    made.close()
    assert not made.sandbox.folder.exists()


def test_a_command_is_held_back(space: Workspace) -> None:
    def said(command: str) -> str:
        return space.use(Action(SHELL, {"command": command}))

    assert said("pwd; ls; echo wrong >&2; exit 3") == f"{WORKSPACE}\npkg\nwrong"
    assert said("exit 3") == "(no output, exit status 3)"
    assert said("sleep 60") == "The command did not end in 2 seconds."
    assert said("sleep 60 & echo left") in ("left", "The command did not end in 2 seconds.")
    long = said("yes | head -c 10000")
    assert len(long) < 400
    assert "9699 characters left out" in long
    assert "wrote too much" in said("yes | head -c 30000000")
    assert said("a\0b").startswith("The command cannot be run")
    assert space.use(Action("fetch", {"url": "x"})) == "There is no fetch with the parameters url."
    assert space.use(Action(SHELL, {})) == "There is no bash with the parameters none."


def test_an_issue_with_an_environment_has_its_interpreter_first(tmp_path: Path) -> None:
    venv.create(tmp_path / "made", symlinks=True)
    space = Workspace(SMALL._replace(environment=tmp_path / "made"), COMMANDS)
    try:
        said = space.use(
            Action(SHELL, {"command": "python -c 'import sys, pkg.core; print(sys.prefix)'; touch /environment/x"})
        )
    finally:
        space.close()
    assert said.startswith("/environment\n")
    assert "Read-only file system" in said


def test_links_of_an_agent_lead_nowhere(space: Workspace) -> None:
    space.use(Action(SHELL, {"command": "ln -s /etc/hostname name; ln -s / pkg/all; rm pkg/core.py; echo 1 > new.py"}))
    assert set(space.files()) == {"pkg/__init__.py", "new.py"}


def test_the_editor(space: Workspace) -> None:
    def said(**given: str) -> str:
        return space.use(Action(EDITOR, given))

    assert said(command="view", path=WORKSPACE).split() == [f"{WORKSPACE}/pkg", f"{WORKSPACE}/pkg/__init__.py", CORE]
    assert said(command="view", path=CORE, view_range="[2, 2]") == "     2\t    return x + x + 1"
    assert said(command="view", path=f"{WORKSPACE}/x.py").startswith("ERROR: [Errno 2]")
    assert "more than once" in said(command="str_replace", path=CORE, old_str="x", new_str="y")
    assert "nowhere" in said(command="str_replace", path=CORE, old_str="z", new_str="y")
    assert "more than once" in said(command="str_replace", path=CORE, old_str="", new_str="y")
    assert "there already" in said(command="create", path=CORE, file_text="")
    assert said(command="undo", path=CORE).startswith("ERROR: command is 'undo'; expected one of view")
    assert said(command="view") == "ERROR: view does not take the parameters none"
    assert space.files() == SMALL.files
    assert "has been changed" in said(command="str_replace", path=CORE, old_str=" + 1", new_str="")
    assert "has been changed" in said(command="insert", path=CORE, insert_line="0", new_str="# twice\n# x")
    assert "9 is" not in said(command="insert", path=CORE, insert_line="9", new_str="#")
    assert "has been created" in said(command="create", path="pkg/sub/new.py", file_text="é = 1\n")
    assert space.files() == {
        **SMALL.files,
        "pkg/core.py": "# twice\n# x\ndef double(x):\n    return x + x\n",
        "pkg/sub/new.py": "é = 1\n",
    }


def test_the_workspace_is_where_the_sandbox_has_it() -> None:
    assert WORKSPACE == inspect_provider.WORKSPACE


@pytest.mark.parametrize("text", ["a\nb", "", "\n", "  x", "a\n", "</p>\n<b>"])
def test_what_is_called_is_read_again(text: str) -> None:
    given = {"command": "str_replace", "path": "/a b", "old_str": text, "new_str": text}
    assert action_of(f"I do this.\n\n{called(EDITOR, **given)}\n{called(SUBMIT)}") == Action(EDITOR, given)


def test_no_call_is_none() -> None:
    assert action_of("I call <function=bash>") is None
    assert action_of("") is None
    assert action_of("<function=submit></function>") == Action(SUBMIT, {})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\nb\nc\n", "a\nB\nc\n"),
        ("a\na\na\n", "a\na\nb\na\n"),
        ("a", "b"),
        ("a\n", ""),
        ("x\nx\n", "x\n"),
        ("x\n\ny", "x\ny"),
    ],
)
def test_a_difference_is_an_edit_of_one_place(before: str, after: str) -> None:
    old, new = difference(before, after)
    start = only_place(before, old)
    assert start is not None
    assert before[:start] + new + before[start + len(old) :] == after


@pytest.mark.parametrize(
    ("action", "changed", "before", "after"),
    [
        (Action(SHELL, {"command": "grep -rn python ."}), (), "explore", "look again"),
        (Action(EDITOR, {"command": "view", "path": "x"}), (), "explore", "look again"),
        (Action(SHELL, {"command": "cd /workspace && python -m pytest -q"}), (), "reproduce", "re-test"),
        (Action(SHELL, {"command": "./run.sh"}), (), "reproduce", "re-test"),
        (Action(EDITOR, {"command": "create", "path": "x"}), (), "reproduce", "edge cases"),
        (Action(EDITOR, {"command": "insert", "path": "x"}), ("x",), "edit", "edit"),
        (Action(SHELL, {"command": "sed -i s/a/b/ x"}), ("x",), "edit", "edit"),
        (Action(SUBMIT, {}), (), "submit", "submit"),
        (None, (), "none", "none"),
    ],
)
def test_the_stage_of_a_turn(action: Action | None, changed: tuple[str, ...], before: str, after: str) -> None:
    assert stage_of(action, changed, False) == before
    assert stage_of(action, changed, True) == after


@pytest.mark.parametrize(
    ("command", "kinds"),
    [
        ("git log", ("history",)),
        ("cd x; git --no-pager show HEAD~1", ("history",)),
        ("cat .git/packed-refs", ("history",)),
        ("ls -a .git .gitignore", ("history",)),
        ("cat .gitignore", ()),
        ("git status; git diff", ()),
        ("echo git; tail -3 logs/log.txt", ()),
        ("git clone https://a/b", ("downloads",)),
        ("python3 -m pip -q install flask", ("downloads",)),
        ("wget -q a.b", ("downloads",)),
        ("grep -n install setup.py", ()),
    ],
)
def test_commands_that_look_for_what_no_agent_needs(command: str, kinds: tuple[str, ...]) -> None:
    assert looked_for(Action(SHELL, {"command": command})) == kinds


def test_a_long_text_loses_its_middle() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcdefgh", 5) == "ab\n[... 3 characters left out ...]\nfgh"


def test_policies_are_acts() -> None:
    act: Act = scripted({})
    assert act([]) == []
