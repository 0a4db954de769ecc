"""The global random generators. This module counts as code of every step."""

import os
import random
import sys


def seed_everything(seed: int) -> None:
    """Seed `random`, and NumPy and PyTorch where they are already imported.

    Nothing is imported for it: steps without PyTorch must not pay 2 s. A step that imports PyTorch itself and
    lets a library draw from the global generator (a model's first weights) calls this again after that import.
    Code of ours that draws numbers takes a `numpy.random.Generator` or `torch.Generator`.
    """
    random.seed(seed)
    os.environ.setdefault("PYTHONHASHSEED", "0")
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
