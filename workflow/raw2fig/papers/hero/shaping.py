"""Rewards shaped from a verifier's label and a reward model's score: HERO (Tao et al. 2025) and its rivals.

Arrays have the shape (groups, generations): the rollouts of one prompt are a group. r_rule in {0, 1} is the label of
the verifier, r_RM a real number. Equations are those of the paper; what it leaves open (epsilon, sigma_u, the rule of
the running mean, missing scores) has a name in `Parameters` or a sentence here.

A score that is not a finite number, or is too large for a standard deviation, concerns its whole group: by the option
`failed` the group is verifier-only (its reward is r_rule) or masked (its rewards are 0, hence its advantages). Its
weight is 1 and it does not enter the running mean. `Shaped.unscored` marks these groups.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, NamedTuple, cast, get_args

import numpy as np
from numpy.typing import ArrayLike

from raw2fig.errors import InputError
from raw2fig.rl.advantages import EPSILON, centred, group_advantages
from raw2fig.settings import Field, Record

Arm = Literal[
    "verifier_only", "rm_only", "naive", "hero", "hero_no_weight", "hero_neg_only", "hero_pos_only", "gated_fallback"
]
WEIGHTED = ("hero", "hero_neg_only", "hero_pos_only")
"""Arms with the variance-aware weight."""
Scale = Literal["none", "group"]
Sigma = Literal["raw", "band"]
RunningRule = Literal["ema", "mean"]
Failed = Literal["verifier_only", "masked"]
Hyperparameters = Literal["appendix", "main"]
WEIGHT_OF: dict[Hyperparameters, dict[str, float]] = {
    "appendix": {"w_min": 0.4, "w_max": 3.0, "k": 6.0},
    "main": {"w_min": 0.5, "w_max": 2.0, "k": 5.0},
}
"""The paper's two sets of values for Eq. 4: appendix A.1 and main text."""


STD_EPSILON = 1e-6
"""Added to a group's standard deviation, as in verl; trl's 1e-4 is not small beside that of a band, about 0.03."""


@dataclass(frozen=True)
class Parameters:
    """Settings of every arm; an arm ignores those it has no use for.

    alpha, beta: half-widths of the bands of wrong and correct rollouts (Eq. 3; 0.1 for mixed and hard data, the paper
    has 0.05 for easy data). w_min, w_max, k: Eq. 4, by default appendix A.1. epsilon: of Eq. 3. singleton_z: place in
    the band, 0 (floor) to 1, of a rollout that is alone with its label or tied with all others of it. mixing: a of the
    arm `naive`.

    sigma, ddof: sigma_u is the standard deviation of the raw scores or of their places z in the bands (Eq. 3), which do
    not depend on the scale of the reward model. running, decay: the running mean is exponential and keeps the share
    `decay` at each batch, or is the mean of all batches so far. failed: what becomes of a group with a missing score;
    the arm verifier_only has no use of scores, and masks none.

    Raises `InputError` for values that cannot be meant; alpha + beta >= 1 lets a wrong rollout beat a correct one.
    """

    alpha: float = 0.1
    beta: float = 0.1
    w_min: float = 0.4
    w_max: float = 3.0
    k: float = 6.0
    epsilon: float = 1e-6
    singleton_z: float = 0.0
    mixing: float = 0.5
    sigma: Sigma = "raw"
    ddof: int = 0
    running: RunningRule = "ema"
    decay: float = 0.9
    failed: Failed = "verifier_only"

    def __post_init__(self) -> None:
        for name, choices in (("sigma", Sigma), ("running", RunningRule), ("failed", Failed)):
            if getattr(self, name) not in get_args(choices):
                raise InputError(name, f"is {getattr(self, name)!r}", f"one of {', '.join(get_args(choices))}")
        for name, value in asdict(self).items():
            if not isinstance(value, str) and (not math.isfinite(value) or value < 0):
                raise InputError(name, f"is {value:g}", "a finite number, 0 or more")
        if self.alpha + self.beta >= 1:
            raise InputError("alpha + beta", f"is {self.alpha + self.beta:g}", "a sum below 1, or the bands overlap")
        if self.w_min >= self.w_max:
            raise InputError("w_min", f"is {self.w_min:g} with w_max {self.w_max:g}", "w_min below w_max")
        for name in ("k", "epsilon"):
            if getattr(self, name) == 0:
                raise InputError(name, "is 0", "a positive number")
        for name in ("singleton_z", "mixing", "decay"):
            if getattr(self, name) > 1:
                raise InputError(name, f"is {getattr(self, name):g}", "a number from 0 to 1")
        if self.ddof not in (0, 1):
            raise InputError("ddof", f"is {self.ddof}", "0 or 1")


