"""A language model on this machine as a player: seeds, lengths, and stored replies."""

from pathlib import Path

import pandas as pd
import pytest
from game_tools import call, games_of, make_personas, make_schedule, outputs

from raw2fig.papers.coordination.backends.model import Generation, load_model
from raw2fig.papers.coordination.engine import Request, Respond

pytestmark = pytest.mark.training
PROMPT = "type a cell:"


def requests(number: int, prompt: str = PROMPT, temperature: float = 1.0) -> list[Request]:
    return [Request("g", agent, 1, prompt, 977 * agent + (1 << 60), temperature) for agent in range(number)]


def generation(batch: int) -> Generation:
    return Generation(revision=None, engine="sampler", batch=batch, opening="")


def replies(respond: Respond, asked: list[Request]) -> list[object]:
    found: dict[int, object] = dict[int, object](respond(asked))
    return [found[position] for position in range(len(asked))]


def test_a_reply_depends_on_prompt_and_seed_alone(base: Path) -> None:
    asked = [*requests(6), *requests(6, "type b cell: G1 G2 G3", 0.5)]
    small, large = (load_model(str(base), generation(batch), 8) for batch in (2, 64))
    assert replies(small, asked) == replies(large, asked)
    assert replies(large, asked[::-1]) == replies(large, asked)[::-1]
    assert len(set(replies(large, asked[:6]))) == 6
    cold = replies(large, [request._replace(temperature=0.0) for request in asked[:6]])
    assert len(set(cold)) == 1


def test_a_reply_that_is_cut_says_so_and_tokens_are_counted(base: Path) -> None:
    respond = load_model(str(base), generation(8), 6)
    found = pd.DataFrame(replies(respond, requests(200)))
    assert set(found["finish_reason"]) == {"stop", "length"}
    assert (found.loc[found["finish_reason"] == "length", "tokens_out"] == 6).all()
    assert (found["tokens_out"] <= 6).all()
    assert set(found["tokens_in"]) == {4}


def test_a_reply_goes_on_from_its_opening(base: Path) -> None:
    """Without a chat template the opening is the line below the prompt, and what is said so is a part of the reply."""
    opened = load_model(str(base), generation(8).model_copy(update={"opening": "G1 G2"}), 6)
    asked = requests(6)
    below = [request._replace(prompt=f"{request.prompt}\nG1 G2") for request in asked]
    plain = pd.DataFrame(replies(load_model(str(base), generation(8), 6), below))
    found = pd.DataFrame(replies(opened, asked))
    assert found["text"].tolist() == ("G1 G2" + plain["text"]).tolist()
    assert found["tokens_out"].tolist() == plain["tokens_out"].tolist()


def test_games_by_a_model_folder(base: Path, tmp_path: Path) -> None:
    personas = make_personas(tmp_path)
    schedule = make_schedule(tmp_path, personas, 2, ("tom",), agents=3, rounds=3)
    given = ("play", "--schedule", schedule, "--personas", personas, "--backend", "model", "--source", base)
    for name in ("a", "b"):
        assert call(*given, "--max-tokens", 5, "--cache", tmp_path / "cache", *outputs(tmp_path / name)) == 0
    frames = [pd.read_parquet(tmp_path / name / "games.parquet") for name in ("a", "b")]
    pd.testing.assert_frame_equal(*frames)
    assert len(frames[0]) == 2 * 3 * 3
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_model_that_is_made_anew_does_not_get_the_old_ones_replies(base: Path, tmp_path: Path) -> None:
    from raw2fig.lm.models import load, save

    personas = make_personas(tmp_path)
    schedule = make_schedule(tmp_path, personas, 2, agents=3, rounds=3)
    given = (
        "play",
        "--schedule",
        schedule,
        "--personas",
        personas,
        "--backend",
        "model",
        "--source",
        tmp_path / "model",
    )
    model, tokenizer = load(str(base))
    frames = []
    for scale in (1.0, 30.0):
        model.get_output_embeddings().weight.data *= scale
        save(model, tokenizer, tmp_path / "model")
        assert call(*given, "--max-tokens", 5, "--cache", tmp_path / "cache", *outputs(tmp_path)) == 0
        frames.append(pd.read_parquet(tmp_path / "transcripts.parquet"))
    assert frames[0]["reply"].tolist() != frames[1]["reply"].tolist()


def test_a_model_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    personas = make_personas(tmp_path)
    schedule = make_schedule(tmp_path, personas)
    given = ("play", "--schedule", schedule, "--personas", personas, "--source", tmp_path / "none", *outputs(tmp_path))
    for backend in ("model", "policy", "replay"):
        assert call(*given, "--backend", backend) == 2
        assert f"raw2fig coordination play: {tmp_path / 'none'}" in capsys.readouterr().err.splitlines()[-1]
    assert games_of("plain", 1)
