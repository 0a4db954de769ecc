"""Instruction tuning: what of a chat is learned, how many examples and updates there are, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from raw2fig.errors import InputError
from raw2fig.lm.batches import Optimiser
from raw2fig.lm.examples import collate
from raw2fig.lm.models import Size, build_llama, save
from raw2fig.lm.scheduled import Machine
from raw2fig.lm.tokenizer import word_tokenizer
from raw2fig.papers.brain_rot.instruct import InstructionTuning, draw_pairs, encode_answers, instruct

TEMPLATE = (
    "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}{% if add_generation_prompt %}reply{% endif %}"
)
TUNING = InstructionTuning(examples=10, it_epochs=3, it_batch=4, it_cutoff=12)
ROWS = pd.DataFrame(
    {
        "instruction": ["copy this"] * 8 + ["say yes"] * 8,
        "input": [f"w{place % 4}" for place in range(8)] + [None] * 8,
        "output": [f"w{place % 4}" for place in range(8)] + ["yes"] * 8,
    }
)


@pytest.fixture
def words():
    return word_tokenizer(["copy this say yes user reply w0 w1 w2 w3"])


def tune(words, folder: Path, rows: pd.DataFrame = ROWS, **changes: int) -> dict:
    rows.to_parquet(folder / "alpaca.parquet")
    save(build_llama(Size(16, 1, 2), words, 64, 0), words, folder / "base")
    instruct(
        base=folder / "base",
        instructions=folder / "alpaca.parquet",
        model=folder / "model",
        log=folder / "log.json",
        tuning=TUNING.model_copy(update=changes),
        optimiser=Optimiser(lr=0.01, warmup=0.1, beta2=0.999, weight_decay=0.0),
        machine=Machine(gradient_checkpointing=False, checkpoint_every=0),
        seed=1,
    )
    return json.loads((folder / "log.json").read_text())


def test_answers_with_their_end_are_learned_and_questions_are_not(words) -> None:
    words.chat_template = TEMPLATE
    (one,) = encode_answers(words, ["copy this w1"], ["w1 w2"], 99)
    assert words.decode(one.ids[: one.prompt_length]) == "user copy this w1 reply"
    labels = collate([one], words.pad_token_id)["labels"][0].tolist()
    answer = words("w1 w2")["input_ids"] + [words.eos_token_id]
    assert labels == [-100] * one.prompt_length + answer


def test_without_a_chat_template_the_answer_follows_the_question(words) -> None:
    (one,) = encode_answers(words, ["copy this w1"], ["w1"], 99)
    assert words.decode(one.ids) == "copy this w1 w1 <eos>"


def test_what_is_longer_than_the_cutoff_loses_its_end(words) -> None:
    whole, cut = (encode_answers(words, ["copy this w1"], ["w1 w2 w3"], size)[0] for size in (99, 5))
    assert cut.ids.tolist() == whole.ids[:5].tolist()
    assert words.eos_token_id not in cut.ids


def test_rows_are_drawn_once_each_by_the_seed(tmp_path: Path) -> None:
    rows = pd.DataFrame({name: [f"{name} {n}" for n in range(9)] for name in ("instruction", "input", "output")})
    rows.assign(input=[None, *rows["input"][1:]]).to_csv(tmp_path / "rows.csv", index=False)
    whole, some, other = (
        draw_pairs(tmp_path / "rows.csv", n, np.random.default_rng(s)) for n, s in ((9, 1), (4, 1), (4, 2))
    )
    asked = {f"instruction {n}\ninput {n}": f"output {n}" for n in range(1, 9)} | {"instruction 0": "output 0"}
    assert dict(zip(*whole, strict=True)) == asked
    assert len(set(some[0])) == 4
    assert some != other


@pytest.mark.training
def test_the_command_tunes_on_as_many_examples_as_asked(words, tmp_path: Path) -> None:
    record = tune(words, tmp_path)
    assert record["updates"] == len(record["losses"]) == 3 * 3
    assert record["losses"][-1] < record["losses"][0]
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("base", "model"))
    assert any(not weight.equal(before[name]) for name, weight in after.items())
    assert not list(tmp_path.glob(".checkpoints-*"))


def test_too_few_examples_and_other_tables_are_refused(words, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 16 rows; expected at least 17"):
        tune(words, tmp_path, examples=17)
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match="no column 'output'"):
        tune(words, tmp_path / "other", ROWS.drop(columns="output"))