def weighted(parameters: Parameters, hyperparameters: Hyperparameters, **given: float) -> Parameters:
    """`parameters` with w_min, w_max and k of one of the paper's two sets, less those `given`."""
    return replace(parameters, **cast(Any, WEIGHT_OF[hyperparameters] | given))


class Shaping(Record):
    """What the paper leaves open about the shaping of rewards, or has two values of."""

    hyperparameters: Hyperparameters = Field(
        description="The paper's values of w_min, w_max and k: 0.4, 3, 6 in its appendix, 0.5, 2, 5 in its main text."
    )
    mixing: float = Field(ge=0, le=1, description="Share of the label in the arm naive, whose scores are raw.")
    beta_band: float | None = Field(
        ge=0, lt=1, description="Half-width of the band of correct completions; none: that of the wrong ones."
    )
    singleton_z: float = Field(
        ge=0, le=1, description="Place in its band of a completion alone with its label or tied with all others of it."
    )
    sigma: Sigma = Field(
        description="sigma_u is the standard deviation of a group's raw scores, or of their places in the bands."
    )
    sigma_ddof: Literal[0, 1] = Field(description="Degrees of freedom of that standard deviation.")
    running: RunningRule = Field(description="Running mean of sigma_u: exponential, or the mean of all batches so far.")
    decay: float = Field(ge=0, le=1, description="Share that the exponential mean keeps at each batch.")
    failed: Failed = Field(
        description="What a group with a missing score gets: the verifier's labels, or no gradient (masked)."
    )

    def parameters(self, alpha: float, **given: float) -> Parameters:
        """`Parameters` for a half-width `alpha` of the band of wrong completions, with values of w_min, w_max and k
        that are `given` in place of the paper's."""
        plain = Parameters(
            alpha=alpha,
            beta=alpha if self.beta_band is None else self.beta_band,
            singleton_z=self.singleton_z,
            mixing=self.mixing,
            sigma=self.sigma,
            ddof=self.sigma_ddof,
            running=self.running,
            decay=self.decay,
            failed=self.failed,
        )
        return weighted(plain, self.hyperparameters, **given)


class Running(NamedTuple):
    """The running mean of sigma_u, and of how many batches it is."""

    sigma_bar: float
    batches: int


class Shaped(NamedTuple):
    """Rewards of a batch, and what they were made from.

    rewards (groups, generations): Eq. 5, or what the arm has instead. weight (groups,): w, 1 in arms without it.
    sigma_u (groups,): spread of the scores. uniform (groups,): all labels equal. unscored (groups,): a score is
    missing. sigma_bar: the mean that the weight was computed with, of the batch or of each group, NaN when no group has
    a spread.
    """

    rewards: np.ndarray
    weight: np.ndarray
    sigma_u: np.ndarray
    uniform: np.ndarray
    unscored: np.ndarray
    sigma_bar: float | np.ndarray


def shape_batch(
    arm: Arm, rule: ArrayLike, rm: ArrayLike, parameters: Parameters, running: Running | None
) -> tuple[Shaped, Running | None]:
    """Rewards of a batch, and the running mean of sigma_u after it, which belongs into the checkpoint.

    rule, rm: (groups, generations). running: the mean after the batch before, None at the first. It is frozen within
    the batch: the order of the groups does not matter.
    """
    sigma_u = sigma_of(rule, rm, parameters)
    shaped = shape_groups(arm, rule, rm, parameters, sigma_bar_in(running, sigma_u))
    return shaped, running_after(running, sigma_u, parameters)


