"""Decoding, comparing and recounting one's own prompts, and what an exact decoder shows, on a tiny random model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from masked_diffusion import SETTINGS, decoding

from raw2fig.errors import InputError
from raw2fig.papers.elastic_cache import compare as module
from raw2fig.papers.elastic_cache import decoders
from raw2fig.papers.elastic_cache.arms import decodings_of
from raw2fig.papers.elastic_cache.chain import Chain, chain_tokenizer
from raw2fig.papers.elastic_cache.compare import compare
from raw2fig.papers.elastic_cache.decode import decode
from raw2fig.papers.elastic_cache.latency import KINDS, Latency, latency
from raw2fig.papers.elastic_cache.motivation import Change, Motivation, by_layer, motivation
from raw2fig.papers.elastic_cache.prompts import Prompts, make_prompts
from raw2fig.papers.elastic_cache.questions import Question, is_right, read_questions
from raw2fig.papers.elastic_cache.recount import audit

CHAIN = Chain(modulus=5, slots=2, fewest=1, length=16, shots=0)
HOW = {"length": 16, "steps": 16, "epsilon": 0.5, "eos_stop": True}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random model of the chain's words, and prompts."""
    import torch

    from raw2fig.lm.models import build_tiny_llama, save

    folder = tmp_path_factory.mktemp("own")
    words = chain_tokenizer()
    network = build_tiny_llama("32/3/4", words, 2, 64, False, 0)
    with torch.no_grad():
        network.get_output_embeddings().weight.mul_(8)
    save(network, words, folder / "model")
    make_prompts(prompts=folder / "prompts.jsonl", chain=CHAIN, asked=Prompts(validation=1, test=3), replicate=0)
    return folder


def test_prompts_of_the_chain_are_read_as_they_are_trained_on(made: Path) -> None:
    from raw2fig.papers.elastic_cache.chain import Problem, encoded

    words = chain_tokenizer()
    lines = [json.loads(line) for line in (made / "prompts.jsonl").read_text().splitlines()]
    questions = read_questions(made / "prompts.jsonl", words)
    for line, question in zip(lines, questions, strict=True):
        told = line["prompt"].split()
        problem = Problem(int(told[1]), tuple(int(told[at + 1]) for at in range(2, len(told), 5) if told[at] == "+"))
        asked, told_answer = problem.prompt(CHAIN.slots), problem.answer(CHAIN.modulus)
        ids, answer = encoded(words, [asked], [told_answer], CHAIN.length)
        assert question.ids == ids[0].tolist()
        assert question.answer == [one for one in answer[0].tolist() if one != words.eos_token_id]
    assert len(read_questions(made / "prompts.jsonl", words, "test")) < len(questions)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "line 1 is no JSON"),
        ("[1]", "line 1 is no JSON object"),
        ("{}", "line 1 has no prompt"),
        ('{"prompt": 3}', "line 1: prompt is no text"),
        ('{"ids": [1, 9999]}', "line 1: ids are not tokens"),
        ('{"ids": []}', "line 1: ids are not tokens"),
        ("", "has no prompts"),
    ],
)
def test_prompts_that_are_none_are_refused(line: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match=told):
        read_questions(tmp_path / "p.jsonl", chain_tokenizer())


def test_a_response_is_right_only_to_the_token() -> None:
    eos, mask = 1, 9
    question = Question("q", "task", [3], [4, 5, 6])
    assert is_right([4, 5, 6, eos, eos], question, eos)
    assert is_right([4, 5, 6, eos, mask], question, eos)  # what comes after the end was not decoded
    assert is_right([4, 5, 6], question, eos)
    for wrong in ([4, 5, 7, eos, eos], [4, 5, eos, 6, eos], [4, 5, 6, 6, eos], [4, 5, 6, mask, eos]):
        assert is_right(wrong, question, eos) is False
    assert is_right([4], question._replace(answer=None), eos) is None


def test_a_log_recounts_to_what_was_measured_when_it_was_made(made: Path, tmp_path: Path) -> None:
    decode(
        model=made / "model",
        prompts=made / "prompts.jsonl",
        log=tmp_path / "log.jsonl",
        decoding=decoding(**HOW),
        batch=3,
        chat=False,
    )
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    audit(log=tmp_path / "log.jsonl", table=tmp_path / "t.csv", summary=tmp_path / "s.json")
    table = pd.read_csv(tmp_path / "t.csv")
    for name in ("tokens", "tokens_as_published"):
        assert table[name].tolist() == [row["measures"][name] for row in rows]
    for row in rows:
        assert sorted(place for step in row["steps"] for place in step["decoded"]) == [
            place for place, token in enumerate(row["response"]) if token != row["mask"]
        ]
        assert row["decoding"]["epsilon"] == 0.5


