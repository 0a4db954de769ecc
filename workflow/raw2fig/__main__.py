"""`python -m raw2fig` is the same command line as `raw2fig`."""

from raw2fig.cli import main

main()
