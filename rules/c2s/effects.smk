"""C2S-Scale: tissue with weaker and stronger planted effects, and what is recognised in it (claim C6)."""

EFFECT = "<results>/c2s/r{replicate}/effects/{effect}"


rule c2s_effect_tissue:
    input:
        raw="<results>/c2s/data/reference.raw.h5ad",
        effects=C2S["effects"],
    output:
        raw=f"{EFFECT}/spatial.raw.h5ad",
    log:
        "<results>/c2s/r{replicate}/logs/spatial-{effect}.log",
    resources:
        **resources_for(config, "data", "c2s_effect_tissue"),
    params:
        code=step_digest("c2s", "simulate-tissue"),
        cells=C2S["spatial"]["simulation"]["cells"],
        neighbourhood=flags(C2S["spatial"]["neighbourhood"]),
    shell:
        "raw2fig c2s simulate-tissue --raw {input.raw} --effects {input.effects:q} --cells {params.cells} "
        "--effect-scale {wildcards.effect} {params.neighbourhood} --replicate {wildcards.replicate} "
        "--spatial {output.raw} &> {log}"


use rule c2s_preprocess as c2s_effect_preprocess with:
    input:
        raw=f"{EFFECT}/spatial.raw.h5ad",
        panel="<results>/c2s/data/panel.json",
        tiers=[],
    output:
        cells=f"{EFFECT}/spatial.h5ad",
        vocabulary=f"{EFFECT}/spatial.vocab.json",
    log:
        "<results>/c2s/r{replicate}/logs/preprocess-spatial-{effect}.log",


rule c2s_effect_corpus:
    input:
        cells=f"{EFFECT}/spatial.h5ad",
        effects=C2S["effects"],
    output:
        corpora=f"{EFFECT}/corpus.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/corpus-spatial-{effect}.log",
    resources:
        **resources_for(config, "data", "c2s_effect_corpus"),
    params:
        code=step_digest("c2s", "corpus-tissue"),
        size=flags(C2S["spatial_sft"]["corpus"]),
        neighbourhood=flags(C2S["spatial"]["neighbourhood"]),
        sentence=flags(C2S["sentence"]),
        wording=flags(C2S["wording"]),
    shell:
        "raw2fig c2s corpus-tissue --cells {input.cells} --effects {input.effects:q} --priors none "
        "{params.size} {params.neighbourhood} {params.sentence} {params.wording} "
        "--replicate {wildcards.replicate} --corpora {output.corpora} &> {log}"


use rule c2s_sft_spatial as c2s_effect_sft with:
    input:
        corpora=f"{EFFECT}/corpus.parquet",
        base=c2s_plan.base(C2S, "spatial_sft"),
    output:
        models=directory(f"{EFFECT}/none"),
        logs=f"{EFFECT}/none.json",
    log:
        "<results>/c2s/r{replicate}/logs/sft-spatial-{effect}.log",


use rule c2s_answer_spatial as c2s_effect_answer with:
    input:
        models=f"{EFFECT}/none",
        corpora=f"{EFFECT}/corpus.parquet",
    output:
        answers=f"{EFFECT}/answers.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/answer-spatial-{effect}.log",


use rule c2s_neighbourhood_baseline as c2s_effect_baseline with:
    input:
        corpus=f"{EFFECT}/corpus.parquet",
    output:
        answers=f"{EFFECT}/baseline.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/neighbourhood-baseline-{effect}.log",


TARGETS["evals"] += c2s_plan.planted(C2S, "answers") + c2s_plan.planted(C2S, "baseline")
