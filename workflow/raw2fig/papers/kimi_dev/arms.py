"""Names of the models and arms that are compared."""

from typing import Literal

MIDTRAINED = ("mid1", "mid2", "mid3")
"""Models after one, two and three thirds of mid-training."""
PLAIN, POSITIVE, REMEDY = "plain", "positive examples", "remedy"
"""Arms of reinforcement learning. The last two differ from the first in one thing each: right completions of the last
updates come back in the last stage; a penalty keeps the policy near the cold start."""
ARMS = (PLAIN, POSITIVE, REMEDY)
Other = Literal["positive examples", "remedy"]
BASE, MID, SFT, RL = PRIORS = ("Base", "MT", "SFT", "RL")
Prior = Literal["Base", "MT", "SFT", "RL"]
"""What becomes an agent: the base model, and the model after mid-training, the cold start and the plain arm."""
UNTRAINED = "0"
"""Budget of a prior as it is, without any trajectory."""
