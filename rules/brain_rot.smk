"""Brain rot: text is split into junk and control, models are trained on mixtures of both, and measured before and after."""

from raw2fig.papers.brain_rot import plan as brain_rot

BRAIN_ROT = config["brain_rot"]


include: "brain_rot/miniature.smk"
