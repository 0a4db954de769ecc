"""The command line in the process of a test."""

import pytest

from raw2fig import cli


def status_of(*words: object) -> int:
    """Exit status of `raw2fig WORDS`; what is a defect of ours is raised."""
    with pytest.raises(SystemExit) as ended:
        cli.main([str(word) for word in words])
    return int(ended.value.code or 0)
