"""Each paper's numbers beside this run's, and the page with all claims of all papers; Snakemake's own report is made
beside it (raw2fig.stages)."""


report: "../workflow/report/about.rst"


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
        code=source_digest("raw2fig.report.claims_page"),
        fetched=lambda wildcards, input: option("fetched", input.fetched),
    shell:
        "raw2fig report table --claims {input.claims} {params.fetched} --markdown {output.markdown} &> {log}"


TABLES = [path for stage in STAGES for path in TARGETS[stage] if Path(path).parent.name == "tables"]


rule claims_page:
    input:
        claims=list(CLAIMS.values()),
        figures=[path for paths in FIGURES.values() for path in paths],
        # one file of each table, whatever the forms that it has
        tables=list({Path(path).with_suffix(""): path for path in TABLES}.values()),
        captions=sorted(map(str, Path("workflow/report").glob("*/*.rst"))),
        reference=[path for path in (f"docs/claims/{paper}.json" for paper in CLAIMS) if Path(path).exists()],
    output:
        html=report("<results>/claims.html", category="Claims", caption="../workflow/report/claims.rst"),
    log:
        "<results>/logs/claims-page.log",
    resources:
        **resources_for(config, "light", "claims_page"),
    params:
        code=source_digest("raw2fig.report.claims_page"),
        captions="workflow/report",
        tables=lambda wildcards, input: option("tables", input.tables),
        reference=lambda wildcards, input: option("reference", input.reference),
        figures=lambda wildcards, input: option("figures", input.figures),
        results=subpath(output.html, parent=True),
    shell:
        "raw2fig report claims-page --claims {input.claims} {params.figures} {params.tables} "
        "--captions {params.captions} {params.reference} "
        "--results {params.results} --html {output.html} &> {log}"


TARGETS["figures"].append("<results>/claims.html")
# every file of a figure, or one that is deleted would not be missed
TARGETS["figures"] += [
    path.removesuffix("png") + suffix
    for paths in FIGURES.values()
    for path in paths
    for suffix in ("png", "svg", "csv")
]
