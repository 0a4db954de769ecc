"""C2S-Scale, data: reference cells, simulated experiments, processed cells, rank fit and corpora."""


rule c2s_fetch_data:
    output:
        file="<results>/c2s/sources/{dataset}.h5ad",
        record="<results>/c2s/sources/{dataset}.json",
    log:
        "<results>/c2s/logs/fetch-{dataset}.log",
    wildcard_constraints:
        dataset="reference|cytokine|spatial|drugs",
    resources:
        **resources_for(config, "data", "c2s_fetch_data"),
    params:
        code=source_digest("raw2fig.fetch.files"),
        # the checksum of the first download stays when the file is fetched again
        pin=subpath(output.record, strip_suffix=".json"),
        origin=lambda wildcards: origin(C2S[wildcards.dataset]),
    shell:
        "raw2fig fetch file {params.origin} --output {output.file} --record {output.record} "
        "--pin {params.pin}.pin.json &> {log}"


rule c2s_reference:
    input:
        path=c2s_file("reference"),
        labels=C2S["reference"].get("labels") or [],
    output:
        raw="<results>/c2s/data/reference.raw.h5ad",
    log:
        "<results>/c2s/logs/reference.log",
    resources:
        **resources_for(config, "data", "c2s_reference"),
    params:
        code=source_digest("raw2fig.papers.c2s.reference"),
        path=lambda wildcards, input: f"--source path {option('path', input.path)}" if input.path else "",
        reading=c2s_reading("reference"),
        test_share=C2S["reference"]["test_share"],
        organism=C2S["organism"],
    shell:
        "raw2fig c2s reference {params.path} {params.reading} --organism {params.organism} "
        "--test-share {params.test_share} --raw {output.raw} &> {log}"


rule c2s_panel:
    input:
        raw="<results>/c2s/data/reference.raw.h5ad",
        programmes=C2S["programmes"],
    output:
        panel="<results>/c2s/data/panel.json",
    log:
        "<results>/c2s/logs/panel.log",
    resources:
        **resources_for(config, "data", "c2s_panel"),
    params:
        code=source_digest("raw2fig.papers.c2s.preprocess"),
        size=C2S["panel"],
    shell:
        "raw2fig c2s panel --raw {input.raw} --programmes {input.programmes:q} --size {params.size} "
        "--panel {output.panel} &> {log}"


# Experiments are simulated from real cells with planted effects, or read from files.
if "cytokine" in C2S_SIMULATED:

    rule c2s_cytokine:
        input:
            raw="<results>/c2s/data/reference.raw.h5ad",
            effects=C2S["effects"],
        output:
            raw="<results>/c2s/data/cytokine.raw.h5ad",
            oracle="<results>/c2s/data/oracle.raw.h5ad",
            truth="<results>/c2s/data/cytokine.truth.json",
        log:
            "<results>/c2s/logs/cytokine.log",
        resources:
            **resources_for(config, "data", "c2s_cytokine"),
        params:
            code=source_digest("raw2fig.papers.c2s.cytokines"),
            n_train=C2S["cytokine"]["n_train"],
            n_test=C2S["cytokine"]["n_test"],
        shell:
            "raw2fig c2s simulate-cytokines --raw {input.raw} --effects {input.effects:q} --n-train {params.n_train} "
            "--n-test {params.n_test} --cytokine {output.raw} --oracle {output.oracle} --truth {output.truth} &> {log}"


if "spatial" in C2S_SIMULATED:

    rule c2s_spatial:
        input:
            raw="<results>/c2s/data/reference.raw.h5ad",
            effects=C2S["effects"],
        output:
            raw="<results>/c2s/data/spatial.raw.h5ad",
        log:
            "<results>/c2s/logs/spatial.log",
        resources:
            **resources_for(config, "data", "c2s_spatial"),
        params:
            code=source_digest("raw2fig.papers.c2s.tissue"),
            cells=C2S["spatial"]["cells"],
            radius=C2S["spatial"]["radius"],
        shell:
            "raw2fig c2s simulate-tissue --raw {input.raw} --effects {input.effects:q} --cells {params.cells} "
            "--radius {params.radius} --spatial {output.raw} &> {log}"


if "drugs" in C2S_SIMULATED:

    rule c2s_drugs:
        input:
            raw="<results>/c2s/data/reference.raw.h5ad",
            effects=C2S["effects"],
            programmes=C2S["programmes"],
        output:
            raw="<results>/c2s/data/drugs.raw.h5ad",
            truth="<results>/c2s/data/drugs.truth.json",
        log:
            "<results>/c2s/logs/drugs.log",
        resources:
            **resources_for(config, "data", "c2s_drugs"),
        params:
            code=source_digest("raw2fig.papers.c2s.drugs"),
            n_train=C2S["drugs"]["n_train"],
            n_test=C2S["drugs"]["n_test"],
            programme=C2S["screen"]["programme"],
        shell:
            "raw2fig c2s simulate-drugs --raw {input.raw} --effects {input.effects:q} --programmes {input.programmes:q} "
            "--programme {params.programme} --n-train {params.n_train} --n-test {params.n_test} "
            "--drugs {output.raw} --truth {output.truth} &> {log}"


