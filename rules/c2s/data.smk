"""C2S-Scale, data: reference cells, simulated experiments, processed cells, rank fit and corpora.

Real data are there once. What is simulated, and all samples, are drawn in each replicate."""


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
        code=step_digest("fetch", "file"),
        # the checksum of the first download stays when the file is fetched again
        pin=subpath(output.record, strip_suffix=".json"),
        origin=lambda wildcards: origin(C2S[wildcards.dataset]),
    shell:
        "raw2fig fetch file {params.origin} --output {output.file} --record {output.record} "
        "--pin {params.pin}.pin.json &> {log}"


rule c2s_reference:
    input:
        path=c2s_plan.data_file(C2S, "reference"),
        labels=C2S["reference"]["labels"] or [],
    output:
        raw="<results>/c2s/data/reference.raw.h5ad",
    log:
        "<results>/c2s/logs/reference.log",
    resources:
        **resources_for(config, "data", "c2s_reference"),
    params:
        code=step_digest("c2s", "reference"),
        files=lambda wildcards, input: flags({name: path for name, path in input.items() if path}),
        checks=flags(c2s_plan.checks(C2S, "reference")),
        reading=flags(C2S["reference"]["reading"]),
        split=flags(C2S["reference"]["split"]),
    shell:
        "raw2fig c2s reference {params.files} {params.checks} {params.reading} {params.split} "
        "--raw {output.raw} &> {log}"


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
        code=step_digest("c2s", "panel"),
        choice=flags(C2S["panel"]),
    shell:
        "raw2fig c2s panel --raw {input.raw} --programmes {input.programmes:q} {params.choice} "
        "--panel {output.panel} &> {log}"


# Experiments are simulated from real cells with planted effects, or read from files.
if "cytokine" in c2s_plan.simulated(C2S):

    rule c2s_cytokine:
        input:
            raw="<results>/c2s/data/reference.raw.h5ad",
            effects=C2S["effects"],
        output:
            raw="<results>/c2s/r{replicate}/data/cytokine.raw.h5ad",
            oracle="<results>/c2s/r{replicate}/data/oracle.raw.h5ad",
            truth="<results>/c2s/r{replicate}/data/cytokine.truth.json",
        log:
            "<results>/c2s/r{replicate}/logs/cytokine.log",
        resources:
            **resources_for(config, "data", "c2s_cytokine"),
        params:
            code=step_digest("c2s", "simulate-cytokines"),
            simulation=flags(C2S["cytokine"]["simulation"]),
        shell:
            "raw2fig c2s simulate-cytokines --raw {input.raw} --effects {input.effects:q} {params.simulation} "
            "--replicate {wildcards.replicate} --cytokine {output.raw} --oracle {output.oracle} --truth {output.truth} &> {log}"


if "spatial" in c2s_plan.simulated(C2S):

    rule c2s_spatial:
        input:
            raw="<results>/c2s/data/reference.raw.h5ad",
            effects=C2S["effects"],
        output:
            raw="<results>/c2s/r{replicate}/data/spatial.raw.h5ad",
        log:
            "<results>/c2s/r{replicate}/logs/spatial.log",
        resources:
            **resources_for(config, "data", "c2s_spatial"),
        params:
            code=step_digest("c2s", "simulate-tissue"),
            simulation=flags(C2S["spatial"]["simulation"]),
            neighbourhood=flags(C2S["spatial"]["neighbourhood"]),
        shell:
            "raw2fig c2s simulate-tissue --raw {input.raw} --effects {input.effects:q} {params.simulation} "
            "{params.neighbourhood} --replicate {wildcards.replicate} --spatial {output.raw} &> {log}"


if "drugs" in c2s_plan.simulated(C2S):

    rule c2s_drugs:
        input:
            raw="<results>/c2s/data/reference.raw.h5ad",
            effects=C2S["effects"],
            programmes=C2S["programmes"],
        output:
            raw="<results>/c2s/r{replicate}/data/drugs.raw.h5ad",
            truth="<results>/c2s/r{replicate}/data/drugs.truth.json",
        log:
            "<results>/c2s/r{replicate}/logs/drugs.log",
        resources:
            **resources_for(config, "data", "c2s_drugs"),
        params:
            code=step_digest("c2s", "simulate-drugs"),
            simulation=flags(C2S["drugs"]["simulation"]),
            scored=flags(C2S["screen"]["scored"]),
        shell:
            "raw2fig c2s simulate-drugs --raw {input.raw} --effects {input.effects:q} --programmes {input.programmes:q} "
            "{params.simulation} {params.scored} --replicate {wildcards.replicate} "
            "--drugs {output.raw} --truth {output.truth} &> {log}"


