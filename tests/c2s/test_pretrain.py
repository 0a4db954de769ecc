"""Pretraining in replicates: each has its own first weights and order, and a replicate always gives the same bytes."""

from pathlib import Path

import pandas as pd
import pytest
from c2s_settings import given

from raw2fig.lm.finetune import Training
from raw2fig.papers.c2s.tokenizer import tokenizer
from raw2fig.papers.c2s.train import Encoding, Probing, pretrain
from raw2fig.tables import read_json, write_json

pytestmark = pytest.mark.training
REPLICATES = (0, 0, 1)
STILL = 1e-30
"""A learning rate that leaves the weights of float32 as they began."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Path]]:
    """The folders of three pretrainings: two models that hardly learn, of the same shape, and one that does."""
    folder = tmp_path_factory.mktemp("pretrain")
    texts = [f"G{i % 5} G{i % 3}." for i in range(40)]
    corpus = pd.DataFrame({"task": "cell_language", "prompt": "cell:", "response": texts})
    corpus.assign(split=["train", "test"] * 20).to_parquet(folder / "corpus.parquet")
    write_json({"genes": ["G0"]}, folder / "panel.json")
    tokenizer(corpora=[folder / "corpus.parquet"], panel=folder / "panel.json", tokenizer=folder / "words")
    runs = []
    for run, replicate in enumerate(REPLICATES):
        runs.append({name: folder / f"{name}-{run}" for name in ("still", "moved")})
        for name, lr in (("still", STILL), ("moved", 0.01)):
            pretrain(
                corpus=folder / "corpus.parquet",
                tokenizer=folder / "words",
                shapes=["8/1/1"],
                models=[runs[-1][name]],
                logs=[runs[-1][name].with_suffix(".json")],
                training=given(Training, "pretrain.training", steps=2, batch=4, lr=lr, weight_decay=0.0),
                probing=Probing(probes=1),
                encoding=given(Encoding, "encoding"),
                replicate=replicate,
            )
    return runs


@pytest.mark.parametrize("name", ["still", "moved"])
def test_a_replicate_gives_the_same_bytes_and_another_one_other_weights(made: list[dict[str, Path]], name: str) -> None:
    first, again, other = ((run[name] / "model.safetensors").read_bytes() for run in made)
    assert first == again
    assert first != other


def test_the_log_names_its_replicate(made: list[dict[str, Path]]) -> None:
    assert [read_json(run["moved"].with_suffix(".json"))["replicate"] for run in made] == list(REPLICATES)
