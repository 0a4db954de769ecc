"""My Paper: stages in the order of a run, an example to replace."""

MY_PAPER_ANSWERS = expand(
    "<results>/my_paper/data/answers-s{seed}.parquet",
    seed=config["my_paper"]["seeds"],
)


rule my_paper_answers:
    output:
        answers="<results>/my_paper/data/answers-s{seed}.parquet",
    log:
        "<results>/my_paper/logs/answers-s{seed}.log",
    resources:
        **resources_for(config, "data", "my_paper_answers"),
    params:
        code=source_digest("raw2fig.papers.my_paper.data"),
        questions=config["my_paper"]["questions"],
        voters=config["my_paper"]["voters"],
        accuracy=config["my_paper"]["accuracy"],
    shell:
        "raw2fig my-paper answers --questions {params.questions} --voters {params.voters} "
        "--accuracy {params.accuracy} --seed {wildcards.seed} --answers {output.answers} &> {log}"


rule my_paper_evaluate:
    input:
        answers=MY_PAPER_ANSWERS,
    output:
        scores="<results>/my_paper/evals/scores.parquet",
    log:
        "<results>/my_paper/logs/evaluate.log",
    threads: threads_for(config, "generate", "my_paper_evaluate")
    resources:
        **resources_for(config, "generate", "my_paper_evaluate"),
    params:
        code=source_digest("raw2fig.papers.my_paper.evaluate"),
    shell:
        "raw2fig my-paper evaluate --answers {input.answers} --scores {output.scores} &> {log}"


rule my_paper_fig_accuracy:
    input:
        scores="<results>/my_paper/evals/scores.parquet",
    output:
        svg="<results>/my_paper/figures/accuracy.svg",
        png=report(
            "<results>/my_paper/figures/accuracy.png",
            category="my_paper",
            caption="../workflow/report/my_paper/accuracy.rst",
        ),
        csv="<results>/my_paper/figures/accuracy.csv",
    log:
        "<results>/my_paper/logs/fig-accuracy.log",
    resources:
        **resources_for(config, "light", "my_paper_fig_accuracy"),
    params:
        code=source_digest("raw2fig.papers.my_paper.figures"),
        scale=config["scale"],
    shell:
        "raw2fig my-paper fig-accuracy --scores {input.scores} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule my_paper_claims:
    input:
        published="config/published/my_paper.yaml",
        scores="<results>/my_paper/evals/scores.parquet",
    output:
        claims="<results>/my_paper/claims.json",
    log:
        "<results>/my_paper/logs/claims.log",
    resources:
        **resources_for(config, "light", "my_paper_claims"),
    params:
        code=source_digest("raw2fig.papers.my_paper.claims"),
        scale=config["scale"],
    shell:
        "raw2fig my-paper claims --published {input.published} --scores {input.scores} "
        "--scale {params.scale} --claims {output.claims} &> {log}"


FIGURES["my_paper"] = ["<results>/my_paper/figures/accuracy.png"]
CLAIMS["my_paper"] = "<results>/my_paper/claims.json"
TARGETS["data"] += MY_PAPER_ANSWERS
TARGETS["evals"] += ["<results>/my_paper/evals/scores.parquet"]
TARGETS["figures"] += [
    CLAIMS["my_paper"],
    "<results>/my_paper/tables/paper_vs_run.md",
    *FIGURES["my_paper"],
]


rule my_paper:
    input:
        CLAIMS["my_paper"],
        "<results>/my_paper/tables/paper_vs_run.md",
        FIGURES["my_paper"],
