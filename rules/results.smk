"""Figures, tables and claims of all papers, each paper's numbers beside this run's, and the page to look at first;
Snakemake's own report is made beside it (raw2fig.stages)."""

from importlib import import_module


report: "../workflow/report/about.rst"


CAPTIONS = "workflow/report"
"""Folder of the captions, one folder in it for each paper."""
TITLES = {result.paper: import_module(f"raw2fig.papers.{result.paper}").NAME for result in RESULTS}
"""Paper → its name in the report."""


for result in RESULTS:

    rule:
        name:
            result.rule
        input:
            **result.inputs,
        output:
            **{
                flag: (
                    report(path, category=TITLES[result.paper], caption=caption(Path(workflow.basedir), result))
                    if flag == "png"
                    else path
                )
                for flag, path in result.outputs.items()
            },
        log:
            result.log,
        resources:
            **resources_for(config, "light", result.rule),
        params:
            code=step_digest(result.paper, result.command),
            step=result.step,
            # of the job's own files: Snakemake formats the line of a rule made in a loop when the loop has ended
            inputs=lambda wildcards, input: files_as_flags(input),
            settings=result.settings,
            scale=option("scale", config["scale"] if result.kind != "table" else None),
            outputs=lambda wildcards, output: files_as_flags(output),
        shell:
            "raw2fig {params.step} {params.inputs} {params.settings} {params.scale} {params.outputs} &> {log}"


CLAIMS = {result.paper: result.outputs["claims"] for result in RESULTS if result.kind == "claims"}
"""Paper → its claims.json."""
FIGURES = [result.outputs["png"] for result in RESULTS if result.kind == "figure"]
TABLES = [path for stage in STAGES for path in TARGETS[stage] if Path(path).parent.name == "tables"]
TABLES += [result.outputs["csv"] for result in RESULTS if result.kind == "table"]


rule paper_vs_run:
    input:
        claims="<results>/{paper}/claims.json",
        fetched=lambda wildcards: FETCHED.get(wildcards.paper, []),
    output:
        markdown="<results>/{paper}/tables/paper_vs_run.md",
    log:
        "<results>/{paper}/logs/table.log",
    wildcard_constraints:
        paper="|".join(CLAIMS),
    resources:
        **resources_for(config, "light", "paper_vs_run"),
    params:
        code=step_digest("report", "table"),
        fetched=lambda wildcards, input: option("fetched", input.fetched),
    shell:
        "raw2fig report table --claims {input.claims} {params.fetched} --markdown {output.markdown} &> {log}"


rule index_page:
    input:
        claims=list(CLAIMS.values()),
        published=[f"config/published/{paper}.yaml" for paper in CLAIMS],
        figures=FIGURES,
        # one file of each table, whatever the forms that it has
        tables=list({Path(path).with_suffix(""): path for path in TABLES}.values()),
        captions=sorted(map(str, Path(CAPTIONS).glob("*/*.rst"))),
        reference=[path for path in (f"docs/claims/{paper}.json" for paper in CLAIMS) if Path(path).exists()],
        # what the page is written with, which is no Python
        template=sorted(map(str, Path("workflow/raw2fig/report").glob("index.*"))),
    output:
        html=report("<results>/index.html", category="All papers", caption="../workflow/report/index.rst"),
    log:
        "<results>/logs/index-page.log",
    resources:
        **resources_for(config, "light", "index_page"),
    params:
        code=step_digest("report", "index-page"),
        figures=lambda wildcards, input: option("figures", input.figures),
        tables=lambda wildcards, input: option("tables", input.tables),
        captions=lambda wildcards: CAPTIONS,
        reference=lambda wildcards, input: option("reference", input.reference),
        results=subpath(output.html, parent=True),
    shell:
        "raw2fig report index-page --claims {input.claims} --published {input.published} {params.figures} "
        "{params.tables} --captions {params.captions} {params.reference} "
        "--results {params.results} --html {output.html} &> {log}"


for paper in CLAIMS:

    rule:
        name:
            paper
        input:
            [path for result in RESULTS if result.paper == paper for path in result.outputs.values()],
            f"<results>/{paper}/tables/paper_vs_run.md",
            # also what nothing else would miss, such as one shard of many
            [path for path in TARGETS["evals"] if path.startswith(f"<results>/{paper}/")],


# every file of a result, or one that is deleted would not be missed
TARGETS["figures"] += [
    "<results>/index.html",
    *(f"<results>/{paper}/tables/paper_vs_run.md" for paper in CLAIMS),
    *(path for result in RESULTS for path in result.outputs.values()),
]
