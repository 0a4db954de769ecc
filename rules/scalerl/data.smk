"""ScaleRL, data: problems with checkable answers in disjoint splits."""

if SCALERL_MADE:

    rule scalerl_sums:
        output:
            problems="<results>/scalerl/data/math.parquet",
        log:
            "<results>/scalerl/logs/sums.log",
        resources:
            **resources_for(config, "data", "scalerl_sums"),
        params:
            code=source_digest("raw2fig.papers.scalerl.problems"),
            sizes=flags(SCALERL["problems"]["math"], "digits", *SPLITS, "seed"),
        shell:
            "raw2fig scalerl sums {params.sizes} --problems {output.problems} &> {log}"

    rule scalerl_programs:
        output:
            problems="<results>/scalerl/data/code.parquet",
        log:
            "<results>/scalerl/logs/programs.log",
        resources:
            **resources_for(config, "data", "scalerl_programs"),
        params:
            code=source_digest("raw2fig.papers.scalerl.problems"),
            sizes=flags(SCALERL["problems"]["code"], "operations", "examples", *SPLITS, "seed"),
        shell:
            "raw2fig scalerl programs {params.sizes} --problems {output.problems} &> {log}"

else:

    rule scalerl_fetch_problems:
        output:
            file="<results>/scalerl/sources/{part}",
            record="<results>/scalerl/sources/{part}.json",
        log:
            "<results>/scalerl/logs/fetch-{part}.log",
        wildcard_constraints:
            part="|".join(map(re.escape, SCALERL_PARTS)) or "none",
        resources:
            **resources_for(config, "data", "scalerl_fetch_problems"),
        params:
            code=source_digest("raw2fig.fetch.files"),
            # the checksum of the first download stays when the file is fetched again
            pin=subpath(output.record, strip_suffix=".json"),
            origin=lambda wildcards: origin(SCALERL_PARTS[wildcards.part]),
        shell:
            "raw2fig fetch file {params.origin} --output {output.file} --record {output.record} "
            "--pin {params.pin}.pin.json &> {log}"

    rule scalerl_polaris:
        input:
            rows=scalerl_rows("math"),
            template="config/scalerl/prompt_math.txt",
        output:
            problems="<results>/scalerl/data/math.parquet",
            manifest="<results>/scalerl/data/math.json",
        log:
            "<results>/scalerl/logs/polaris.log",
        resources:
            **resources_for(config, "data", "scalerl_polaris"),
        params:
            code=source_digest("raw2fig.papers.scalerl.polaris"),
            sizes=flags(SCALERL["problems"]["math"], *SPLITS[1:], "seed"),
            sha256=scalerl_checksums("math"),
        shell:
            "raw2fig scalerl polaris --rows {input.rows:q} --template {input.template} {params.sizes} {params.sha256} "
            "--problems {output.problems} --manifest {output.manifest} &> {log}"

    rule scalerl_deepcoder:
        input:
            rows=scalerl_rows("code"),
            template="config/scalerl/prompt_code.txt",
        output:
            problems="<results>/scalerl/data/code.parquet",
            manifest="<results>/scalerl/data/code.json",
        log:
            "<results>/scalerl/logs/deepcoder.log",
        resources:
            **resources_for(config, "data", "scalerl_deepcoder"),
        params:
            code=source_digest("raw2fig.papers.scalerl.deepcoder"),
            sizes=flags(SCALERL["problems"]["code"], *SPLITS[1:], "seed"),
            sha256=scalerl_checksums("code"),
        shell:
            "raw2fig scalerl deepcoder --rows {input.rows:q} --template {input.template} {params.sizes} {params.sha256} "
            "--problems {output.problems} --manifest {output.manifest} &> {log}"


TARGETS["data"] += expand("<results>/scalerl/data/{domain}.parquet", domain=SCALERL["problems"])
