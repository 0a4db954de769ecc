"""What this run says about each of the paper's claims (config/published/my_paper.yaml)."""

from raw2fig.claims import Measurements
from raw2fig.papers.my_paper.evaluate import SCORES
from raw2fig.stats import over_replicates
from raw2fig.step import Input, claims
from raw2fig.tables import read_table


@claims
def measurements(*, scores: Input) -> Measurements:
    """Decide every claim by its criterion.

    Parameters
    ----------
    scores
        Scores of all questions.
    """
    means = read_table(scores, SCORES).groupby("replicate").mean()
    # an example to replace: how to measure each claim that is not out of scale everywhere
    return {"C1": lambda: over_replicates(means["majority"])}
