"""ScaleRL, data: problems with checkable answers in disjoint splits."""


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


TARGETS["data"].append("<results>/scalerl/data/problems.parquet")
