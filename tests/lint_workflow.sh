#!/bin/sh
# snakemake --lint, less one finding that contradicts the house: "a conda environment or container for each rule". One
# environment with pinned locks serves every rule (envs/); results name the code they come from by digest.
output=$(snakemake --lint 2>&1)
findings=$(echo "$output" | grep '^    \*' | grep -v 'Specify a conda environment or container')
if [ -z "$findings" ] && echo "$output" | grep -q 'Specify a conda environment or container\|Congratulations'; then
    exit 0
fi
echo "snakemake --lint finds:"
echo "${findings:-$output}"
exit 1