def test_check_22_a_foreign_log_is_counted_as_by_hand(tmp_path: Path) -> None:
    """The end is early; there is none; it is followed by masks."""
    outputs = [[7, 7, 1, 7, 1], [7, 7, 7, 7, 7], [7, 7, 7, 1, 2, 2, 2]]
    log = "".join(json.dumps({"output_ids": [5, 5, *ids], "seconds": 2.0}) + "\n" for ids in outputs)
    (tmp_path / "log.jsonl").write_text(log)
    audit(
        log=tmp_path / "log.jsonl",
        table=tmp_path / "t.csv",
        summary=tmp_path / "s.json",
        eos=1,
        mask=2,
        prompt_tokens=2,
    )
    table = pd.read_csv(tmp_path / "t.csv")
    assert table["tokens"].tolist() == [2, 5, 3]
    assert table["tokens_as_published"].tolist() == [3, 5, 6]
    assert table["masks"].tolist() == [0, 0, 3]
    told = json.loads((tmp_path / "s.json").read_text())
    assert told["inflation"] == pytest.approx(14 / 10)
    assert (told["tokens_per_second"], told["tokens_per_second_as_published"]) == pytest.approx((10 / 6, 14 / 6))
    with pytest.raises(InputError, match="does not say the end of sequence and the mask"):
        audit(log=tmp_path / "log.jsonl", table=tmp_path / "t.csv", summary=tmp_path / "s.json")


ARMS: dict[str, Any] = {
    "one": {"method": "window", "epsilon": None},
    "stale": {"gamma": -1.0, "epsilon": None},
    "exact": {"method": "interval", "interval": 1, "epsilon": None},
    "again": {"method": "window", "epsilon": None},
}


def test_all_arms_meet_on_the_same_prompts(made: Path, tmp_path: Path) -> None:
    compare(**{**asked(made, tmp_path, rounds=2, arms=ARMS), "fidelity": 3})
    answers = pd.read_csv(tmp_path / "a.csv")
    counts = answers.groupby("arm")["qid"].agg(list)
    assert len({tuple(qids) for qids in counts}) == 1
    assert answers["divergence"].notna().groupby(answers["arm"]).sum().tolist() == [3] * 4
    table = pd.read_csv(tmp_path / "t.csv").set_index(["arm", "measure"])
    value = table["value"]
    # an exact decoder differs by nothing; work is less where caches are stale
    for arm in ("one", "exact"):
        assert value[arm, "divergence"] == pytest.approx(0, abs=1e-6)
        assert value[arm, "agreement"] == 1
    assert value["one", "forwards"] == value["exact", "forwards"]
    assert value["stale", "updates"] < value["one", "updates"]
    assert value["one"].equals(value["again"])  # one decoding, which is run once
    assert value["stale", "peak_memory"] > value["one", "peak_memory"] > 0  # what is cached needs room
    for arm in ARMS:
        mine = answers[answers["arm"] == arm]
        assert value[arm, "tokens"] == pytest.approx(mine["tokens"].mean())
        assert value[arm, "inflation"] == pytest.approx(mine["tokens_as_published"].sum() / mine["tokens"].sum())
        assert value[arm, "accuracy"] == mine["right"].mean()
        assert table.loc[(arm, "tokens_per_second"), "n"] == 2
    # what was in force is in every row
    assert table.loc[("exact", "updates"), "interval"] == 1
    assert set(table["batch"]) == {2}


