"""ScaleRL, data: problems with checkable answers in disjoint splits, which each replicate draws anew."""

if scalerl.is_procedural(SCALERL):

    rule scalerl_sums:
        output:
            problems="<results>/scalerl/r{replicate}/data/math.parquet",
        log:
            "<results>/scalerl/r{replicate}/logs/sums.log",
        resources:
            **resources_for(config, "data", "scalerl_sums"),
        params:
            code=step_digest("scalerl", "sums"),
            settings=flags(SCALERL["problems"]["sums"]),
        shell:
            "raw2fig scalerl sums {params.settings} --replicate {wildcards.replicate} --problems {output.problems} "
            "&> {log}"

    rule scalerl_programs:
        output:
            problems="<results>/scalerl/r{replicate}/data/code.parquet",
        log:
            "<results>/scalerl/r{replicate}/logs/programs.log",
        resources:
            **resources_for(config, "data", "scalerl_programs"),
        params:
            code=step_digest("scalerl", "programs"),
            settings=flags(SCALERL["problems"]["programs"]),
        shell:
            "raw2fig scalerl programs {params.settings} --replicate {wildcards.replicate} --problems {output.problems} "
            "&> {log}"

else:

    SCALERL_PARTS = scalerl.parts(SCALERL)

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
            code=step_digest("fetch", "file"),
            # the checksum of the first download stays when the file is fetched again
            pin=subpath(output.record, strip_suffix=".json"),
            origin=lambda wildcards: origin(SCALERL_PARTS[wildcards.part]),
        shell:
            "raw2fig fetch file {params.origin} --output {output.file} --record {output.record} "
            "--pin {params.pin}.pin.json &> {log}"

    rule scalerl_polaris:
        input:
            rows=scalerl.rows(SCALERL, "math"),
            template="config/scalerl/prompt_math.txt",
        output:
            problems="<results>/scalerl/r{replicate}/data/math.parquet",
            manifest="<results>/scalerl/r{replicate}/data/math.json",
        log:
            "<results>/scalerl/r{replicate}/logs/polaris.log",
        resources:
            **resources_for(config, "data", "scalerl_polaris"),
        params:
            code=step_digest("scalerl", "polaris"),
            splits=flags(SCALERL["problems"]["math"]["splits"]),
            sha256=option("sha256", scalerl.checksums(SCALERL, "math")),
        shell:
            "raw2fig scalerl polaris --rows {input.rows:q} --template {input.template} {params.splits} "
            "{params.sha256} --replicate {wildcards.replicate} --problems {output.problems} "
            "--manifest {output.manifest} &> {log}"

    rule scalerl_deepcoder:
        input:
            rows=scalerl.rows(SCALERL, "code"),
            template="config/scalerl/prompt_code.txt",
        output:
            problems="<results>/scalerl/r{replicate}/data/code.parquet",
            manifest="<results>/scalerl/r{replicate}/data/code.json",
        log:
            "<results>/scalerl/r{replicate}/logs/deepcoder.log",
        resources:
            **resources_for(config, "data", "scalerl_deepcoder"),
        params:
            code=step_digest("scalerl", "deepcoder"),
            splits=flags(SCALERL["problems"]["code"]["splits"]),
            sha256=option("sha256", scalerl.checksums(SCALERL, "code")),
        shell:
            "raw2fig scalerl deepcoder --rows {input.rows:q} --template {input.template} {params.splits} "
            "{params.sha256} --replicate {wildcards.replicate} --problems {output.problems} "
            "--manifest {output.manifest} &> {log}"


TARGETS["data"] += [path for replicate in SCALERL["replicates"] for path in scalerl.problems(scalerl.JOINT, replicate)]
