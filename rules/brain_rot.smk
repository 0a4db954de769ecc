"""Brain rot: text is split into junk and control, models are trained on mixtures of both, and measured before and after."""

from raw2fig.papers.brain_rot import plan as brain_rot

BRAIN_ROT = config["brain_rot"]


include: "brain_rot/miniature.smk"
include: "brain_rot/pretrained.smk"


figure(
    "brain_rot",
    "effect_sizes",
    scores=brain_rot.published("scores"),
    effects=brain_rot.published("effects"),
)
figure("brain_rot", "dose", scores=brain_rot.published("scores"))
figure("brain_rot", "failure_modes", failures=brain_rot.published("failures"))
figure(
    "brain_rot",
    "wash_out",
    wash_out=brain_rot.published("wash_out"),
    scores=brain_rot.published("scores"),
)
figure("brain_rot", "popularity_length", splits=brain_rot.published("popularity_length"))
table("brain_rot", "robustness", robustness=brain_rot.published("robustness"))
table("brain_rot", "versions", scores=brain_rot.published("scores"))
table(
    "brain_rot",
    "effects",
    scores=brain_rot.published("scores"),
    effects=brain_rot.published("effects"),
)
claims(
    "brain_rot",
    main=brain_rot.published("scores"),
    splits=brain_rot.published("popularity_length"),
    robustness=brain_rot.published("robustness"),
    failures=brain_rot.published("failures"),
    wash_out=brain_rot.published("wash_out"),
    numbers=brain_rot.published("numbers"),
    scores=brain_rot.together(),
    pretrained=br_pretrained.scores(BR_PRETRAINED),
)
