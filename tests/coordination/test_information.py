"""Decompositions and estimators: dit as oracle, closed forms, and a plain loop over the cells of one table."""

from collections.abc import Iterator

import dit
import numpy as np
import pytest

from raw2fig.papers.coordination.information import (
    JEFFREYS,
    Redundancy,
    decompose,
    entropy,
    estimate_information,
    mutual_information,
)


def table(rows: dict[str, float]) -> np.ndarray:
    """Joint table (x1, x2, t) of outcomes "abc", each letter a symbol."""
    alphabets = [sorted({row[axis] for row in rows}) for axis in range(3)]
    weights = np.zeros([len(alphabet) for alphabet in alphabets])
    for row, p in rows.items():
        weights[tuple(alphabet.index(letter) for alphabet, letter in zip(alphabets, row, strict=True))] = p
    return weights


def of(function) -> np.ndarray:
    """Table of a target that is a function of two fair bits."""
    return table({f"{a}{b}{function(a, b)}": 0.25 for a in (0, 1) for b in (0, 1)})


def by_dit(weights: np.ndarray, redundancy: Redundancy) -> tuple[float, float, float, float]:
    letters = "abcdefghi"
    cells = [(cell, p) for cell, p in np.ndenumerate(weights / weights.sum()) if p > 0]
    distribution = dit.Distribution(["".join(letters[i] for i in cell) for cell, _ in cells], [p for _, p in cells])
    pid = (dit.pid.PID_WB if redundancy == "imin" else dit.pid.PID_MMI)(distribution, [[0], [1]], [2])
    return tuple(float(pid.get_pi(node)) for node in (((0,), (1,)), ((0,),), ((1,),), ((0, 1),)))


def by_loop(weights: np.ndarray, redundancy: Redundancy) -> tuple[float, float, float, float]:
    """The definitions of Williams and Beer, cell after cell."""
    p = weights / weights.sum()

    def information(joint: np.ndarray) -> Iterator[float]:
        for t in range(joint.shape[1]):
            total = 0.0
            for x in range(joint.shape[0]):
                if joint[x, t] > 0:
                    total += joint[x, t] * np.log2(joint[x, t] / joint[x].sum() / joint[:, t].sum())
            yield total

    first, second = list(information(p.sum(axis=1))), list(information(p.sum(axis=0)))
    both = sum(information(p.reshape(-1, p.shape[2])))
    shared = (
        sum(min(a, b) for a, b in zip(first, second, strict=True))
        if redundancy == "imin"
        else min(sum(first), sum(second))
    )
    return shared, sum(first) - shared, sum(second) - shared, both - sum(first) - sum(second) + shared


NAMED = {
    "XOR": (of(lambda a, b: a ^ b), {"synergy": 1, "redundancy": 0}),
    "AND": (of(lambda a, b: a & b), {"synergy": 0.5, "redundancy": 0.311278}),
    "RDN": (table({"000": 0.5, "111": 0.5}), {"synergy": 0, "redundancy": 1}),
    "first source": (of(lambda a, b: a), {"synergy": 0, "redundancy": 0, "unique1": 1, "unique2": 0}),
    "two-bit copy": (of(lambda a, b: 2 * a + b), {"synergy": 1, "redundancy": 1}),
    "SUM": (of(lambda a, b: a + b), {"synergy": 1, "redundancy": 0.5}),
}


@pytest.mark.parametrize("redundancy", ["imin", "mmi"])
@pytest.mark.parametrize("name", NAMED)
def test_check_01_textbook_distributions_equal_dit_and_their_known_atoms(name: str, redundancy: Redundancy) -> None:
    weights, known = NAMED[name]
    atoms = decompose(weights, redundancy)
    np.testing.assert_allclose(atoms, by_dit(weights, redundancy), atol=1e-6)
    for atom, value in known.items():
        assert getattr(atoms, atom) == pytest.approx(value, abs=1e-6)
    assert sum(atoms) == pytest.approx(float(mutual_information(weights.reshape(-1, weights.shape[2]))), abs=1e-12)
    swapped = decompose(weights.swapaxes(0, 1), redundancy)
    np.testing.assert_allclose([swapped.unique1, swapped.unique2], [atoms.unique2, atoms.unique1], atol=1e-12)
    np.testing.assert_allclose([swapped.redundancy, swapped.synergy], [atoms.redundancy, atoms.synergy], atol=1e-12)


@pytest.mark.parametrize("redundancy", ["imin", "mmi"])
@pytest.mark.parametrize("bins", [2, 3])
def test_check_02_random_tables_equal_dit_and_redundancy_is_at_most_either_information(
    bins: int, redundancy: Redundancy
) -> None:
    rng = np.random.default_rng(bins)
    tables = rng.dirichlet(np.full(bins**4, 0.5), 12 if bins == 2 else 3).reshape(-1, bins, bins, bins**2)
    tables[0, 0, :, 1] = 0  # cells that never occur
    tables[0, 1, 0] = 0
    atoms = decompose(np.moveaxis(tables, 0, -1), redundancy)
    for index, one in enumerate(tables):
        np.testing.assert_allclose([atom[index] for atom in atoms], by_dit(one, redundancy), atol=1e-6)
        least = min(mutual_information(one.sum(axis=1)), mutual_information(one.sum(axis=0)))
        assert -1e-12 <= atoms.redundancy[index] <= least + 1e-12


