"""Mutations at one place, and that each can be undone."""

import ast
import textwrap
from collections import Counter

import pytest

from raw2fig.errors import InputError
from raw2fig.tasks.library import Function, read_functions
from raw2fig.tasks.mutants import MODULES
from raw2fig.tasks.mutation import OPERATORS, Mutant, mutants

AWKWARD = {
    "parentheses": "if (a and (b)): x = ((a) - (b)) * -(1)",
    "several lines": "x = (a +\n         b  # more\n         and\n         c or d)\nif (a\n        == b): pass",
    "backslash": "x = a \\\n    + b\nif a \\\n    and not b: pass",
    "precedence": "x = a * b ** c; y = -a ** 2; z = not a in b or c and d; w = a % b * c // d - e",
    "conditions": "x = [a if b else c for a in b if not (a and b) if c]\nassert a, 'b'\nif a: pass\nelif b: pass",
    "lambda": "if lambda: b: f(lambda x: x - 1, g, a := 1)\nif a := 3: pass\nwhile (a := 3) or not (b := 1): break",
    "numbers": "x = [0, 1, -1, 9, -9, 0x10, 1_000, 1.0, 2j, 1 .real, 1e3, True, 1 if 2 else 0]",
    "slices": "x = a[1:], a[:1], a[::2], a[:], a[b :], a[(b):], a[0, 1:2], a[-1:]",
    "order": "f((a), *b, c, (d, e), k=1)\nfor a, b in c: x = a, (b), c\ny = a - b - c, (a) / b, f(a) // g[b], (yield)",
    "words": "for a in b:\n    if max(a, any(b)): break\n    c.pop(); d.append(a); 'min'; e . pop()",
    "assignment": "x += 1\nx -= f(a, b)\nx **= 2\nx[a] <<= (1)",
    "comparisons": "x = a < b <= c is not d not in e != f, a is  not b, a not  in b",
    "letters": "é = 'ß', 1; ñ = é - ü if 'ö' else é and ü",
    "alone": "x = f'{a + 1}'; y: a - b = 1\n@d(1)\ndef g(a: 1 + 1, b=2 - 1) -> 3: return 4",
}


def function(body: str) -> str:
    return f"def f():\n    'text 1'\n{textwrap.indent(body, '    ')}\n"


def sources() -> list[str]:
    return [one.source for module in MODULES for one in read_functions(module)][::6]


def changed(source: str, mutant: Mutant) -> tuple[str, str]:
    """The line that a mutant changed, before and after."""
    lines = zip(source.split("\n"), mutant.source.split("\n"), strict=True)
    ((number, pair),) = [(number, pair) for number, pair in enumerate(lines, 1) if len(set(pair)) > 1]
    assert number == mutant.line
    return pair


@pytest.mark.parametrize(
    ("operator", "line", "becomes"),
    [
        ("comparison", "x = a < b", ["x = a <= b", "x = a > b"]),
        ("comparison", "x = a is not b == c", ["x = a is b == c", "x = a is not b != c"]),
        ("arithmetic", "x = a + b * c", ["x = a - b * c", "x = a + b // c", "x = a + b / c", "x = a + b ** c"]),
        ("arithmetic", "x += -a", ["x -= -a"]),
        ("connective", "x = a and b or c", ["x = a or b or c", "x = a and b and c"]),
        ("negation", "if a: pass", ["if not a: pass"]),
        ("negation", "x = a if not b else c", ["x = a if b else c"]),
        ("negation", "x = a or b", ["x = a or not b"]),
        ("negation", "x = [a for a in b if c]", ["x = [a for a in b if not c]"]),
        ("sign", "x = a[::-1]", ["x = a[::+1]"]),
        ("constant", "x = a[0]", ["x = a[1]"]),
        ("constant", "x = 10", ["x = 9", "x = 11"]),
        ("constant", "x = 0x10, 1.0, '1', 1_0, True", []),
        ("name", "x = True", ["x = False"]),
        ("name", "x = min(a)", ["x = max(a)"]),
        ("name", "a.min.append(min_)", ["a.max.append(min_)", "a.min.appendleft(min_)"]),
        ("jump", "while a: break", ["while a: continue"]),
        ("order", "f(a, 1, *b)", ["f(1, a, *b)"]),
        ("order", "x = a - b * c, a ** b", ["x = a ** b, a - b * c", "x = a - b * c, b ** a"]),
        ("order", "x = a + b", []),
        (
            "bound",
            "x = a[1:], a[:n], a[:], a[1::2]",
            ["x = a[:1], a[:n], a[:], a[1::2]", "x = a[1:], a[n:], a[:], a[1::2]"],
        ),
    ],
)
def test_what_an_operator_makes(operator: str, line: str, becomes: list[str]) -> None:
    source = function(line)
    made = [changed(source, mutant)[1].strip() for mutant in mutants(source) if mutant.operator == operator]
    assert made == becomes


