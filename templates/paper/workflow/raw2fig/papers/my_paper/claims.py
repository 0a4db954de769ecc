"""What this run says about each of the paper's claims (config/published/my_paper.yaml)."""

from raw2fig.claims import decide_claims
from raw2fig.stats import proportion
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table


@step
def claims(*, published: Input, scores: Input, claims: Output, scale: str = "laptop") -> None:
    """Decide every claim by the criterion fixed in the published file.

    Parameters
    ----------
    published
        The paper's claims and criteria.
    scores
        Scores of all questions.
    """
    frame = read_table(scores, {"seed": "integer", "majority": "boolean"})
    # an example to replace: a function for each claim, which measures it
    share = proportion(int(frame["majority"].sum()), len(frame))
    measured = {"C1": lambda: share._replace(seeds=frame["seed"].nunique())}
    decide_claims("my_paper", published, scale, measured, claims)
