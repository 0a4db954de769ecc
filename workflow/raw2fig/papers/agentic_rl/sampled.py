"""What a printed percentage of sampled answers can be: pass@n that was drawn with replacement."""

from raw2fig.attempts import best_at

NOISE = 0.25
"""Problems that 1,000 resamples of 30 problems may be off: three standard deviations at most."""


def solved(drawn: float, average: float, problems: int, samples: int) -> range:
    """The numbers of problems with a right sample that agree with a pass@n drawn with replacement (`drawn`) and an
    average, both in percent; none if nothing agrees.

    `best_at` is concave: over k problems with a given number of right samples its sum is largest if all have the
    same number, and smallest if as many as possible have all and the others one.
    """
    wanted, right = drawn / 100 * problems, round(average / 100 * problems * samples)
    possible = [
        k
        for k in range(1, problems + 1)
        if k <= right <= k * samples
        and _sum(uneven(right, k, samples), samples) - NOISE <= wanted <= _sum(even(right, k), samples) + NOISE
    ]
    return range(possible[0], possible[-1] + 1) if possible else range(0)


def even(right: int, k: int) -> list[int]:
    """Right samples of k problems that have as many as each other, or one more."""
    each, more = divmod(right, k)
    return [each + 1] * more + [each] * (k - more)


def uneven(right: int, k: int, samples: int) -> list[int]:
    """Right samples of k problems, of which as many as possible have all, and the others one, but for one between."""
    full, more = divmod(right - k, samples - 1)
    return ([samples] * full + [1 + more] + [1] * k)[:k]


def _sum(counts: list[int], samples: int) -> float:
    return float(best_at(counts, samples, samples).sum())
