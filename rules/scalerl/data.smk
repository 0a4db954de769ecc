"""ScaleRL, data: problems with checkable answers in disjoint splits."""

if SCALERL_SUMS:

    rule scalerl_sums:
        output:
            problems="<results>/scalerl/data/math.parquet",
        log:
            "<results>/scalerl/logs/sums.log",
        resources:
            **resources_for(config, "data", "scalerl_sums"),
        params:
            code=source_digest("raw2fig.papers.scalerl.problems"),
            sizes=scalerl_flags(SCALERL["problems"]["math"], "digits", *SPLITS),
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
            sizes=scalerl_flags(SCALERL["problems"]["code"], "operations", "examples", *SPLITS),
        shell:
            "raw2fig scalerl programs {params.sizes} --problems {output.problems} &> {log}"

else:

    rule scalerl_fetch_problems:
        output:
            file="<results>/scalerl/sources/problems.jsonl",
            record="<results>/scalerl/sources/problems.json",
        log:
            "<results>/scalerl/logs/fetch-problems.log",
        resources:
            **resources_for(config, "data", "scalerl_fetch_problems"),
        params:
            code=source_digest("raw2fig.fetch.files"),
            # the checksum of the first download stays when the file is fetched again
            pin=subpath(output.record, strip_suffix=".json"),
            origin=origin(SCALERL["problems"]),
        shell:
            "raw2fig fetch file {params.origin} --output {output.file} --record {output.record} "
            "--pin {params.pin}.pin.json &> {log}"

    rule scalerl_polaris:
        input:
            rows=(
                SCALERL["problems"]["path"]
                if SCALERL["problems"]["source"] == "path"
                else "<results>/scalerl/sources/problems.jsonl"
            ),
            template="config/scalerl/prompt.txt",
        output:
            problems="<results>/scalerl/data/problems.parquet",
            manifest="<results>/scalerl/data/split.json",
        log:
            "<results>/scalerl/logs/polaris.log",
        resources:
            **resources_for(config, "data", "scalerl_polaris"),
        params:
            code=source_digest("raw2fig.papers.scalerl.polaris"),
            sizes=scalerl_flags(SCALERL["problems"], "train", "validation", "held_out"),
            # the checksum of a file that was fetched is checked where it is fetched
            sha256=scalerl_flags(SCALERL["problems"], "sha256") if SCALERL["problems"]["source"] == "path" else "",
        shell:
            "raw2fig scalerl polaris --rows {input.rows} --template {input.template} {params.sizes} {params.sha256} "
            "--problems {output.problems} --manifest {output.manifest} &> {log}"


TARGETS["data"] += expand("<results>/scalerl/data/{domain}.parquet", domain=SCALERL["problems"])
