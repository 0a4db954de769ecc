"""raw2fig: ten papers from raw data to figures. `snakemake` makes everything, `snakemake c2s` one paper."""

from snakemake.utils import min_version

min_version("9.27")


configfile: workflow.source_path("config/config.yaml")


include: "rules/common.smk"
include: "rules/c2s.smk"


rule all:
    default_target: True
    input:
        TARGETS["evals"],
