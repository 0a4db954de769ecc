"""C2S-Scale: figures and claims."""

C2S_MEASURED = {
    "annotation": c2s_plan.evaluated(C2S, "annotation"),
    "classifiers": c2s_plan.CLASSIFIERS,
    "matches": c2s_plan.evaluated(C2S, "foscttm"),
    "scaling": c2s_plan.evaluated(C2S, "scaling"),
    "spatial": c2s_plan.evaluated(C2S, "spatial"),
    "neighbours": c2s_plan.evaluated(C2S, "spatial.baseline"),
    "perturbation": c2s_plan.evaluated(C2S, "perturbation"),
    "screen": c2s_plan.evaluated(C2S, "screen"),
    "truth": c2s_plan.truth(C2S),
    "hits": C2S["screen"]["hits"],
}
"""What was measured in all replicates."""

figure(
    "c2s",
    "summary",
    **C2S_MEASURED,
    baselines=c2s_plan.evaluated(C2S, "reference.baselines"),
    size=C2S["base"]["size"],
)
figure("c2s", "rank", fit="<results>/c2s/data/rank_fit.json", pairs="<results>/c2s/data/rank_fit.pairs.parquet")
figure("c2s", "scaling", scores=C2S_MEASURED["scaling"])
if c2s_plan.is_trained(C2S):  # there is no course of training of released models
    figure("c2s", "samples", logs=c2s_plan.pretraining_logs(C2S, c2s_plan.sizes(C2S)))
figure(
    "c2s",
    "annotation",
    predictions=C2S_MEASURED["annotation"],
    classifiers=c2s_plan.CLASSIFIERS,
    matches=C2S_MEASURED["matches"],
    coordinates=c2s_plan.shown(C2S, "annotation"),
)
figure("c2s", "tissue", scores=C2S_MEASURED["scaling"], baselines=c2s_plan.evaluated(C2S, "reference.baselines"))
figure("c2s", "spatial", answers=C2S_MEASURED["spatial"], baselines=C2S_MEASURED["neighbours"])
if c2s_plan.effects(C2S):
    figure(
        "c2s",
        "planted",
        effects=[effect for effect in c2s_plan.effects(C2S) for _ in C2S["replicates"]],
        answers=c2s_plan.planted(C2S, "answers"),
        baselines=c2s_plan.planted(C2S, "baseline"),
    )
figure("c2s", "perturbation", scores=C2S_MEASURED["perturbation"])
figure("c2s", "cells", coordinates=c2s_plan.shown(C2S, "cells"))
figure("c2s", "grpo", scores=C2S_MEASURED["perturbation"], logs=c2s_plan.grpo_logs(C2S))
if c2s_plan.truth(C2S):  # nothing is planted in real drugs
    figure("c2s", "screen", **{name: C2S_MEASURED[name] for name in ("screen", "truth", "hits")})
claims(
    "c2s",
    **C2S_MEASURED,
    fit="<results>/c2s/data/rank_fit.json",
    logs=c2s_plan.pretraining_logs(C2S, [C2S["base"]["size"]]),
)
