"""Names of the models and arms that are compared."""

MIDTRAINED = ("mid1", "mid2", "mid3")
"""Models after one, two and three thirds of mid-training."""
PLAIN, POSITIVE, REMEDY = "plain", "positive examples", "remedy"
"""Arms of reinforcement learning. The last two differ from the first in one thing each: right completions of the last
updates come back in the last stage; a penalty keeps the policy near the cold start."""
ARMS = (PLAIN, POSITIVE, REMEDY)
SFT = "SFT"
"""The model of the cold start."""