# a rule, so that the plan lists what needs the file; only where it is not there, so that no run can remove it
for dataset, path in C2S_MISSING.items():

    rule:
        name:
            f"c2s_by_hand_{dataset}"
        output:
            path,
        localrule: True
        params:
            missing=f"c2s.{dataset}.path: {path} is not there; expected {C2S[dataset]['by_hand']}",
        shell:
            "echo raw2fig: {params.missing:q} >&2; exit 2"


if c2s_plan.real(C2S):

    rule c2s_experiment:
        input:
            path=lambda wildcards: c2s_plan.data_file(C2S, wildcards.dataset),
            labels=lambda wildcards: C2S[wildcards.dataset]["labels"] or [],
        output:
            raw="<results>/c2s/data/{dataset}.raw.h5ad",
        log:
            "<results>/c2s/logs/{dataset}.log",
        wildcard_constraints:
            dataset="|".join(c2s_plan.real(C2S)),
        resources:
            **resources_for(config, "data", "c2s_experiment"),
        params:
            code=step_digest("c2s", "reference"),
            files=lambda wildcards, input: flags({name: path for name, path in input.items() if path}),
            checks=lambda wildcards: flags(c2s_plan.checks(C2S, wildcards.dataset)),
            reading=lambda wildcards: flags(C2S[wildcards.dataset]["reading"]),
            split=flags(C2S["reference"]["split"]),
        shell:
            "raw2fig c2s reference {params.files} {params.checks} {params.reading} {params.split} "
            "--raw {output.raw} &> {log}"


rule c2s_preprocess:
    input:
        raw="<results>/c2s/data/{dataset}.raw.h5ad",
        panel="<results>/c2s/data/panel.json",
        tiers=lambda wildcards: C2S["tiers"] if c2s_plan.has_tiers(wildcards.dataset) else [],
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
        code=step_digest("c2s", "preprocess"),
        filters=flags(C2S["preprocess"]),
        split=flags(C2S["reference"]["split"]),
        held_out=lambda wildcards, input: flags({"tiers": input.tiers, **C2S["held_out"]}) if input.tiers else "",
    shell:
        "raw2fig c2s preprocess --raw {input.raw} --panel {input.panel} {params.filters} {params.split} "
        "{params.held_out} --cells {output.cells} --vocabulary {output.vocabulary} &> {log}"


use rule c2s_preprocess as c2s_preprocess_simulated with:
    input:
        raw="<results>/c2s/r{replicate}/data/{dataset}.raw.h5ad",
        panel="<results>/c2s/data/panel.json",
        tiers=lambda wildcards: C2S["tiers"] if c2s_plan.has_tiers(wildcards.dataset) else [],
    output:
        cells="<results>/c2s/r{replicate}/data/{dataset}.h5ad",
        vocabulary="<results>/c2s/r{replicate}/data/{dataset}.vocab.json",
    log:
        "<results>/c2s/r{replicate}/logs/preprocess-{dataset}.log",


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
        code=step_digest("c2s", "preprocess"),
        filters=flags(C2S["preprocess"]),
        split=flags(C2S["reference"]["split"]),
    shell:
        "raw2fig c2s preprocess --raw {input.raw} {params.filters} {params.split} "
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
        code=step_digest("c2s", "rank-fit"),
        settings=flags(C2S["rank_fit"]),
    shell:
        "raw2fig c2s rank-fit --cells {input.cells} {params.settings} "
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
        code=step_digest("c2s", "rank-fit"),
        settings=flags(C2S["rank_fit"]),
    shell:
        "raw2fig c2s rank-fit --cells {input.cells} {params.settings} "
        "--fit {output.fit} --pairs {output.pairs} &> {log}"


