"""My Paper: stages in the order of a run, an example to replace."""

from raw2fig.papers.my_paper import plan as my_paper_plan

MY_PAPER = config["my_paper"]


rule my_paper_answers:
    output:
        answers="<results>/my_paper/r{replicate}/data/answers.parquet",
    log:
        "<results>/my_paper/r{replicate}/logs/answers.log",
    resources:
        **resources_for(config, "data", "my_paper_answers"),
    params:
        code=step_digest("my_paper", "answers"),
        crowd=flags(MY_PAPER["crowd"]),
    shell:
        "raw2fig my-paper answers {params.crowd} --replicate {wildcards.replicate} --answers {output.answers} &> {log}"


rule my_paper_evaluate:
    input:
        answers=my_paper_plan.answers(MY_PAPER),
    output:
        scores="<results>/my_paper/evals/scores.parquet",
    log:
        "<results>/my_paper/logs/evaluate.log",
    threads: threads_for(config, "generate", "my_paper_evaluate")
    resources:
        **resources_for(config, "generate", "my_paper_evaluate"),
    params:
        code=step_digest("my_paper", "evaluate"),
    shell:
        "raw2fig my-paper evaluate --answers {input.answers} --scores {output.scores} &> {log}"


figure("my_paper", "accuracy", scores="<results>/my_paper/evals/scores.parquet")
table("my_paper", "replicates", scores="<results>/my_paper/evals/scores.parquet")
claims("my_paper", scores="<results>/my_paper/evals/scores.parquet")

TARGETS["data"] += my_paper_plan.answers(MY_PAPER)
TARGETS["evals"] += ["<results>/my_paper/evals/scores.parquet"]