@dataclass
class Shaper:
    """The shaping of a training (`raw2fig.rl.trainer.Shaping`): `shape_batch` on the signals label and score. Its state
    is the running mean of sigma_u. `others` are names of further signals, whose means are logged."""

    arm: Arm
    parameters: Parameters
    others: Sequence[str] = ()
    running: Running | None = None
    shaped: Shaped | None = None  # the last batch
    means: dict[str, float] = field(default_factory=dict)  # of its signals

    def rewards(self, signals: np.ndarray) -> np.ndarray:
        rule, rm, *others = signals
        self.shaped, self.running = shape_batch(self.arm, rule, rm, self.parameters, self.running)
        named = zip(("rule", "rm", *self.others), (rule, rm, *others), strict=True)
        self.means = {name: float(values.mean()) for name, values in named}
        return self.shaped.rewards

    def told(self, advantages: np.ndarray) -> dict[str, float]:
        """Means of the signals; `telemetry`; mean of sigma_u, sigma_bar, and the weight. What there is none of is left
        out."""
        assert self.shaped is not None
        weight, sigma_u = self.shaped.weight, self.shaped.sigma_u
        found: dict[str, float | None] = {
            **self.means,
            **telemetry(self.shaped.uniform, np.abs(advantages).mean(1)),
            "unscored_groups": float(self.shaped.unscored.mean()),
            "sigma_u": _mean_spread(sigma_u),
            "sigma_bar": float(np.mean(self.shaped.sigma_bar)),
            "weight": float(weight.mean()),
            "weight_min": float(weight.min()),
            "weight_max": float(weight.max()),
        }
        return {name: value for name, value in found.items() if value is not None and math.isfinite(value)}

    def state(self) -> tuple[float, int] | None:
        return None if self.running is None else (*self.running,)

    def restore(self, state: tuple[float, int] | None) -> None:
        self.running = None if state is None else Running(*state)


def shape_groups(
    arm: Arm, rule: ArrayLike, rm: ArrayLike, parameters: Parameters, sigma_bar: float | np.ndarray
) -> Shaped:
    """Rewards of the groups by one of the arms, given the mean spread `sigma_bar`, of all or of each (groups,).

    rule, rm: (groups, generations).

    - verifier_only: r_rule. rm_only: r_RM, raw.
    - naive: a r_rule + (1 - a) r_RM, r_RM raw and a = `mixing` (table 9 of the paper, which does not say whether r_RM
      is normalised there).
    - hero: w(sigma_u) r_hat (Eq. 5). hero_no_weight: r_hat. hero_neg_only: hero with beta = 0; hero_pos_only: hero with
      alpha = 0.
    - gated_fallback: r_rule in mixed groups, r_hat in uniform ones; not in the paper, the least that gives uniform
      groups a gradient.

    Raises `InputError` for an unknown arm, unequal shapes, and labels other than 0 and 1.
    """
    if arm not in get_args(Arm):
        raise InputError("arm", f"is {arm!r}", f"one of {', '.join(get_args(Arm))}")
    labels, scores = _labels(rule), _scores(rm)
    if labels.shape != scores.shape:
        raise InputError("reward model", f"scores of shape {scores.shape}", f"one for each label, {labels.shape}")
    sigma_u, unscored = sigma_of(labels, scores, parameters), ~_scored(scores)
    scores = np.where(unscored[:, None], 0.0, scores)
    uniform = labels.min(1) == labels.max(1)
    weight = np.ones(len(labels))
    if arm in WEIGHTED:
        found = variance_weight(sigma_u, sigma_bar, parameters.w_min, parameters.w_max, parameters.k)
        weight = np.where(np.isnan(found), 1.0, found)
    rewards = weight[:, None] * _before_weight(arm, labels, scores, uniform, parameters)
    rewards = np.where(unscored[:, None], 0.0 if masks(arm, parameters) else labels, rewards)
    return Shaped(rewards, weight, sigma_u, uniform, unscored, sigma_bar)


def masks(arm: Arm, parameters: Parameters) -> bool:
    """Whether a group with a missing score has no gradient."""
    return parameters.failed == "masked" and arm != "verifier_only"


