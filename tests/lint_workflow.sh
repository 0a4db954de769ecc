#!/bin/sh
# snakemake --lint, less one finding that contradicts the house: "a conda environment or container for each rule". One
# environment with pinned locks serves every rule (envs/); results name the code they come from by digest.
findings=$(snakemake --lint 2>&1 | grep '^    \*' | grep -v 'Specify a conda environment or container')
[ -z "$findings" ] && exit 0
echo "snakemake --lint finds:"
echo "$findings"
exit 1
