"""Shaped rewards: checks 1 to 14 and 17 of HERO, against loops written out and by their invariances."""

import json
import math
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from raw2fig.errors import InputError
from raw2fig.papers.hero.shaping import (
    WEIGHT_OF,
    WEIGHTED,
    Arm,
    Parameters,
    Running,
    Shaper,
    advantages,
    places,
    running_after,
    shape_batch,
    shape_groups,
    sigma_bar_in,
    sigma_of,
    spread,
    stratified,
    telemetry,
    variance_weight,
)
from raw2fig.rl.advantages import EPSILON

APPENDIX, MAIN = Parameters(), Parameters(**WEIGHT_OF["main"])
HERO_ARMS = [arm for arm in get_args(Arm) if arm.startswith("hero")]


@st.composite
def batches(draw: st.DrawFn, least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of up to 5 groups of up to 9; scores in eighths, so that ties occur and sums are exact."""
    shape = (draw(st.integers(1, 5)), draw(st.integers(least, 9)))
    rule = draw(arrays(np.float64, shape, elements=st.sampled_from([0.0, 1.0])))
    return rule, draw(arrays(np.int64, shape, elements=st.integers(-80, 80))) / 8


HALF = st.floats(0, 0.499)


def drawn(groups: int = 6, generations: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, the first two groups uniform, and scores of different spread."""
    rng = np.random.default_rng(seed)
    rule = rng.integers(2, size=(groups, generations)).astype(np.float64)
    rule[:, 0], rule[:, 1] = 0, 1
    rule[0], rule[1] = 0, 1
    return rule, rng.normal(2, 1, rule.shape) * rng.uniform(0.3, 2, (groups, 1))


def by_loop(rule: np.ndarray, rm: np.ndarray, p: Parameters) -> list[list[float]]:
    """Eq. 3, one rollout at a time."""
    r_hat = []
    for labels, scores in zip(rule.tolist(), rm.tolist(), strict=True):
        row = []
        for label, score in zip(labels, scores, strict=True):
            peers = [s for other, s in zip(labels, scores, strict=True) if other == label]
            low, high = min(peers), max(peers)
            z = p.singleton_z if low == high else (score - low) / (high - low + p.epsilon)
            row.append(1 - p.beta + 2 * p.beta * z if label else -p.alpha + 2 * p.alpha * z)
        r_hat.append(row)
    return r_hat


@given(batches(), HALF, HALF, st.sampled_from([0.0, 0.5]))
def test_equation_3_by_a_loop(batch: tuple[np.ndarray, np.ndarray], alpha: float, beta: float, z: float) -> None:
    p = Parameters(alpha=alpha, beta=beta, singleton_z=z)
    np.testing.assert_allclose(stratified(*batch, alpha, beta, singleton_z=z), by_loop(*batch, p), rtol=0, atol=1e-15)


@given(batches(), HALF, HALF)
def test_check_1_bands(batch: tuple[np.ndarray, np.ndarray], alpha: float, beta: float) -> None:
    rule, rm = batch
    r_hat = stratified(rule, rm, alpha, beta)
    assert (np.abs(r_hat[rule == 0]) <= alpha + 1e-15).all()
    assert (np.abs(r_hat[rule == 1] - 1) <= beta + 1e-15).all()
    for labels, found in zip(rule, r_hat, strict=True):
        assert max(found[labels == 0], default=-1) < min(found[labels == 1], default=2)


def test_check_1_wider_bands_overlap() -> None:
    rule, rm = np.array([[0.0, 0, 1, 1]]), np.array([[0.0, 1, 0, 1]])
    r_hat = stratified(rule, rm, 0.6, 0.5)
    assert r_hat[0, 1] > r_hat[0, 2]
    with pytest.raises(InputError, match=r"alpha \+ beta: is 1.1"):
        Parameters(alpha=0.6, beta=0.5)


@given(batches(), st.floats(0.01, 0.49), st.integers(1, 40), st.integers(-99, 99))
def test_check_2_order_and_affine_maps(
    batch: tuple[np.ndarray, np.ndarray], half: float, factor: int, shift: int
) -> None:
    rule, rm = batch
    r_hat, mapped = stratified(rule, rm, half, half), stratified(rule, factor / 8 * rm + shift, half, half)
    for labels, scores, found, other in zip(rule, rm, r_hat, mapped, strict=True):
        for label in (0, 1):
            inside = labels == label
            score, value = scores[inside], found[inside]
            assert (np.sign(np.subtract.outer(score, score)) == np.sign(np.subtract.outer(value, value))).all()
            if inside.any() and np.ptp(score):
                bound = 2 * half * 1e-6 / np.ptp(score) * (1 + 8 / factor)
                np.testing.assert_allclose(other[inside], value, rtol=0, atol=bound + 1e-14)


@given(batches())
def test_check_3_floor_and_ceiling(batch: tuple[np.ndarray, np.ndarray]) -> None:
    rule, rm = batch
    r_hat = stratified(rule, rm, 0.1, 0.2)
    for labels, scores, found in zip(rule, rm, r_hat, strict=True):
        for label, floor, ceiling in ((0, -0.1, 0.1), (1, 0.8, 1.2)):
            inside = labels == label
            if inside.any():
                score, value = scores[inside], found[inside]
                assert (value[score == score.min()] == floor).all()
                if np.ptp(score):
                    below = ceiling - value[score == score.max()]
                    lost = (ceiling - floor) * 1e-6 / (np.ptp(score) + 1e-6)
                    np.testing.assert_allclose(below, lost, rtol=1e-6, atol=1e-15)
                    assert (below > 0).all()


@given(batches(), st.sampled_from([0.0, 0.5, 1.0]))
def test_check_4_alone_or_tied(batch: tuple[np.ndarray, np.ndarray], z: float) -> None:
    rule, rm = batch
    r_hat = stratified(rule, rm, 0.1, 0.05, singleton_z=z)
    assert np.isfinite(r_hat).all()
    for labels, scores, found in zip(rule, rm, r_hat, strict=True):
        for label, place in ((0, -0.1 + 0.2 * z), (1, 0.95 + 0.1 * z)):
            inside = labels == label
            if inside.any() and np.ptp(scores[inside]) == 0:
                np.testing.assert_allclose(found[inside], place, rtol=0, atol=1e-15)


def test_check_4_the_lone_correct_answer() -> None:
    """Less than the best of several, unless singleton_z says otherwise ."""
    rule, rm = np.array([[1.0, 0, 0], [1, 1, 0]]), np.array([[9.0, 1, 2], [9, 8, 1]])
    r_hat = stratified(rule, rm, 0.05, 0.05)
    assert r_hat[0, 0] == 0.95
    assert r_hat[1, 0] == pytest.approx(1.05, abs=1e-6)
    assert stratified(rule, rm, 0.05, 0.05, singleton_z=0.5)[0, 0] == 1


@pytest.mark.parametrize("arm", get_args(Arm))
def test_check_5_strata_are_of_one_prompt(arm: Arm) -> None:
    rule, rm = drawn()
    running = Running(0.8, 3)
    before, after = shape_batch(arm, rule, rm, APPENDIX, running)
    order = np.random.default_rng(1).permutation(len(rule))
    permuted, after_permuted = shape_batch(arm, rule[order], rm[order], APPENDIX, running)
    for found, expected in zip(permuted[:5], before[:5], strict=True):
        np.testing.assert_array_equal(found, expected[order])
    assert after_permuted == after
    changed_rule, changed_rm = rule.copy(), rm.copy()
    changed_rule[3], changed_rm[3] = 1 - rule[3], 5 * rm[3]
    changed, after_changed = shape_batch(arm, changed_rule, changed_rm, APPENDIX, running)
    others = np.arange(len(rule)) != 3
    np.testing.assert_array_equal(changed.rewards[others], before.rewards[others])
    assert (changed.rewards[3] != before.rewards[3]).any()
    assert after_changed > after  # a larger spread, seen by the next batch only
    following = [shape_batch(arm, rule, rm, APPENDIX, state)[0].rewards for state in (after, after_changed)]
    assert (following[0] == following[1]).all() == (arm not in WEIGHTED)


@given(
    st.lists(st.floats(0, 20), min_size=2, max_size=9, unique=True),
    st.floats(0, 5),
    st.sampled_from([APPENDIX, MAIN, Parameters(w_min=0, w_max=0.5, k=0.1)]),
)
def test_check_6_weight_between_its_limits_and_monotone(sigma: list[float], bar: float, p: Parameters) -> None:
    sigma_u = np.sort(sigma)
    weight = variance_weight(sigma_u, bar, p.w_min, p.w_max, p.k)
    assert ((weight >= p.w_min) & (weight <= p.w_max)).all()
    assert (np.diff(weight) >= 0).all()
    near = np.abs(p.k * (sigma_u - bar)) < 30  # beyond, the limits are met in the last digit
    assert ((weight > p.w_min) & (weight < p.w_max))[near].all()
    apart = near[1:] & near[:-1] & (np.diff(sigma_u) > 1e-3)
    assert (np.diff(weight)[apart] > 0).all()


@pytest.mark.parametrize(
    ("p", "middle", "above", "below"), [(APPENDIX, 1.7, 2.99357, 0.40643), (MAIN, 1.25, 1.98996, 0.51004)]
)
def test_check_6_values_of_the_paper(p: Parameters, middle: float, above: float, below: float) -> None:
    found = variance_weight([1.3, 2.3, 0.3], 1.3, p.w_min, p.w_max, p.k)
    assert found == pytest.approx([middle, above, below], abs=5e-6)


def test_check_6_sigma_u_far_off_is_no_overflow() -> None:
    with np.errstate(all="raise", under="ignore"):
        assert variance_weight([0.0, 5e3], 1e3, 0.4, 3, 6).tolist() == [0.4, 3.0]


def test_check_7_running_mean_by_hand() -> None:
    one, other = np.array([0.0, 2.0]), np.array([5.0, np.nan, 7.0])
    first = Running(1.0, 1)
    assert sigma_bar_in(None, one) == 1
    assert sigma_bar_in(first, other) == 1
    for p in (APPENDIX, Parameters(running="mean")):
        assert running_after(None, one, p) == first
    assert running_after(first, other, APPENDIX) == (pytest.approx(0.9 * 1 + 0.1 * 6, abs=1e-15), 2)
    assert running_after(first, other, Parameters(decay=0.5)) == (3.5, 2)
    assert running_after(first, other, Parameters(running="mean", decay=0.5)) == (3.5, 2)
    assert running_after(Running(1.0, 4), other, Parameters(running="mean")) == (2, 5)
    nothing = np.full(3, np.nan)
    assert math.isnan(sigma_bar_in(None, nothing))
    assert running_after(None, nothing, APPENDIX) is None
    assert running_after(first, nothing, APPENDIX) == first


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("rule", ["ema", "mean"])
def test_check_7_rewards_of_several_batches_by_a_loop(rule, ddof: int) -> None:
    """The mean of all batches and the exponential one, worked out anew from all batches before."""
    p = Parameters(running=rule, decay=0.7, ddof=ddof)
    running, means = None, []
    for seed in range(5):
        labels, scores = drawn(groups=3 + seed, seed=seed)
        sigma = [math.sqrt(sum((x - sum(row) / len(row)) ** 2 for x in row) / (len(row) - ddof)) for row in scores]
        here = sum(sigma) / len(sigma)
        if not means:
            bar = here
        elif rule == "mean":
            bar = sum(means) / len(means)
        else:
            bar = means[0]
            for mean in means[1:]:
                bar = 0.7 * bar + 0.3 * mean
        weight = [0.4 + 2.6 / (1 + math.exp(-6 * (s - bar))) for s in sigma]
        expected = np.array(weight)[:, None] * by_loop(labels, scores, p)
        shaped, running = shape_batch("hero", labels, scores, p, running)
        np.testing.assert_allclose(shaped.rewards, expected, rtol=1e-11)
        means.append(here)
    assert running is not None
    assert running.batches == 5


def test_check_7_frozen_within_a_batch_updated_once_after_it() -> None:
    rule, rm = drawn(groups=7)
    first, running = shape_batch("hero", rule, rm, APPENDIX, None)
    sigma_u = [float(np.std(scores)) for scores in rm]
    assert running == (first.sigma_bar, 1)
    assert first.sigma_bar == pytest.approx(np.mean(sigma_u), rel=1e-14)
    second, later = shape_batch("hero", rule, 3 * rm, APPENDIX, running)
    assert second.sigma_bar == running.sigma_bar
    assert later.sigma_bar == pytest.approx(0.9 * np.mean(sigma_u) + 0.1 * 3 * np.mean(sigma_u), rel=1e-14)
    expected = [0.4 + 2.6 / (1 + math.exp(-6 * (3 * s - running.sigma_bar))) for s in sigma_u]
    np.testing.assert_allclose(second.weight, expected, rtol=1e-12)
    np.testing.assert_allclose(
        second.rewards, np.array(expected)[:, None] * by_loop(rule, 3 * rm, APPENDIX), rtol=1e-12
    )


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_check_7_the_running_mean_does_not_depend_on_the_order_of_groups(sigma: list[float], random) -> None:
    shuffled = list(sigma)
    random.shuffle(shuffled)
    before = Running(0.3, 2)
    for p in (APPENDIX, Parameters(running="mean")):
        assert running_after(before, np.array(sigma), p) == running_after(before, np.array(shuffled), p)


@pytest.mark.parametrize("rule", ["ema", "mean"])
def test_check_7_a_resumed_run_has_identical_rewards(rule) -> None:
    def run(first: int, state: tuple[float, int] | None) -> tuple[list[bytes], tuple[float, int] | None]:
        shaper = Shaper("hero", Parameters(running=rule))
        shaper.restore(state)
        rewards = []
        for seed in range(first, 6):
            rewards.append(shaper.rewards(np.stack(drawn(seed=seed))).tobytes())
            if seed == 2:
                checkpoints.append(json.dumps(shaper.state()))
        return rewards, shaper.state()

    checkpoints: list[str] = []
    whole, end = run(0, None)
    resumed, end_resumed = run(3, json.loads(checkpoints[0]))
    assert resumed == whole[3:]
    assert end_resumed == end
    assert run(3, None)[0] != whole[3:]
    mean, batches = json.loads(checkpoints[0])
    assert (run(3, (mean, batches + 5))[0] == whole[3:]) == (rule == "ema")  # the number of batches matters


def test_check_8_weight_cancels_under_the_standard_deviation_and_scales_without_it() -> None:
    rule, rm = drawn()
    weighted = shape_groups("hero", rule, rm, APPENDIX, 1.0)
    plain = shape_groups("hero_no_weight", rule, rm, APPENDIX, 1.0)
    assert np.ptp(weighted.weight) > 1
    one, other = (advantages(shaped.rewards, "group", epsilon=1e-6) for shaped in (weighted, plain))
    assert np.abs(one - other).max() < 1e-4
    assert np.abs(other).min(1).max() > 0
    one, other = (advantages(shaped.rewards, "none") for shaped in (weighted, plain))
    np.testing.assert_allclose(one, weighted.weight[:, None] * other, rtol=0, atol=1e-15)
    assert np.abs(one - other).max() > 0.5


@pytest.mark.parametrize("epsilon", [EPSILON, 1e-6])
def test_check_8_what_is_left_of_the_weight(epsilon: float) -> None:
    """A(w) / A(1) = w (s + e) / (w s + e): with trl's e of 1e-4 not quite nothing where s is a band's."""
    rule, rm = drawn()
    weighted = shape_groups("hero", rule, rm, APPENDIX, 1.0)
    plain = shape_groups("hero_no_weight", rule, rm, APPENDIX, 1.0)
    w, s = weighted.weight[:, None], plain.rewards.std(1, ddof=1, keepdims=True)
    one, other = (advantages(shaped.rewards, "group", epsilon) for shaped in (weighted, plain))
    np.testing.assert_allclose(one, w * (s + epsilon) / (w * s + epsilon) * other, rtol=1e-9)
    assert (np.abs(one - other).max() > 1e-4) == (epsilon == EPSILON)


def test_check_9_width_of_the_band_in_uniform_groups() -> None:
    rm = drawn(groups=4)[1]
    for label in (0.0, 1.0):
        rule = np.full_like(rm, label)
        narrow, wide = (
            shape_groups("hero", rule, rm, Parameters(alpha=half, beta=half), 1.0).rewards for half in (0.05, 0.2)
        )
        one, other = (advantages(rewards, "group", epsilon=1e-6) for rewards in (narrow, wide))
        assert np.abs(one - other).max() < 1e-4
        one, other = (advantages(rewards, "none") for rewards in (narrow, wide))
        if label == 0:
            assert (other == 4 * one).all()
        np.testing.assert_allclose(other, 4 * one, rtol=0, atol=1e-14)  # the band of correct ones is rounded about 1
        assert np.abs(one).max() > 0.01


@given(batches())
def test_check_10_no_bands_and_no_weight_is_verifier_only(batch: tuple[np.ndarray, np.ndarray]) -> None:
    p = Parameters(alpha=0, beta=0)
    found = shape_groups("hero_no_weight", *batch, p, 1.0).rewards
    assert found.tobytes() == shape_groups("verifier_only", *batch, p, 1.0).rewards.tobytes() == batch[0].tobytes()


@pytest.mark.parametrize("arm", HERO_ARMS)
@pytest.mark.parametrize("scale", ["none", "group"])
@given(batches(), st.floats(-3, 3))
@settings(max_examples=30)
def test_check_11_constant_scores_keep_the_verifier_s_order(
    arm: Arm, scale, batch: tuple[np.ndarray, np.ndarray], constant: float
) -> None:
    rule = batch[0]
    rewards = shape_groups(arm, rule, np.full_like(rule, constant), APPENDIX, 0.4).rewards
    for labels, reward in zip(rule, rewards, strict=True):
        assert all(np.ptp(reward[labels == label]) == 0 for label in (0, 1) if label in labels)
    found, expected = (advantages(values, scale) for values in (rewards, rule))
    for one, other in zip(found, expected, strict=True):
        assert (np.sign(np.subtract.outer(one, one)) == np.sign(np.subtract.outer(other, other))).all()


@pytest.mark.parametrize(
    ("given_values", "message"),
    [
        ({"alpha": 0.5, "beta": 0.5}, r"alpha \+ beta: is 1"),
        ({"alpha": -0.1}, "alpha: is -0.1"),
        ({"beta": math.nan}, "beta: is nan"),
        ({"beta": math.inf}, "beta: is inf"),
        ({"w_min": 3}, "w_min: is 3 with w_max 3"),
        ({"w_min": 2, "w_max": 1}, "w_min: is 2 with w_max 1"),
        ({"w_min": -0.5}, "w_min: is -0.5"),
        ({"w_max": math.inf}, "w_max: is inf"),
        ({"k": 0}, "k: is 0"),
        ({"k": -6}, "k: is -6"),
        ({"epsilon": 0}, "epsilon: is 0"),
        ({"singleton_z": 1.5}, "singleton_z: is 1.5"),
        ({"mixing": 2}, "mixing: is 2"),
        ({"decay": 1.1}, "decay: is 1.1"),
        ({"ddof": 2}, "ddof: is 2"),
        ({"sigma": "z"}, "sigma: is 'z'; expected one of raw, band"),
        ({"running": "median"}, "running: is 'median'; expected one of ema, mean"),
        ({"failed": "zero"}, "failed: is 'zero'; expected one of verifier_only, masked"),
    ],
)
def test_check_12_parameters_refused(given_values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Parameters(**given_values)


@pytest.mark.parametrize(
    ("rule", "rm", "message"),
    [
        ([[0, 2]], [[0, 1]], "verifier: has a label 2"),
        ([[0, 0.5]], [[0, 1]], "verifier: has a label 0.5"),
        ([[0, math.nan]], [[0, 1]], "verifier: has a label nan"),
        ([[0, 1]], [[0, 1, 2]], r"scores of shape \(1, 3\)"),
        ([0, 1], [0, 1], r"verifier: shape \(2,\)"),
        ([[]], [[]], r"verifier: shape \(1, 0\)"),
    ],
)
@pytest.mark.parametrize("arm", get_args(Arm))
def test_check_12_arrays_refused(arm: Arm, rule: list, rm: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        shape_groups(arm, rule, rm, APPENDIX, 1.0)


def test_check_12_other_words_refused() -> None:
    with pytest.raises(InputError, match="arm: is 'heros'; expected one of verifier_only"):
        shape_groups("heros", [[0, 1]], [[0, 1]], APPENDIX, 1.0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="scale: is 'batch'; expected one of none, group"):
        advantages(np.ones((1, 2)), "batch")  # type: ignore[arg-type]


@pytest.mark.parametrize("arm", get_args(Arm))
@pytest.mark.parametrize("missing", [math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.filterwarnings("error")
def test_check_12_a_missing_score_makes_its_group_verifier_only(arm: Arm, missing: float) -> None:
    rule, rm = drawn()
    before, after = shape_batch(arm, np.delete(rule, 2, 0), np.delete(rm, 2, 0), APPENDIX, Running(0.7, 1))
    rm[2, 5] = missing
    found, after_found = shape_batch(arm, rule, rm, APPENDIX, Running(0.7, 1))
    np.testing.assert_array_equal(found.rewards[2], rule[2])
    assert np.isfinite(shape_groups(arm, rule, rm, Parameters(mixing=1, alpha=0, beta=0), 0.7).rewards).all()
    assert found.weight[2] == 1
    assert found.unscored.tolist() == [False, False, True, False, False, False]
    assert np.isnan(found.sigma_u).tolist() == found.unscored.tolist()
    np.testing.assert_array_equal(np.delete(found.rewards, 2, 0), before.rewards)
    assert after_found == after


@pytest.mark.parametrize("arm", get_args(Arm))
@pytest.mark.parametrize("sigma", ["raw", "band"])
@pytest.mark.parametrize("missing", [math.nan, -math.inf, 1e300])
@pytest.mark.filterwarnings("error")
def test_check_12_a_masked_group_has_no_gradient_and_leaves_the_others_as_they_are(
    arm: Arm, sigma, missing: float
) -> None:
    rule, rm = drawn()
    rm[3, 5] = missing  # a mixed group
    kept, masked = (
        shape_batch(arm, rule, rm, Parameters(failed=failed, sigma=sigma), Running(0.7, 1))
        for failed in ("verifier_only", "masked")
    )
    others = np.arange(len(rule)) != 3
    np.testing.assert_array_equal(masked[0].rewards[others], kept[0].rewards[others])
    assert np.isfinite(masked[0].rewards).all()
    assert masked[0].unscored.tolist() == (~others).tolist()
    assert np.isnan(masked[0].sigma_u).tolist() == (~others).tolist()
    assert masked[0].weight[3] == 1
    assert masked[1] == kept[1]
    np.testing.assert_array_equal(kept[0].rewards[3], rule[3])
    for scale in ("none", "group"):
        assert (advantages(masked[0].rewards, scale)[3] == 0).all() == (arm != "verifier_only")  # has no use of scores
        assert (advantages(kept[0].rewards, scale)[3] != 0).all()


def test_check_12_a_first_batch_without_scores() -> None:
    rule, rm = drawn()
    shaped, running = shape_batch("hero", rule, np.full_like(rm, np.nan), APPENDIX, None)
    np.testing.assert_array_equal(shaped.rewards, rule)
    assert running is None
    assert shaped.unscored.all()


@given(batches(least=2))
def test_check_13_all_wrong_groups(batch: tuple[np.ndarray, np.ndarray]) -> None:
    rm = batch[1]
    for label in (0.0, 1.0):
        rule = np.full_like(rm, label)
        for scale in ("none", "group"):
            only = advantages(shape_groups("verifier_only", rule, rm, APPENDIX, 1.0).rewards, scale)
            assert (only == 0).all()
            hero = advantages(shape_groups("hero", rule, rm, APPENDIX, 1.0).rewards, scale)
            np.testing.assert_array_equal((hero != 0).any(1), np.ptp(rm, axis=1) > 0)


@given(batches())
def test_check_14_naive_between_its_ends(batch: tuple[np.ndarray, np.ndarray]) -> None:
    for mixing, arm in ((1.0, "verifier_only"), (0.0, "rm_only")):
        found = shape_groups("naive", *batch, Parameters(mixing=mixing), 1.0).rewards
        np.testing.assert_array_equal(found, shape_groups(arm, *batch, APPENDIX, 1.0).rewards)
    rule, rm = batch
    found = shape_groups("naive", rule, rm, Parameters(mixing=0.9), 1.0).rewards
    np.testing.assert_allclose(found, 0.9 * rule + 0.1 * rm, rtol=0, atol=1e-14)


def test_check_17_gradient_of_uniform_and_mixed_groups() -> None:
    uniform, sizes = np.array([True, True, False, False]), np.array([0.0, 0.2, 0.5, 0.9])
    assert telemetry(uniform, sizes) == {
        "uniform_groups": 0.5,
        "nonzero_groups": 0.75,
        "abs_advantage_uniform": 0.1,
        "abs_advantage_mixed": 0.7,
    }
    assert telemetry(uniform[:2], sizes[:2])["abs_advantage_mixed"] is None
    assert telemetry(uniform[2:], sizes[2:])["abs_advantage_uniform"] is None


def test_check_17_uniform_groups_are_quiet_only_without_the_standard_deviation() -> None:
    rule, rm = drawn(groups=400, seed=3)
    rule[:200] = 0
    shaped = shape_groups("hero_no_weight", rule, rm, APPENDIX, 1.0)
    found = {
        scale: telemetry(shaped.uniform, np.abs(advantages(shaped.rewards, scale)).mean(1))
        for scale in ("none", "group")
    }
    assert found["group"]["abs_advantage_uniform"] == pytest.approx(0.77, abs=0.05)
    ratio = {scale: one["abs_advantage_mixed"] / one["abs_advantage_uniform"] for scale, one in found.items()}
    assert 0.8 < ratio["group"] < 1.3
    assert ratio["none"] > 6


def test_the_other_arms() -> None:
    rule, rm = drawn()
    hero = shape_groups("hero", rule, rm, APPENDIX, 1.0)
    r_hat = np.array(by_loop(rule, rm, APPENDIX))
    negative = shape_groups("hero_neg_only", rule, rm, APPENDIX, 1.0)
    positive = shape_groups("hero_pos_only", rule, rm, APPENDIX, 1.0)
    wrong, w = rule == 0, hero.weight[:, None]
    np.testing.assert_allclose(negative.rewards, w * np.where(wrong, r_hat, 1), rtol=1e-12)
    np.testing.assert_allclose(positive.rewards, w * np.where(wrong, 0, r_hat), rtol=1e-12, atol=1e-15)
    gated = shape_groups("gated_fallback", rule, rm, APPENDIX, 1.0)
    assert gated.uniform.tolist() == [True, True, False, False, False, False]
    np.testing.assert_allclose(gated.rewards[:2], r_hat[:2], rtol=1e-12)
    np.testing.assert_array_equal(gated.rewards[2:], rule[2:])
    for arm in get_args(Arm):
        weight = shape_groups(arm, rule, rm, APPENDIX, 1.0).weight
        np.testing.assert_array_equal(weight, hero.weight if arm in WEIGHTED else np.ones(6))


def test_spread_by_hand() -> None:
    scores = np.array([[1.0, 3.0, 5.0], [2.0, 2.0, 2.0]])
    np.testing.assert_allclose(spread(scores), [math.sqrt(8 / 3), 0], rtol=1e-15)
    np.testing.assert_allclose(spread(scores, ddof=1), [2, 0], rtol=1e-15)
    np.testing.assert_array_equal(
        shape_groups("hero", [[0, 0, 1]] * 2, scores, Parameters(ddof=1), 1.0).sigma_u, spread(scores, 1)
    )


@given(batches(least=2), st.sampled_from([0, 1]), st.sampled_from([0.0, 0.5]))
def test_sigma_u_of_places_in_the_bands_by_a_loop(batch: tuple[np.ndarray, np.ndarray], ddof: int, z: float) -> None:
    """r_hat of a band from 0 to 1, for either label, is the place; neither alpha nor beta matters."""
    rule, rm = batch
    p = Parameters(sigma="band", ddof=ddof, singleton_z=z, alpha=0.3, beta=0.05)
    found = sigma_of(rule, rm, p)
    for labels, scores, one in zip(rule.tolist(), rm.tolist(), found, strict=True):
        place = []
        for label, score in zip(labels, scores, strict=True):
            peers = [s for other, s in zip(labels, scores, strict=True) if other == label]
            low, high = min(peers), max(peers)
            place.append(z if low == high else (score - low) / (high - low + 1e-6))
        mean = sum(place) / len(place)
        assert one == pytest.approx(math.sqrt(sum((x - mean) ** 2 for x in place) / (len(place) - ddof)), abs=1e-12)
    np.testing.assert_array_equal(found, sigma_of(rule, rm, Parameters(sigma="band", ddof=ddof, singleton_z=z)))
    np.testing.assert_array_equal(shape_groups("hero", rule, rm, p, 0.3).sigma_u, found)


def test_sigma_u_of_places_does_not_see_the_scale_of_the_reward_model() -> None:
    """The only thing in HERO that does is the spread of the raw scores."""
    rule, rm = drawn()
    assert np.ptp(places(rule, rm), axis=1).max() <= 1
    for sigma in ("raw", "band"):
        p = Parameters(sigma=sigma)
        one, other = (shape_batch("hero", rule, scores, p, None)[0] for scores in (rm, 50 * rm + 3))
        apart = np.abs(one.rewards - other.rewards).max()
        assert (apart < 1e-4) == (sigma == "band")
    assert (shape_batch("hero", rule, rm, p, None)[0].weight != 1).all()
    np.testing.assert_array_equal(sigma_of(rule, rm, APPENDIX), spread(rm))


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("sigma", ["raw", "band"])
@pytest.mark.filterwarnings("error")
def test_a_group_of_one_has_no_spread_and_no_advantage(ddof: int, sigma) -> None:
    shaped, running = shape_batch("hero", [[1], [0]], [[3.0], [4.0]], Parameters(ddof=ddof, sigma=sigma), None)
    assert np.isnan(shaped.sigma_u).all()
    assert not shaped.unscored.any()
    assert shaped.rewards.tolist() == [[0.9], [-0.1]]
    assert running is None
    for scale in ("none", "group"):
        assert advantages(shaped.rewards, scale).tolist() == [[0], [0]]


def test_rewards_of_a_group_do_not_depend_on_the_layout_of_the_arrays() -> None:
    rule, rm = drawn(generations=129)
    one, other = (
        shape_batch("hero", labels, scores, APPENDIX, Running(0.8, 1))
        for labels, scores in ((rule, rm), (np.asfortranarray(rule), np.asfortranarray(rm)))
    )
    assert one[0].rewards.tobytes() == other[0].rewards.tobytes()
    assert one[1] == other[1]


def test_equal_rewards_have_exactly_no_advantage() -> None:
    for scale in ("none", "group"):
        assert (advantages(np.full((1, 7), -0.1 * 1.7), scale) == 0).all()
        assert advantages(np.array([[1, 2], [3, 3]]), scale)[0, 1] > 0