if C2S_REAL:

    rule c2s_experiment:
        input:
            path=lambda wildcards: c2s_file(wildcards.dataset),
            labels=lambda wildcards: C2S[wildcards.dataset].get("labels") or [],
        output:
            raw="<results>/c2s/data/{dataset}.raw.h5ad",
        log:
            "<results>/c2s/logs/{dataset}.log",
        wildcard_constraints:
            dataset="|".join(C2S_REAL),
        resources:
            **resources_for(config, "data", "c2s_experiment"),
        params:
            code=source_digest("raw2fig.papers.c2s.reference"),
            reading=lambda wildcards: c2s_reading(wildcards.dataset),
            organism=C2S["organism"],
        shell:
            "raw2fig c2s reference --source path --path {input.path:q} {params.reading} --organism {params.organism} "
            "--raw {output.raw} &> {log}"


rule c2s_preprocess:
    input:
        raw="<results>/c2s/data/{dataset}.raw.h5ad",
        panel="<results>/c2s/data/panel.json",
        # the held-out design applies to cytokine cells alone
        tiers=lambda wildcards: C2S["tiers"]["path"] if wildcards.dataset in ("cytokine", "oracle") else [],
    output:
        cells="<results>/c2s/data/{dataset}.h5ad",
        vocabulary="<results>/c2s/data/{dataset}.vocab.json",
    log:
        "<results>/c2s/logs/preprocess-{dataset}.log",
    wildcard_constraints:
        dataset="reference|cytokine|oracle|spatial|drugs",
    resources:
        **resources_for(config, "data", "c2s_preprocess"),
    params:
        code=source_digest("raw2fig.papers.c2s.preprocess"),
        settings=flags(C2S["preprocess"]),
        tiers=lambda wildcards, input: (
            flags({"tiers": input.tiers, "design": C2S["tiers"]["design"]}) if input.tiers else ""
        ),
    shell:
        "raw2fig c2s preprocess --raw {input.raw} --panel {input.panel} {params.settings} {params.tiers} "
        "--cells {output.cells} --vocabulary {output.vocabulary} &> {log}"


rule c2s_all_genes:
    input:
        raw="<results>/c2s/data/reference.raw.h5ad",
    output:
        cells="<results>/c2s/data/reference.all.h5ad",
        vocabulary="<results>/c2s/data/reference.all.vocab.json",
    log:
        "<results>/c2s/logs/all-genes.log",
    resources:
        **resources_for(config, "data", "c2s_all_genes"),
    params:
        code=source_digest("raw2fig.papers.c2s.preprocess"),
        settings=flags(C2S["preprocess"]),
    shell:
        "raw2fig c2s preprocess --raw {input.raw} {params.settings} "
        "--cells {output.cells} --vocabulary {output.vocabulary} &> {log}"


rule c2s_rank_fit:
    input:
        cells="<results>/c2s/data/reference.all.h5ad",
    output:
        fit="<results>/c2s/data/rank_fit.json",
        pairs="<results>/c2s/data/rank_fit.pairs.parquet",
    log:
        "<results>/c2s/logs/rank-fit.log",
    resources:
        **resources_for(config, "data", "c2s_rank_fit"),
    params:
        code=source_digest("raw2fig.papers.c2s.inverse"),
        max_log_rank=C2S["rank_fit"]["max_log_rank"],
    shell:
        "raw2fig c2s rank-fit --cells {input.cells} --max-log-rank {params.max_log_rank} "
        "--fit {output.fit} --pairs {output.pairs} &> {log}"


rule c2s_panel_fit:
    input:
        cells="<results>/c2s/data/reference.h5ad",
    output:
        fit="<results>/c2s/data/panel_fit.json",
        pairs="<results>/c2s/data/panel_fit.pairs.parquet",
    log:
        "<results>/c2s/logs/panel-fit.log",
    resources:
        **resources_for(config, "data", "c2s_panel_fit"),
    params:
        code=source_digest("raw2fig.papers.c2s.inverse"),
        max_log_rank=C2S["rank_fit"]["max_log_rank"],
    shell:
        "raw2fig c2s rank-fit --cells {input.cells} --max-log-rank {params.max_log_rank} "
        "--fit {output.fit} --pairs {output.pairs} &> {log}"


