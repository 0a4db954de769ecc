"""What tests of several folders share: the toy language and its model, a run of the whole repository, a browser."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from clone import clone, stages
from toy_language import toy_network, toy_words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory) -> "PreTrainedTokenizerBase":
    """The word tokenizer. Also sets one thread, as the command line does, and no GPU: the same sums everywhere."""
    import torch

    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    torch.set_num_threads(1)
    return toy_words(tmp_path_factory.mktemp("words"))


@pytest.fixture(scope="session")
def base(words: "PreTrainedTokenizerBase", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model, as a folder."""
    from raw2fig.lm.models import save

    folder = tmp_path_factory.mktemp("base") / "base"
    save(toy_network(words), words, folder)
    return folder


@pytest.fixture(scope="session")
def finished_runs() -> list[Path]:
    """Clones in which a test has made the whole repository at smoke scale, for those that come after it."""
    return []


@pytest.fixture(scope="session")
def smoke_run(finished_runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone after `make smoke`: every paper's results at smoke scale, and the reports. Not to be changed."""
    folder = finished_runs[0] if finished_runs else clone(tmp_path_factory.mktemp("smoke") / "clone")
    stages(folder)
    return folder


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Flags with which Chromium opens a page and does nothing else."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium. Skips where it or its Python package is missing."""
    api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield running
        running.close()