def _before_weight(
    arm: Arm, labels: np.ndarray, scores: np.ndarray, uniform: np.ndarray, parameters: Parameters
) -> np.ndarray:
    if arm == "verifier_only":
        return labels
    if arm == "rm_only":
        return scores
    if arm == "naive":
        return parameters.mixing * labels + (1 - parameters.mixing) * scores
    alpha = 0.0 if arm == "hero_pos_only" else parameters.alpha
    beta = 0.0 if arm == "hero_neg_only" else parameters.beta
    r_hat = stratified(labels, scores, alpha, beta, parameters.epsilon, parameters.singleton_z)
    return np.where(uniform[:, None], r_hat, labels) if arm == "gated_fallback" else r_hat


def stratified(
    rule: ArrayLike, rm: ArrayLike, alpha: float, beta: float, epsilon: float = 1e-6, singleton_z: float = 0.0
) -> np.ndarray:
    """r_hat of Eq. 3: scores normalised among the rollouts of the same prompt and the same label.

        r_hat = -alpha + 2 alpha z           where r_rule = 0, in [-alpha, alpha]
        r_hat = (1 - beta) + 2 beta z        where r_rule = 1, in [1 - beta, 1 + beta]
        z = (r_RM - min) / (max - min + epsilon), min and max over those rollouts

    rule, rm, result: (groups, generations). Where min = max z is `singleton_z`; the equation's 0 gives a lone correct
    answer less than the best of several. The result is not defined for groups with a missing score.
    """
    labels = _labels(rule)
    half_width = np.where(labels == 1, beta, alpha)
    floor = np.where(labels == 1, 1 - beta, -alpha)
    return floor + 2 * half_width * places(labels, rm, epsilon, singleton_z)


def places(rule: ArrayLike, rm: ArrayLike, epsilon: float = 1e-6, singleton_z: float = 0.0) -> np.ndarray:
    """z of Eq. 3, the scores normalised to [0, 1) or `singleton_z`. rule, rm, result: (groups, generations)."""
    labels, scores = _labels(rule), _scores(rm)
    z = np.full_like(scores, singleton_z)
    for label in (0, 1):
        members = labels == label
        low = scores.min(1, keepdims=True, where=members, initial=np.inf)
        high = scores.max(1, keepdims=True, where=members, initial=-np.inf)
        with np.errstate(invalid="ignore", over="ignore"):  # of prompts without this label, or with a missing score
            place = (scores - low) / (high - low + epsilon)
        z = np.where(members & (high > low), place, z)
    return z


