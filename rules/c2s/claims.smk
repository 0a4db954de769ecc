"""C2S-Scale, claims: every claim of the paper with its verdict."""


rule c2s_claims:
    input:
        published="config/published/c2s.yaml",
        fit="<results>/c2s/data/rank_fit.json",
        scaling=expand("<results>/c2s/evals/scaling-s{seed}.parquet", seed=C2S_PRETRAINED_SEEDS),
        logs=(
            expand(f"<results>/c2s/models/pretrain/{C2S['base']['size']}-s{{seed}}.json", seed=C2S["seeds"])
            if C2S_TRAINED
            else []
        ),
        annotation=["<results>/c2s/evals/annotation.parquet", "<results>/c2s/evals/annotation.baselines.parquet"],
        foscttm="<results>/c2s/evals/foscttm.parquet",
        spatial="<results>/c2s/evals/spatial.parquet",
        perturbation="<results>/c2s/evals/perturbation.parquet",
        screen="<results>/c2s/evals/screen.scores.parquet",
        truth="<results>/c2s/data/drugs.truth.json" if "drugs" in C2S_SIMULATED else [],
    output:
        claims="<results>/c2s/claims.json",
    log:
        "<results>/c2s/logs/claims.log",
    resources:
        **resources_for(config, "light", "c2s_claims"),
    params:
        code=source_digest("raw2fig.papers.c2s.claims"),
        scale=config["scale"],
        margin=C2S["screen"]["margin"],
        logs=lambda wildcards, input: option("logs", input.logs),
        truth=lambda wildcards, input: option("truth", input.truth),
    shell:
        "raw2fig c2s claims --published {input.published} --fit {input.fit} --scaling {input.scaling} "
        "{params.logs} --annotation {input.annotation} --foscttm {input.foscttm} --spatial {input.spatial} "
        "--perturbation {input.perturbation} --screen {input.screen} {params.truth} "
        "--scale {params.scale} --margin {params.margin} --claims {output.claims} &> {log}"


CLAIMS["c2s"] = "<results>/c2s/claims.json"
FETCHED["c2s"] = C2S_FETCHED
TARGETS["figures"] += ["<results>/c2s/claims.json", "<results>/c2s/tables/paper_vs_run.md"]
