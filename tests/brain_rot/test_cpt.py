"""Continual pretraining: updates of each schedule, ends of posts, the record of the work (acceptance checks 6 to 8)."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from raw2fig.errors import InputError
from raw2fig.lm.batches import Optimiser
from raw2fig.lm.documents import encode_documents
from raw2fig.lm.models import save
from raw2fig.lm.scheduled import Machine
from raw2fig.lm.tokenizer import word_tokenizer
from raw2fig.lm.twins import Work, work_of
from raw2fig.papers.brain_rot.cpt import Reading, Treatment, cpt, end_of, planned, read_on, shape_of
from raw2fig.papers.brain_rot.treatments import parse_arm

READING = Reading(batch=8, epochs=3, cutoff=64, block=16, document_end="<document>")
OPTIMISER = Optimiser(lr=0.001, warmup=0.1, beta2=0.999, weight_decay=0.0)
MACHINE = Machine(gradient_checkpointing=False, checkpoint_every=2)
JUNK = [" ".join("abcd"[(i + j) % 4] for j in range(5)) for i in range(60)]
CONTROL = [" ".join("abcd"[(i * j) % 4] for j in range(29)) for i in range(12)]


@pytest.fixture(scope="module")
def words():
    return word_tokenizer(["a b c d <document>"])


@pytest.fixture
def network(words):
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=16,
            tie_word_embeddings=True,
            pad_token_id=words.pad_token_id,
            eos_token_id=words.eos_token_id,
            bos_token_id=words.eos_token_id,
        )
    )


def treatment(schedule="official", eos="turn", loss="token"):
    return Treatment(schedule=schedule, eos=eos, loss=loss)


def work(network, words, texts, schedule):
    rng = np.random.default_rng(1)
    return read_on(network, words, texts, CONTROL, treatment(schedule), READING, OPTIMISER, rng).work


def test_check_7_updates_of_each_schedule(network, words):
    control = work(network, words, CONTROL, "official")
    assert control.updates == -(-len(CONTROL) // 8) * 3
    assert work(network, words, JUNK, "official").updates == -(-len(JUNK) // 8) * 3
    matched = work(network, words, JUNK, "update_matched")
    assert abs(matched.updates - control.updates) <= 0.01 * control.updates
    assert matched.tokens == control.tokens == 3 * 360
    assert work(network, words, JUNK, "packed").updates == -(-(360 // 16) // 8) * 3
    assert abs(work(network, words, JUNK, "flop_matched").flops / control.flops - 1) < 0.01


def test_the_control_matches_itself(network, words):
    assert work(network, words, CONTROL, "update_matched") == work(network, words, CONTROL, "official")


def test_each_schedule_reads_the_same_tokens(network, words):
    documents = encode_documents(words, JUNK, words.eos_token_id, 64)
    reference = encode_documents(words, CONTROL, words.eos_token_id, 64)
    whole = np.bincount(np.concatenate([one.ids for one in documents]), minlength=len(words))
    for schedule, lost in (("official", 0), ("update_matched", 0), ("packed", READING.block - 1)):
        rng = np.random.default_rng(1)
        sequences, batches = planned(documents, reference, schedule, READING, shape_of(network), rng)
        seen = np.concatenate([sequences[row].ids for batch in batches for row in batch])
        missing = 3 * whole - np.bincount(seen, minlength=len(words))
        assert (missing >= 0).all()
        assert missing.sum() <= 3 * lost


def test_check_8_ends_of_posts(words):
    assert end_of(words, "turn", "<document>") == words.eos_token_id
    assert end_of(words, "doc", "<document>") == words.get_vocab()["<document>"] != words.eos_token_id
    assert end_of(words, "none", "<document>") is None
    with pytest.raises(InputError, match="document_end"):
        end_of(words, "doc", "<nowhere>")


def test_flops_count_every_weight_once(network):
    shape = shape_of(network)
    every = sum(weight.numel() for weight in network.parameters())
    # the tied embedding is the head; it costs nothing to look a token up
    assert shape.weights == every
    assert (shape.layers, shape.width) == (2, 16)
    assert work_of([1], [np.array([0])], shape).flops == 6 * every + 6 * 2 * 16 * 2


def test_treatments_change_what_is_learned(words, network):
    from copy import deepcopy

    def weights(*what, lengths=(JUNK + CONTROL)):
        copy = deepcopy(network)
        read_on(copy, words, lengths, CONTROL, treatment(*what), READING, OPTIMISER, np.random.default_rng(1))
        return torch.cat([weight.detach().flatten() for weight in copy.parameters()])

    same = weights()
    assert torch.equal(same, weights())
    for other in (("packed",), ("official", "doc"), ("official", "none"), ("official", "turn", "sample")):
        assert not torch.equal(same, weights(*other))


@pytest.mark.parametrize("loss", ["token", "sample"])
@pytest.mark.parametrize("schedule", ["official", "packed", "update_matched", "flop_matched"])
def test_the_command_trains_as_in_memory(network, words, tmp_path, schedule, loss):
    """The command trains by the Trainer, the miniature by a loop of its own: losses and weights are the same."""
    save(network, words, tmp_path / "base")
    for name, texts in (("junk", JUNK[:30]), ("control", CONTROL[:6])):
        pd.DataFrame({"text": texts}).to_parquet(tmp_path / f"{name}.parquet")
    of = treatment(schedule, loss=loss)
    cpt(
        base=tmp_path / "base",
        documents=tmp_path / "junk.parquet",
        reference=tmp_path / "control.parquet",
        model=tmp_path / "model",
        log=tmp_path / "log.json",
        treatment=of,
        reading=READING,
        optimiser=OPTIMISER,
        machine=MACHINE,
        seed=3,
    )
    read = read_on(network, words, JUNK[:30], CONTROL[:6], of, READING, OPTIMISER, np.random.default_rng(3))
    record = json.loads((tmp_path / "log.json").read_text())
    assert {name: record[name] for name in Work._fields} == read.work._asdict()
    assert record["losses"] == pytest.approx(read.losses, abs=1e-5)
    made = LlamaForCausalLM.from_pretrained(tmp_path / "model").state_dict()
    for name, weight in network.state_dict().items():
        torch.testing.assert_close(made[name], weight, atol=1e-5, rtol=0)
    assert not list(tmp_path.glob(".checkpoints-*"))


def test_the_command_writes_model_and_record(network, words, tmp_path):
    save(network, words, tmp_path / "base")
    pd.DataFrame({"text": JUNK}).to_parquet(tmp_path / "junk.parquet")
    pd.DataFrame({"text": CONTROL}).to_csv(tmp_path / "control.csv", index=False)
    places = {"base": tmp_path / "base", "documents": tmp_path / "junk.parquet", "log": tmp_path / "log.json"}
    cpt(
        **places,
        reference=tmp_path / "control.csv",
        model=tmp_path / "model",
        treatment=treatment("update_matched"),
        reading=READING,
        optimiser=OPTIMISER,
        machine=MACHINE,
        seed=0,
    )
    record = json.loads((tmp_path / "log.json").read_text())
    assert (record["updates"], record["tokens"], len(record["losses"])) == (6, 1080, 6)
    LlamaForCausalLM.from_pretrained(tmp_path / "model")
    with pytest.raises(InputError, match="reference"):
        cpt(
            **places,
            model=tmp_path / "other",
            treatment=treatment("flop_matched"),
            reading=READING,
            optimiser=OPTIMISER,
            machine=MACHINE,
            seed=0,
        )


def test_names_of_arms():
    arm = parse_arm("M1/0.50/packed/doc/sample")
    assert arm == ("M1", 0.5, "packed", "doc", "sample")
    assert arm.name == "M1/0.5/packed/doc/sample"
    assert arm.control.name == "M1/0/packed/doc/sample"
    for wrong in (
        "M1/2/official/turn/token",
        "M1/1/unofficial/turn/token",
        "M1/1/official/turn",
        "M1/x/official/turn/token",
    ):
        with pytest.raises(ValueError):
            parse_arm(wrong)