def spread(rm: ArrayLike, ddof: int = 0) -> np.ndarray:
    """Standard deviation of the raw scores of each group. rm: (groups, generations); result: (groups,).

    NaN for a group with a missing score and for one of a single rollout, which has no spread. The paper does not say
    which `ddof`.
    """
    scores = _scores(rm)
    if scores.shape[1] < 2:
        return np.full(len(scores), np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(_scored(scores), scores.std(1, ddof=ddof), np.nan)


def sigma_of(rule: ArrayLike, rm: ArrayLike, parameters: Parameters) -> np.ndarray:
    """sigma_u of Eq. 4 (groups,), by `sigma` of the parameters: `spread` of the raw scores, or of their places in the
    bands. rule, rm: (groups, generations).

    The paper does not say which. "Normalised" is read as z, the only normalised score that the method has; r_hat would
    add the distance of the bands, and its spread hence the verifier's labels, to what shall tell of the reward model.
    """
    raw = spread(rm, parameters.ddof)
    if parameters.sigma == "raw":
        return raw
    z = places(rule, np.where(_scored(_scores(rm))[:, None], rm, 0.0), parameters.epsilon, parameters.singleton_z)
    return np.where(np.isnan(raw), np.nan, spread(z, parameters.ddof))


def variance_weight(
    sigma_u: ArrayLike, sigma_bar: float | np.ndarray, w_min: float, w_max: float, k: float
) -> np.ndarray:
    """w(sigma_u) = w_min + (w_max - w_min) / (1 + exp(-k (sigma_u - sigma_bar))), Eq. 4. sigma_u, result: (groups,).

    In the units of the scores: with k = 6 a spread of 1 above the mean already gives 99.75 % of the range.
    """
    with np.errstate(over="ignore"):  # exp of a large number is infinite, and the weight w_min
        return w_min + (w_max - w_min) / (1 + np.exp(-k * (np.asarray(sigma_u, dtype=np.float64) - sigma_bar)))


def sigma_bar_in(running: Running | None, sigma_u: np.ndarray) -> float:
    """sigma_bar of a batch: the running mean of the batches before it, at the first the batch's own mean."""
    return _mean_spread(sigma_u) if running is None else running.sigma_bar


def running_after(running: Running | None, sigma_u: np.ndarray, parameters: Parameters) -> Running | None:
    """The running mean after a batch with sigma_u (groups,), whose mean is m: by `running` of the parameters

        ema:  decay * sigma_bar + (1 - decay) * m
        mean: (n * sigma_bar + m) / (n + 1)            after n batches: each batch counts as much

    The paper says "running mean"; the exponential one is that of a reproduction in verl. None before the first batch
    that has a spread; a batch without any leaves it as it is.
    """
    mean = _mean_spread(sigma_u)
    if math.isnan(mean):
        return running
    if running is None:
        return Running(mean, 1)
    before, batches = running
    if parameters.running == "mean":
        return Running((batches * before + mean) / (batches + 1), batches + 1)
    return Running(parameters.decay * before + (1 - parameters.decay) * mean, batches + 1)


def _mean_spread(sigma_u: np.ndarray) -> float:
    """Mean over the groups that have a spread, NaN without any; summed without rounding, hence in any order."""
    known = sigma_u[~np.isnan(sigma_u)]
    return math.fsum(known) / len(known) if len(known) else math.nan


def advantages(rewards: ArrayLike, scale: Scale, epsilon: float = EPSILON) -> np.ndarray:
    """Rewards (groups, generations) less their group's mean; scale "group" divides by the group's standard deviation.

    Division cancels the weight, and in uniform groups alpha too: A(w) / A(1) = w (s + e) / (w s + e) for a standard
    deviation s (of a band, about 0.03) and e = `epsilon`, hence "none" for HERO. A group of equal rewards, or of a
    single one, gets exactly 0.
    """
    if scale not in get_args(Scale):
        raise InputError("scale", f"is {scale!r}", f"one of {', '.join(get_args(Scale))}")
    rewards = _matrix(rewards, "rewards")
    single = rewards.shape[1] == 1  # no standard deviation
    return group_advantages(rewards, epsilon=epsilon) if scale == "group" and not single else centred(rewards)


def telemetry(uniform: np.ndarray, sizes: np.ndarray) -> dict[str, float | None]:
    """Shares of groups that are uniform and that have a gradient, and the mean |A| of uniform and of mixed groups, None
    where there are none. `uniform` (groups,) says whether all labels are equal, `sizes` (groups,) is the mean |A|."""
    return {
        "uniform_groups": float(uniform.mean()),
        "nonzero_groups": float((sizes > 0).mean()),
        "abs_advantage_uniform": float(sizes[uniform].mean()) if uniform.any() else None,
        "abs_advantage_mixed": float(sizes[~uniform].mean()) if not uniform.all() else None,
    }


def _labels(rule: ArrayLike) -> np.ndarray:
    """Labels as float64 (groups, generations). Raises `InputError` unless all are 0 or 1."""
    labels = _matrix(rule, "verifier")
    wrong = labels[(labels != 0) & (labels != 1)]
    if len(wrong):
        raise InputError("verifier", f"has a label {wrong[0]:g}", "labels 0 and 1")
    return labels


def _scores(rm: ArrayLike) -> np.ndarray:
    return _matrix(rm, "reward model")


def _scored(scores: np.ndarray) -> np.ndarray:
    """Whether all scores of a group are finite, and small enough for a standard deviation; (groups,)."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.isfinite(scores.std(1))


def _matrix(values: ArrayLike, name: str) -> np.ndarray:
    """`values` as float64 in C order, so that sums over a group do not depend on the layout."""
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.ndim != 2 or not array.size:
        raise InputError(name, f"shape {array.shape}", "groups x generations")
    return array