rule c2s_corpus_reference:
    input:
        cells="<results>/c2s/data/reference.h5ad",
        panel="<results>/c2s/data/panel.json",
    output:
        corpus="<results>/c2s/r{replicate}/data/corpus.reference.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/corpus-reference.log",
    resources:
        **resources_for(config, "data", "c2s_corpus_reference"),
    params:
        code=step_digest("c2s", "corpus-reference"),
        size=flags(C2S["pretrain"]["corpus"]),
        sentence=flags(C2S["sentence"]),
        multi_cell=flags(C2S["multi_cell"]),
        wording=flags(C2S["wording"]),
    shell:
        "raw2fig c2s corpus-reference --cells {input.cells} --panel {input.panel} {params.size} {params.sentence} "
        "{params.multi_cell} {params.wording} --replicate {wildcards.replicate} --corpus {output.corpus} &> {log}"


rule c2s_corpus_cytokine:
    input:
        cells=c2s_plan.cells(C2S, "cytokine"),
    output:
        corpus="<results>/c2s/r{replicate}/data/corpus.cytokine.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/corpus-cytokine.log",
    resources:
        **resources_for(config, "data", "c2s_corpus_cytokine"),
    params:
        code=step_digest("c2s", "corpus-cytokines"),
        size=flags(C2S["perturbation"]["corpus"]),
        sentence=flags(C2S["sentence"]),
        wording=flags(C2S["wording"]),
    shell:
        "raw2fig c2s corpus-cytokines --cells {input.cells} {params.size} {params.sentence} {params.wording} "
        "--replicate {wildcards.replicate} --corpus {output.corpus} &> {log}"


rule c2s_corpus_spatial:
    input:
        cells=c2s_plan.cells(C2S, "spatial"),
        effects=C2S["effects"],
    output:
        corpora=c2s_plan.spatial_corpora(C2S),
    log:
        "<results>/c2s/r{replicate}/logs/corpus-spatial.log",
    resources:
        **resources_for(config, "data", "c2s_corpus_spatial"),
    params:
        code=step_digest("c2s", "corpus-tissue"),
        priors=c2s_plan.priors(C2S),
        size=flags(C2S["spatial_sft"]["corpus"]),
        neighbourhood=flags(C2S["spatial"]["neighbourhood"]),
        sentence=flags(C2S["sentence"]),
        wording=flags(C2S["wording"]),
    shell:
        "raw2fig c2s corpus-tissue --cells {input.cells} --effects {input.effects:q} --priors {params.priors} "
        "{params.size} {params.neighbourhood} {params.sentence} {params.wording} "
        "--replicate {wildcards.replicate} --corpora {output.corpora} &> {log}"


rule c2s_corpus_drugs:
    input:
        cells=c2s_plan.cells(C2S, "drugs"),
    output:
        corpus="<results>/c2s/r{replicate}/data/corpus.drugs.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/corpus-drugs.log",
    resources:
        **resources_for(config, "data", "c2s_corpus_drugs"),
    params:
        code=step_digest("c2s", "corpus-drugs"),
        size=flags(C2S["screen"]["corpus"]),
        sentence=flags(C2S["sentence"]),
        wording=flags(C2S["wording"]),
    shell:
        "raw2fig c2s corpus-drugs --cells {input.cells} {params.size} {params.sentence} {params.wording} "
        "--replicate {wildcards.replicate} --corpus {output.corpus} &> {log}"


rule c2s_embedder:
    input:
        cells=c2s_plan.cells(C2S, "cytokine"),
        fit="<results>/c2s/data/panel_fit.json",
    output:
        model="<results>/c2s/r{replicate}/data/embedder.npz",
    log:
        "<results>/c2s/r{replicate}/logs/embedder.log",
    resources:
        **resources_for(config, "data", "c2s_embedder"),
    params:
        code=step_digest("c2s", "embedder"),
        sentence=flags(C2S["sentence"]),
        embedding=flags(C2S["perturbation"]["embedding"]),
    shell:
        "raw2fig c2s embedder --cells {input.cells} --fit {input.fit} {params.sentence} {params.embedding} "
        "--replicate {wildcards.replicate} --model {output.model} &> {log}"


TARGETS["data"] += c2s_plan.data(C2S)
