"""Checkpoints belong to one output, one recipe, one set of data and one starting point."""

from pathlib import Path
from typing import TYPE_CHECKING

from toy_language import toy_network

from raw2fig.lm.checkpoint import checkpoint_folder, discard, last_checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

RECIPE = {"steps": 3, "lr": 0.1}


def test_the_name_holds_recipe_data_and_first_weights(words: "PreTrainedTokenizerBase", tmp_path: Path) -> None:
    network, output = toy_network(words), tmp_path / "model"
    names = [
        checkpoint_folder(*arguments).name
        for arguments in (
            (output, RECIPE, [b"a", b"b"], network),
            (output, {**RECIPE, "lr": 0.2}, [b"a", b"b"], network),
            (output, RECIPE, [b"a", b"c"], network),
            (output, RECIPE, [b"a", b"b"], toy_network(words, seed=1)),
        )
    ]
    assert len(set(names)) == 4
    for same in (output, tmp_path / ".partial-model"):  # a step works on its output's temporary path
        again = checkpoint_folder(same, dict(reversed(RECIPE.items())), [b"a", b"b"], toy_network(words))
        assert again == tmp_path / names[0]


def test_only_those_of_the_same_output_are_removed(words: "PreTrainedTokenizerBase", tmp_path: Path) -> None:
    network = toy_network(words)
    outputs = [tmp_path / name for name in ("sft", "sft-s1", "sft-s1-x", "other")]
    kept = []
    for output in outputs:
        folder = checkpoint_folder(output, RECIPE, [], network)
        (folder / "checkpoint-1").mkdir(parents=True)
        kept.append(folder)
    assert all(folder.exists() for folder in kept)
    changed = checkpoint_folder(outputs[0], {**RECIPE, "steps": 4}, [], network)
    assert [folder.exists() for folder in kept] == [False, True, True, True]
    changed.mkdir()
    discard(outputs[0])
    assert not changed.exists()
    assert [folder.exists() for folder in kept] == [False, True, True, True]
    discard(tmp_path / ".partial-sft-s1")
    assert [folder.exists() for folder in kept] == [False, False, True, True]


def test_the_last_is_the_one_with_most_steps(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path / "none") is None
    for step in (2, 10, 9):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        assert last_checkpoint(tmp_path) == (tmp_path / "checkpoint-2" if step > 2 else None)
        if step == 2:
            (folder / "trainer_state.json").write_text('{"global_step": 2}')
    for step in (9, 10):
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(f'{{"global_step": {step}}}')
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