def test_every_operator_is_at_work_in_the_packages() -> None:
    assert Counter(mutant.operator for source in sources() for mutant in mutants(source)).keys() == OPERATORS.keys()


def undone(source: str) -> int:
    """Check all mutants of a text, and say how many there are."""
    made = mutants(source)
    assert len({mutant.source for mutant in made} | {source}) == len(made) + 1
    for mutant in made:
        before, after = changed(source, mutant)
        ast.parse(mutant.source)
        (back,) = [one for one in mutants(mutant.source) if one.source == source]
        assert (back.operator, back.line) == (mutant.operator, mutant.line), (before, after)
    return len(made)


def test_the_original_is_one_mutation_away_from_every_mutant() -> None:
    assert sum(map(undone, sources())) > 300


@pytest.mark.parametrize("body", AWKWARD.values(), ids=AWKWARD)
def test_mutants_of_mutants_can_be_undone_too(body: str) -> None:
    source = function(body)
    assert undone(source) > 0
    for mutant in mutants(source):
        undone(mutant.source)


def test_docstrings_annotations_decorators_and_formats_stay() -> None:
    source = '@d(1)\ndef f(a: 1 + 1, b=2) -> 1 + 1:\n    """1 + 1"""\n    c: 1 = f"{1 + 1}"\n'
    assert [changed(source, mutant)[1] for mutant in mutants(source)] == [
        "def f(a: 1 + 1, b=1) -> 1 + 1:",
        "def f(a: 1 + 1, b=3) -> 1 + 1:",
    ]


def test_mutants_stand_in_the_order_of_their_places() -> None:
    source = function("if a < 1: x = a + 1\nreturn a - 1")
    made = [(mutant.line, mutant.operator) for mutant in mutants(source)]
    assert made == [
        *[(3, "negation"), (3, "comparison"), (3, "comparison"), (3, "constant"), (3, "constant")],
        *[(3, "arithmetic"), (3, "constant"), (3, "constant"), (4, "order"), (4, "arithmetic")],
        *[(4, "constant"), (4, "constant")],
    ]


def test_what_is_not_python_is_refused() -> None:
    with pytest.raises(InputError, match="source: is not Python"):
        mutants("def f(:\n")


def test_functions_are_read_as_they_stand() -> None:
    (take,) = [one for one in read_functions("more_itertools.recipes") if one.name == "take"]
    assert isinstance(take, Function)
    lines = take.source.split("\n")
    assert lines[0] == "def take(n, iterable):"
    assert [(one.source, one.want, one.error) for one in take.examples] == [
        ("take(3, range(10))\n", "[0, 1, 2]\n", None),
        ("take(10, range(3))\n", "[0, 1, 2]\n", None),
    ]
    for one in take.examples:
        assert [line.strip() for line in lines[one.first : one.end]] == [f">>> {one.source.strip()}", one.want.strip()]