@pytest.mark.parametrize("redundancy", ["imin", "mmi"])
def test_check_03_a_batch_equals_one_table_after_another(redundancy: Redundancy) -> None:
    rng = np.random.default_rng(0)
    tables = rng.integers(0, 4, (3, 3, 9, 5, 7)).astype(float)
    batch = decompose(tables, redundancy)
    for place in np.ndindex(5, 7):
        one = tables[(..., *place)]
        np.testing.assert_allclose([atom[place] for atom in batch], by_loop(one, redundancy), atol=1e-12)
        np.testing.assert_allclose([atom[place] for atom in batch], decompose(one, redundancy), atol=1e-12)


def h(e: float) -> float:
    return float(entropy(np.array([e, 1 - e])))


@pytest.mark.parametrize("redundancy", ["imin", "mmi"])
def test_check_04_independent_persistent_agents_have_synergy_and_a_common_flip_is_pure_synergy(
    redundancy: Redundancy,
) -> None:
    keeps = [np.array([[1 - e, e], [e, 1 - e]]) / 2 for e in (0.1, 0.2)]
    pair = np.einsum("ac,bd->abcd", *keeps).reshape(2, 2, 4)
    atoms = decompose(pair, redundancy)
    least = min(1 - h(0.1), 1 - h(0.2))
    assert [atoms.synergy, atoms.redundancy] == pytest.approx([least, least], abs=1e-12)
    same = decompose(np.einsum("ac,bd->abcd", keeps[0], keeps[0]).reshape(2, 2, 4), redundancy)
    assert same.synergy == pytest.approx(0.531, abs=5e-4)

    e = 0.12
    flip = np.zeros((2, 2, 2, 2))
    for a, b, r, n1, n2 in np.ndindex(2, 2, 2, 2, 2):
        p = 1 / 8 * (e if n1 else 1 - e) * (e if n2 else 1 - e)
        flip[a, b, a ^ r ^ n1, b ^ r ^ n2] += p
    atoms = decompose(flip.reshape(2, 2, 4), redundancy)
    assert [atoms.redundancy, atoms.unique1, atoms.unique2] == pytest.approx([0, 0, 0], abs=1e-12)
    assert atoms.synergy == pytest.approx(1 - h(2 * e * (1 - e)), abs=1e-12)


def test_check_05_estimators() -> None:
    constant = np.array([[19.0, 0], [0, 0]])
    assert estimate_information(constant, "jeffreys") == pytest.approx(0.0679469, abs=5e-8)
    assert estimate_information(constant, "plugin") == 0
    rng = np.random.default_rng(0)
    tables = rng.multinomial(19, rng.dirichlet(np.full(6, 0.3), 500)).T.reshape(2, 3, 500).astype(float)
    for estimator in ("jeffreys", "plugin"):
        assert estimate_information(tables, estimator).min() >= -1e-12
    p = np.array([[0.4, 0.1], [0.1, 0.4]])
    gaps = [
        abs(float(estimate_information(n * p, "jeffreys") - estimate_information(n * p, "plugin")))
        for n in (10, 100, 1000, 100_000)
    ]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 1e-4
    independent = rng.multinomial(200, np.full(9, 1 / 9), 2000).T.reshape(3, 3, 2000).astype(float)
    assert abs(estimate_information(independent, "miller_madow").mean()) < 0.01
    assert estimate_information(independent, "plugin").mean() > 0.01


def test_a_smoothed_table_is_the_counts_with_one_half_in_every_cell() -> None:
    counts = np.array([[3.0, 1], [0, 15]])
    p = (counts + JEFFREYS) / (counts + JEFFREYS).sum()
    expected = sum(p[a, b] * np.log2(p[a, b] / p[a].sum() / p[:, b].sum()) for a, b in np.ndindex(2, 2))
    assert estimate_information(counts, "jeffreys") == pytest.approx(float(expected), abs=1e-12)


def test_miller_and_madow_add_the_cells_to_each_entropy() -> None:
    counts = np.array([[5.0, 2, 0], [0, 1, 4]])
    n = counts.sum()

    def corrected(cells: np.ndarray) -> float:
        return float(entropy(cells)) + ((cells > 0).sum() - 1) / (2 * n * np.log(2))

    expected = corrected(counts.sum(axis=1)) + corrected(counts.sum(axis=0)) - corrected(counts.ravel())
    assert estimate_information(counts, "miller_madow") == pytest.approx(expected, abs=1e-12)
