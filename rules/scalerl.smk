"""The Art of Scaling RL Compute. Stages in the order of the paper's methods; raw2fig.papers.scalerl.plan says which arms and
runs there are and where their files lie."""

import re

from raw2fig.papers.scalerl import plan as scalerl

SCALERL = config["scalerl"]
SCALERL_ARM = "|".join(map(re.escape, scalerl.arms(SCALERL)))


include: "scalerl/data.smk"
include: "scalerl/models.smk"
include: "scalerl/evals.smk"
include: "scalerl/results.smk"
