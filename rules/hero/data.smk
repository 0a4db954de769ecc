"""HERO, data: problems, the sets that are easy, hard and both to verify, and the benchmark of verifiers."""


rule hero_problems:
    output:
        problems="<results>/hero/data/problems.parquet",
        tokenizer=directory("<results>/hero/data/tokenizer"),
    log:
        "<results>/hero/logs/problems.log",
    resources:
        **resources_for(config, "light", "hero_problems"),
    params:
        code=source_digest("raw2fig.papers.hero.problems"),
        sizes=hero_flags("problems", "digits", "warm_start", "train", "validation", "held_out"),
    shell:
        "raw2fig hero problems {params.sizes} --problems {output.problems} --tokenizer {output.tokenizer} &> {log}"


rule hero_stratify:
    input:
        problems="<results>/hero/data/problems.parquet",
    output:
        easy="<results>/hero/data/easy.parquet",
        mixed="<results>/hero/data/mixed.parquet",
        hard="<results>/hero/data/hard.parquet",
        report="<results>/hero/data/regimes.json",
    log:
        "<results>/hero/logs/stratify.log",
    resources:
        **resources_for(config, "data", "hero_stratify"),
    params:
        code=source_digest("raw2fig.papers.hero.regimes"),
        regimes=hero_flags("regimes", "size", "words"),
        verifier=HERO["verifier"],
        reading=HERO["reading"],
    shell:
        "raw2fig hero stratify --pool {input.problems} --held-out {input.problems} --verifier {params.verifier} "
        "--reading {params.reading} {params.regimes} --easy {output.easy} --mixed {output.mixed} --hard {output.hard} "
        "--report {output.report} &> {log}"


TARGETS["data"] += ["<results>/hero/data/regimes.json"]
