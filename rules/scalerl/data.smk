"""ScaleRL, data: problems with checkable answers in disjoint splits."""

if SCALERL_SUMS:

    rule scalerl_problems:
        output:
            problems="<results>/scalerl/data/problems.parquet",
            tokenizer=directory("<results>/scalerl/models/tokenizer"),
        log:
            "<results>/scalerl/logs/problems.log",
        resources:
            **resources_for(config, "data", "scalerl_problems"),
        params:
            code=source_digest("raw2fig.papers.scalerl.problems"),
            problems=scalerl_flags(SCALERL["problems"], "digits", "warm_start", "train", "validation", "held_out"),
        shell:
            "raw2fig scalerl problems {params.problems} --problems {output.problems} --tokenizer {output.tokenizer} &> {log}"

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


TARGETS["data"].append("<results>/scalerl/data/problems.parquet")