@pytest.mark.parametrize("rounds", [3, 4])
def test_check_20_times_are_medians_of_rounds_without_the_first(
    rounds: int, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([8.0, 1.0, 2.0, 4.0])
    monkeypatch.setattr(module, "timed", lambda call, device: (call(), next(seconds)))
    calls = count_calls(monkeypatch)
    compare(**asked(made, tmp_path, rounds=rounds, arms={"one": {}}))
    rows = pd.read_csv(tmp_path / "t.csv").set_index("measure")
    number = len(pd.read_csv(tmp_path / "a.csv"))
    took = [8.0, 1.0, 2.0, 4.0][:rounds]
    assert rows.loc["seconds_per_prompt", "value"] == pytest.approx(np.median(took) / number)
    assert tuple(rows.loc["seconds_per_prompt", ["low", "high"]] * number) == pytest.approx((1, 8))
    assert rows.loc["seconds_per_prompt", "n"] == rounds
    # and the untimed round, and the longest prompts for memory
    assert sorted(calls) == [2, *[number] * (rounds + 1)]


def test_check_23_accuracy_and_speed_are_of_the_same_run(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers that are judged and counted are those of the last timed round, though earlier ones were others."""
    right = {tuple(one.ids): one.answer for one in read_questions(made / "prompts.jsonl", chain_tokenizer(), "test")}
    calls = count_calls(monkeypatch)
    decode_all = decoders.decode_all

    def better(*given: Any, **named: Any) -> Any:
        answers = decode_all(*given, **named)
        if len(calls) < 5:
            return answers
        eos = given[0].eos
        return [one._replace(response=[*(right[tuple(one.prompt)] or ()), eos]) for one in answers]

    monkeypatch.setattr(decoders, "decode_all", better)
    compare(**asked(made, tmp_path, rounds=3, arms={"one": {}}))
    rows = pd.read_csv(tmp_path / "t.csv").set_index("measure")["value"]
    answers = pd.read_csv(tmp_path / "a.csv")
    assert len(calls) == 5
    assert answers["right"].all()
    assert rows["accuracy"] == 1
    assert answers["tokens"].tolist() == [len(answer or ()) for answer in right.values()]
    assert rows["tokens_per_second"] / rows["tokens_per_second_as_published"] == pytest.approx(1 / rows["inflation"])


def count_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of prompts of each decoding from now on."""
    calls: list[int] = []
    decode_all = decoders.decode_all

    def counted(diffusion: Any, prompts: Any, *given: Any) -> Any:
        calls.append(len(prompts))
        return decode_all(diffusion, prompts, *given)

    monkeypatch.setattr(decoders, "decode_all", counted)
    return calls


def asked(made: Path, folder: Path, rounds: int, arms: dict[str, Any]) -> dict[str, Any]:
    """What `compare` is called with."""
    return {
        "model": made / "model",
        "prompts": made / "prompts.jsonl",
        "table": folder / "t.csv",
        "answers": folder / "a.csv",
        "decoding": decoding(**HOW),
        "arms": arms,
        "batch": 2,
        "chat": False,
        "rounds": rounds,
        "fidelity": 0,
        "part": "test",
    }


def test_check_21_a_table_of_answers_of_two_lengths_is_refused() -> None:
    with pytest.raises(InputError, match=r"answers of \[16, 32\] tokens; expected one length"):
        decodings_of(decoding(), {"a": {}, "b": {"length": 32, "steps": 32}})
    with pytest.raises(InputError, match=r"arms\.a\.gama: unknown"):
        decodings_of(decoding(), {"a": {"gama": 1.0}})
    with pytest.raises(InputError, match="there are none"):
        decodings_of(decoding(), {})
    assert decodings_of(decoding(), {"a": {"track": 2}})["a"].model_dump() == {**SETTINGS, "track": 2}


def test_an_exact_decoder_never_changes_the_first_layer_of_known_tokens(made: Path, tmp_path: Path) -> None:
    motivation(
        model=made / "model",
        prompts=made / "prompts.jsonl",
        changes=tmp_path / "c.csv",
        distances=tmp_path / "d.csv",
        decoding=decoding(**HOW),
        motivation=Motivation(problems=3, reach=5),
    )
    layers = pd.read_csv(tmp_path / "c.csv").set_index("layer")
    assert layers.index.tolist() == [0, 1, 2]
    assert layers.loc[0, ["mean", "tracked"]].abs().max() < 1e-6
    assert (layers.loc[1:, "mean"] > 1e-5).all()
    assert layers["smaller"].between(0, 1).all()
    assert (layers["similarity"] <= 1 + 1e-6).all()
    far = pd.read_csv(tmp_path / "d.csv")
    assert far["distance"].tolist() == [1, 2, 3, 4, 5]
    assert far["attention"].between(0, 1).all()


def test_layers_are_summed_up_by_their_steps() -> None:
    drift = [0.1, 0.2, 0.3, 0.4]
    changes = [Change(0, step, 1, mean, 0.25, 1 - mean) for step, mean in enumerate(drift)]
    (row,) = by_layer(changes)
    assert (row["layer"], row["steps"], row["smaller"]) == (1, 4, 0.5)
    assert row["mean"] == pytest.approx(0.25)
    assert row["correlation"] == -1
    assert np.isnan(by_layer([one._replace(mean=0.1) for one in changes])[0]["correlation"])


def test_every_kind_of_step_is_timed_in_every_round(tmp_path: Path) -> None:
    settings = Latency(
        latency_shape="16/2/2", inner=2, vocabulary=19, lengths=[16, 32], rows=4, samples=[1, 2], times=3
    )
    latency(table=tmp_path / "t.csv", latency=settings)
    table = pd.read_csv(tmp_path / "t.csv")
    assert table.groupby(["length", "samples", "kind"]).size().tolist() == [3] * (2 * 2 * len(KINDS))
    assert set(table["kind"]) == set(KINDS)
    assert (table["seconds"] > 0).all()
