"""Two models on the same items: intervals of paired shares, McNemar's test, and the paired bootstrap."""

import numpy as np
import pytest

from raw2fig.paired import MEANS, SHARES, compare, mcnemar, paired_shares


def outcomes(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of outcomes, so many of each kind."""
    pairs = [*[(1, 1)] * both, *[(1, 0)] * first, *[(0, 1)] * second, *[(0, 0)] * neither]
    before, after = np.array(pairs, dtype=float).T
    return before, after


def test_uncorrelated_pairs_have_newcombes_interval_of_independent_samples() -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep

    found = paired_shares(*outcomes(12, 18, 8, 12))  # 12 * 12 = 18 * 8
    low, high = confint_proportions_2indep(20, 50, 30, 50, method="newcomb", compare="diff")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert found.value == pytest.approx(-0.2)


def test_intervals_of_paired_shares_turn_with_the_order_and_with_right_and_wrong() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        before, after = rng.integers(0, 2, size=(2, 30)).astype(float)
        found, back = paired_shares(before, after), paired_shares(after, before)
        wrong = paired_shares(1 - before, 1 - after)
        assert (back.low, back.high) == pytest.approx((-found.high, -found.low))
        assert (wrong.low, wrong.high) == pytest.approx((-found.high, -found.low))
        assert -1 <= found.low <= found.value <= found.high <= 1


def test_intervals_of_paired_shares_cover() -> None:
    """95 % of such intervals should hold the truth, here -0.1, for outcomes that go together."""
    rng, held = np.random.default_rng(1), 0
    for _ in range(400):
        kinds = rng.multinomial(60, [0.55, 0.15, 0.05, 0.25])
        found = paired_shares(*outcomes(*kinds))
        held += found.low <= -0.1 <= found.high
    assert 0.92 < held / 400 < 0.995


def test_pairs_that_agree_have_short_intervals_and_none_without_length() -> None:
    same = paired_shares(*outcomes(30, 0, 0, 30))
    apart = paired_shares(*outcomes(15, 15, 15, 15))
    assert 0 < same.high - same.low < 0.6 * (apart.high - apart.low)
    assert paired_shares(*outcomes(0, 0, 0, 30)).high > 0


def test_mcnemar_is_that_of_statsmodels() -> None:
    from statsmodels.stats.contingency_tables import mcnemar as reference

    for counts in ((5, 9, 2, 7), (0, 3, 3, 1), (4, 0, 6, 4)):
        both, first, second, neither = counts
        expected = reference([[both, first], [second, neither]], exact=True).pvalue
        assert mcnemar(*outcomes(*counts)) == pytest.approx(expected)
    assert mcnemar(*outcomes(5, 0, 0, 5)) == 1


def test_other_scores_are_compared_by_the_paired_bootstrap() -> None:
    rng = np.random.default_rng(2)
    before = rng.normal(3, 2, 80)
    found = compare(before, before + rng.normal(0.2, 0.1, 80))
    assert found.interval == MEANS
    assert np.isnan(found.p)
    assert 0.15 < found.change.low < found.change.value < found.change.high < 0.25
    # the pairs make it far shorter than either mean's
    assert found.change.high - found.change.low < 0.2 * (found.before.high - found.before.low)
    assert compare([1, 0, 1], [0, 0, 1]).interval == SHARES