rule c2s_corpus_reference:
    input:
        cells="<results>/c2s/data/reference.h5ad",
        panel="<results>/c2s/data/panel.json",
    output:
        corpus="<results>/c2s/data/corpus.reference.parquet",
    log:
        "<results>/c2s/logs/corpus-reference.log",
    resources:
        **resources_for(config, "data", "c2s_corpus_reference"),
    params:
        code=source_digest("raw2fig.papers.c2s.corpus_reference"),
        samples=samples(C2S["pretrain"]["samples"]),
        test_samples=C2S["pretrain"]["test_samples"],
        sentence=C2S["sentence"],
        organism=C2S["organism"],
    shell:
        "raw2fig c2s corpus-reference --cells {input.cells} --panel {input.panel} --samples {params.samples} "
        "--test-samples {params.test_samples} --top {params.sentence[top]} --multi-top {params.sentence[multi_top]} "
        "--multi-cells {params.sentence[multi_cells]} --style {params.sentence[style]} --organism {params.organism} "
        "--corpus {output.corpus} &> {log}"


rule c2s_corpus_cytokine:
    input:
        cells="<results>/c2s/data/cytokine.h5ad",
    output:
        corpus="<results>/c2s/data/corpus.cytokine.parquet",
    log:
        "<results>/c2s/logs/corpus-cytokine.log",
    resources:
        **resources_for(config, "data", "c2s_corpus_cytokine"),
    params:
        code=source_digest("raw2fig.papers.c2s.corpus_cytokines"),
        samples=samples(C2S["perturbation"]["samples"]),
        sentence=C2S["sentence"],
        organism=C2S["organism"],
    shell:
        "raw2fig c2s corpus-cytokines --cells {input.cells} --samples {params.samples} --top {params.sentence[top]} "
        "--style {params.sentence[style]} --organism {params.organism} --corpus {output.corpus} &> {log}"


rule c2s_corpus_spatial:
    input:
        cells="<results>/c2s/data/spatial.h5ad",
        effects=C2S["effects"],
    output:
        corpora=expand("<results>/c2s/data/corpus.spatial-{prior}.parquet", prior=C2S_PRIORS),
    log:
        "<results>/c2s/logs/corpus-spatial.log",
    resources:
        **resources_for(config, "data", "c2s_corpus_spatial"),
    params:
        code=source_digest("raw2fig.papers.c2s.corpus_tissue"),
        priors=C2S_PRIORS,
        samples=samples(C2S["spatial_sft"]["samples"]),
        sft=C2S["spatial_sft"],
        radius=C2S["spatial"]["radius"],
        sentence=C2S["sentence"],
        organism=C2S["organism"],
    shell:
        "raw2fig c2s corpus-tissue --cells {input.cells} --effects {input.effects:q} --priors {params.priors} "
        "--samples {params.samples} --test-samples {params.sft[test_samples]} --count {params.sft[cells]} "
        "--top {params.sentence[top]} --multi-top {params.sft[top]} --radius {params.radius} "
        "--style {params.sentence[style]} --organism {params.organism} --corpora {output.corpora} &> {log}"


rule c2s_corpus_drugs:
    input:
        cells="<results>/c2s/data/drugs.h5ad",
    output:
        corpus="<results>/c2s/data/corpus.drugs.parquet",
    log:
        "<results>/c2s/logs/corpus-drugs.log",
    resources:
        **resources_for(config, "data", "c2s_corpus_drugs"),
    params:
        code=source_digest("raw2fig.papers.c2s.corpus_drugs"),
        samples=C2S["screen"]["samples"],
        sentence=C2S["sentence"],
        organism=C2S["organism"],
    shell:
        "raw2fig c2s corpus-drugs --cells {input.cells} --samples {params.samples} --top {params.sentence[top]} "
        "--style {params.sentence[style]} --organism {params.organism} --corpus {output.corpus} &> {log}"


rule c2s_embedder:
    input:
        cells="<results>/c2s/data/cytokine.h5ad",
        fit="<results>/c2s/data/panel_fit.json",
    output:
        model="<results>/c2s/data/embedder.npz",
    log:
        "<results>/c2s/logs/embedder.log",
    resources:
        **resources_for(config, "data", "c2s_embedder"),
    params:
        code=source_digest("raw2fig.papers.c2s.embedder"),
        top=C2S["sentence"]["top"],
        dim=C2S["perturbation"]["embedding"],
    shell:
        "raw2fig c2s embedder --cells {input.cells} --fit {input.fit} --top {params.top} --dim {params.dim} "
        "--model {output.model} &> {log}"


TARGETS["data"] += [
    "<results>/c2s/data/rank_fit.json",
    "<results>/c2s/data/panel_fit.json",
    "<results>/c2s/data/embedder.npz",
    "<results>/c2s/data/reference.h5ad",
    "<results>/c2s/data/drugs.h5ad",
    *C2S_ORACLE,
    *C2S_CORPORA,
]
