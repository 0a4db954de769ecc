"""Training on given batches by the Trainer: the same as by our own loop, however many processes share it."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_language import toy_examples, toy_words

from raw2fig.errors import InputError
from raw2fig.lm.batches import Optimiser, batch_loss, reduced, token_losses, train_on
from raw2fig.lm.examples import Example, collate
from raw2fig.lm.scheduled import Machine, Shares, fine_tune_on, weights_of

OPTIMISER = Optimiser(lr=0.01, warmup=0.2, beta2=0.99, weight_decay=0.1)
MACHINE = Machine(gradient_checkpointing=False, checkpoint_every=0)
BATCHES = [np.array(rows) for rows in ([0, 1, 2], [3], [4, 5, 6, 7, 8, 9, 10], [11, 1])]
"""As a twin's: of any size, with a sequence that comes again."""
REDUCTIONS = ["token", "sample"]


def toy_network(words):
    """Without biases, some of which have no gradient but rounding, which Adam makes as large as any other."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(words), pad_token_id=words.pad_token_id, **shape))


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return toy_words(tmp_path_factory.mktemp("words"))


@pytest.mark.training
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_trainer_and_the_loop_do_the_same(words, tmp_path: Path, reduction) -> None:
    examples, network = toy_examples(words), toy_network(words)
    other = deepcopy(network)
    expected = train_on(network, words.pad_token_id, examples, BATCHES * 3, OPTIMISER, reduction)
    found = fine_tune_on(other, words, examples, BATCHES * 3, OPTIMISER, reduction, MACHINE, tmp_path / "model", 0)
    assert found == pytest.approx(expected, abs=1e-5)
    start = toy_network(words)
    for first, a, b in zip(*(one.parameters() for one in (start, network, other)), strict=True):
        torch.testing.assert_close(b, a, atol=1e-4, rtol=0)
        assert (a - first).abs().max() > 0.01
    assert (tmp_path / "model/model.safetensors").exists()


@pytest.mark.training
def test_gradient_checkpointing_changes_no_loss(words, tmp_path: Path) -> None:
    examples = toy_examples(words)
    losses = [
        fine_tune_on(
            toy_network(words),
            words,
            examples,
            BATCHES,
            OPTIMISER,
            "token",
            MACHINE.model_copy(update={"gradient_checkpointing": again}),
            tmp_path / f"{again}",
            0,
        )
        for again in (False, True)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_mean_over_processes_is_the_loss_of_the_batch(words, processes: int, reduction) -> None:
    """Also where there are fewer sequences than processes, and where some have nothing to predict."""
    examples, network = [*toy_examples(words)[:11], Example(np.array([4]), 0)], toy_network(words)
    for update, rows in enumerate(BATCHES):
        total = 0.0
        for process in range(processes):
            share = Shares(examples, BATCHES, words.pad_token_id, reduction, process, processes)[update]
            with torch.no_grad():
                losses, _ = token_losses(network, share)
            total += float((losses.sum(1) * share["weights"]).sum()) / processes
        whole = batch_loss(network, [examples[row] for row in rows], words.pad_token_id, reduction).detach()
        assert total == pytest.approx(float(whole), abs=1e-5)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_weights_are_those_of_the_reduction(words, reduction) -> None:
    batch = collate([*toy_examples(words)[:4], Example(np.array([4]), 0)], words.pad_token_id)
    counted = batch["labels"][:, 1:] != -100
    losses = torch.rand(counted.shape)
    weights = weights_of(counted.sum(1), reduction)
    found = ((losses * counted).sum(1) * weights).sum()
    torch.testing.assert_close(found, reduced(losses, counted, reduction))
    torch.testing.assert_close((counted.sum(1) * weights).sum(), torch.tensor(1.0))


def test_every_sequence_of_a_batch_is_read_by_one_process(words) -> None:
    examples = toy_examples(words)
    for update, rows in enumerate(BATCHES):
        shares = [Shares(examples, BATCHES, 0, "token", process, 2)[update] for process in range(2)]
        read = torch.cat([share["input_ids"][share["weights"] > 0] for share in shares])
        expected = collate([examples[row] for row in rows], 0)["input_ids"]
        assert sorted(read.tolist()) == sorted(expected.tolist())


@pytest.mark.training
def test_a_training_of_another_kind_does_not_go_on_from_its_checkpoints(words, tmp_path: Path) -> None:
    examples, machine = toy_examples(words), MACHINE.model_copy(update={"checkpoint_every": 2})

    def losses(reduction, batches, name: str) -> list[float]:
        return fine_tune_on(
            toy_network(words), words, examples, batches, OPTIMISER, reduction, machine, tmp_path / name, 0
        )

    losses("token", BATCHES, "model")
    assert list(tmp_path.glob(".checkpoints-model-*/checkpoint-4"))
    for number, (reduction, batches) in enumerate((("sample", BATCHES), ("sample", BATCHES[::-1]))):
        (tmp_path / "model").rename(tmp_path / f"old {number}")
        anew = losses(reduction, batches, f"anew {number}")
        assert losses(reduction, batches, "model") == pytest.approx(anew, abs=1e-6)


def test_a_batch_with_nothing_to_predict_is_refused_before_anything_is_trained(words, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="batch 1 has nothing to predict"):
        fine_tune_on(
            toy_network(words),
            words,
            [*toy_examples(words), Example(np.array([4]), 0)],
            [np.array([0]), np.array([16])],
            OPTIMISER,
            "token",
            MACHINE,
            tmp_path / "model",
            0,
        )
    assert not list(tmp_path.iterdir())
