"""C2S-Scale: cells as sentences. Stages in the order of the paper's methods."""

from raw2fig.papers.c2s import plan as c2s_plan

C2S = config["c2s"]

C2S_MISSING = c2s_plan.missing_files(C2S)
for dataset, path in C2S_MISSING.items():
    if C2S[dataset]["by_hand"] is None:
        refuse(InputError(f"c2s.{dataset}.path", f"is {path!r}", "an existing file"))


include: "c2s/data.smk"
include: "c2s/models.smk"
include: "c2s/evals.smk"
include: "c2s/effects.smk"
include: "c2s/results.smk"


FETCHED["c2s"] = c2s_plan.fetched(C2S)
