"""What tests of several folders share: the toy language and its model, a run of the whole repository, a browser."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from clone import clone, stages
from hypothesis import HealthCheck, settings
from toy_language import toy_network, toy_words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# a busy machine is slow, which is no failure
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several workers a file's tests stay on one of them, so that what they share is made once. Files with a group
    of their own run whole papers: they come first, and short tests fill the cores at the end."""
    alone = [item for item in items if item.get_closest_marker("xdist_group") is None]
    for item in alone:
        item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    if hasattr(config, "workerinput"):
        short = set(alone)
        items.sort(key=lambda item: item in short)


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
def smoke_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone after `make smoke`: every paper's results at smoke scale, and the reports. Not to be changed. Tests that
    use it are of the group "smoke", so that there is one such run."""
    folder = clone(tmp_path_factory.mktemp("smoke") / "clone")
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
