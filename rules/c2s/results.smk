"""C2S-Scale: figures and claims."""

C2S_ANNOTATED = ["<results>/c2s/evals/annotation.parquet", "<results>/c2s/evals/annotation.baselines.parquet"]

figure(
    "c2s",
    "summary",
    annotation=C2S_ANNOTATED,
    matches="<results>/c2s/evals/foscttm.parquet",
    scaling=c2s_plan.scaling(C2S),
    baselines="<results>/c2s/evals/reference.baselines.parquet",
    spatial="<results>/c2s/evals/spatial.parquet",
    perturbation="<results>/c2s/evals/perturbation.parquet",
    screen="<results>/c2s/evals/screen.scores.parquet",
    truth=c2s_plan.truth(C2S),
    size=C2S["base"]["size"],
    hits=C2S["screen"]["hits"],
)
figure("c2s", "rank", fit="<results>/c2s/data/rank_fit.json", pairs="<results>/c2s/data/rank_fit.pairs.parquet")
figure("c2s", "scaling", scores=c2s_plan.scaling(C2S))
if c2s_plan.is_trained(C2S):  # there is no course of training of released models
    figure("c2s", "samples", logs=c2s_plan.pretraining_logs(C2S, c2s_plan.sizes(C2S)))
figure(
    "c2s",
    "annotation",
    predictions=C2S_ANNOTATED,
    matches="<results>/c2s/evals/foscttm.parquet",
    coordinates="<results>/c2s/evals/umap.annotation.parquet",
)
figure("c2s", "tissue", scores=c2s_plan.scaling(C2S), baselines="<results>/c2s/evals/reference.baselines.parquet")
figure("c2s", "spatial", answers="<results>/c2s/evals/spatial.parquet")
figure("c2s", "perturbation", scores="<results>/c2s/evals/perturbation.parquet")
figure("c2s", "cells", coordinates="<results>/c2s/evals/umap.cells.parquet")
figure("c2s", "grpo", scores="<results>/c2s/evals/perturbation.parquet", logs=c2s_plan.all_rewarded(C2S, ".json"))
if c2s_plan.truth(C2S):  # nothing is planted in real drugs
    figure(
        "c2s",
        "screen",
        screen="<results>/c2s/evals/screen.scores.parquet",
        truth=c2s_plan.truth(C2S),
        hits=C2S["screen"]["hits"],
    )
claims(
    "c2s",
    fit="<results>/c2s/data/rank_fit.json",
    scaling=c2s_plan.scaling(C2S),
    logs=c2s_plan.pretraining_logs(C2S, [C2S["base"]["size"]]),
    annotation=C2S_ANNOTATED,
    matches="<results>/c2s/evals/foscttm.parquet",
    spatial="<results>/c2s/evals/spatial.parquet",
    perturbation="<results>/c2s/evals/perturbation.parquet",
    screen="<results>/c2s/evals/screen.scores.parquet",
    truth=c2s_plan.truth(C2S),
    hits=C2S["screen"]["hits"],
)
