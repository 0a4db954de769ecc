"""What must hold for other models and data than the laptop's: any number of sizes, any tokenizer, few cells."""

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import anndata
import numpy as np
import pandas as pd
import pytest
from toy_language import GENES, toy_network

from raw2fig.claims import Absent, above, below, decide, load_published
from raw2fig.errors import InputError
from raw2fig.papers.c2s.claims import scaling_steps
from raw2fig.papers.c2s.conditions import conditions
from raw2fig.papers.c2s.evaluate_scaling import _score
from raw2fig.papers.c2s.generate import answer_tokens
from raw2fig.papers.c2s.measures import of_tier

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PUBLISHED = Path(__file__).parents[2] / "config/published/c2s.yaml"


def sized(losses: dict[str, float]) -> pd.DataFrame:
    """Scores of models of these names whose losses lie around these means; larger models are better at the rest."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, 40)
    rows = []
    for number, (size, loss) in enumerate(losses.items()):
        common = {"size": size, "parameters": 10**number}
        for metric, task, value in (
            ("loss", "annotation", loss),
            ("accuracy", "annotation", number / 10),
            ("overlap", "generation", number / 10),
        ):
            own = {"metric": metric, "task": task}
            rows += [{**common, **own, "replicate": i % 4, "value": value + noise[i]} for i in range(40)]
    # neither the order of rows nor of names says which model is larger
    return pd.DataFrame(rows).sample(frac=1, random_state=0, ignore_index=True).sort_values(["size", "metric"])


@pytest.mark.parametrize("names", [("410M", "1B"), ("XS", "S", "M", "L"), ("a", "b", "c")])
def test_scaling_is_judged_over_any_number_of_sizes(names: tuple[str, ...]) -> None:
    claim = load_published(PUBLISHED, "paper").claims["C2"]
    falling = decide(claim, scaling_steps(sized({name: 3 - number for number, name in enumerate(names)})))
    steps = [f"loss {one} to {other}" for one, other in pairwise(names)]
    ends = f"{names[0]} to {names[-1]}"
    assert [part["name"] for part in falling["parts"]] == [
        *steps,
        f"annotation accuracy {ends}",
        f"gene overlap {ends}",
    ]
    assert falling["verdict"] == "reproduced"
    rising = {name: 3.0 - number for number, name in enumerate(names)} | {names[-1]: 9.0}
    assert decide(claim, scaling_steps(sized(rising)))["verdict"] == "not reproduced"


def test_one_size_says_nothing_of_scaling() -> None:
    with pytest.raises(Absent, match="one model size only"):
        scaling_steps(sized({"1B": 3.0}))


def test_methods_and_tiers_that_are_not_there_are_named() -> None:
    row = {"metric": "scfid", "tier": "tier1", "cell_type": "B", "cytokine": "IFNB", "exposure": "acute", "value": 1.0}
    scores = pd.DataFrame([{**row, "method": name, "replicate": 0} for name in ("SFT", "no_change")])
    assert of_tier(scores, "SFT", "scfid")["method"].tolist() == ["SFT"]
    with pytest.raises(Absent, match="no run of GRPO mmd"):
        of_tier(scores, "GRPO mmd", "scfid")
    with pytest.raises(Absent, match="no condition of tier2 in the data"):
        of_tier(scores, "SFT", "scfid", "tier2")


def test_criteria_keep_their_meaning() -> None:
    """The parts that the step fills are those of the published file."""
    claims = load_published(PUBLISHED, "laptop").claims
    assert claims["C2"].rules == {"loss": below(0), "annotation accuracy": above(0), "gene overlap": above(0)}


def test_loss_is_per_word_whatever_a_token_is(words: "PreTrainedTokenizerBase", tmp_path: Path) -> None:
    """A model that finds all tokens equally likely: its loss per word is the tokens of a response times the logarithm
    of the vocabulary over its words."""
    from raw2fig.lm.models import save

    save(toy_network(words, sharpness=0), words, tmp_path / "model")
    responses = ["G1 G2 G3.", "G4.", "G1 G2 G3 G4 G5 G6."]
    frame = pd.DataFrame({"task": "generation", "prompt": "cell:", "response": responses, "cell": list("abc")})
    labelled = pd.DataFrame({"task": ["annotation"], "prompt": ["cell:"], "response": ["type."], "cell": ["d"]})
    rows = _score(
        str(tmp_path / "model"), "sampler", pd.concat([frame, labelled], ignore_index=True), GENES, 4, 8192, 0
    )
    found = [row["value"] for row in rows if row["metric"] == "loss"]
    # each word is a token, the period and the end are two more
    expected = [np.log(len(words)) * (n + 2) / n for n in (3, 1, 6, 1)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_an_answer_has_room_for_the_longest_label_and_its_end(words: "PreTrainedTokenizerBase") -> None:
    assert answer_tokens(words, ["G1."]) == 3
    assert answer_tokens(words, ["G1.", "G1 G2 G3.", "G2."]) == 5


def test_conditions_with_too_few_cells_are_left_out_and_named(caplog: pytest.LogCaptureFixture) -> None:
    counts = {("B", "IFNB", "acute", "tier1"): 8, ("B", "IL6", "acute", "seen"): 5, ("B", "none", "none", "seen"): 90}
    columns = ["cell_type", "cytokine", "exposure", "tier"]
    rows = [[*condition, part] for condition, n in counts.items() for part in ["test"] * n + ["train"] * 50]
    obs = pd.DataFrame(rows, columns=[*columns, "split"]).astype(str)
    obs.index = obs.index.astype(str)
    cells = anndata.AnnData(np.ones((len(obs), 1)), obs=obs)
    caplog.set_level("INFO")
    assert [condition.cytokine for condition in conditions(cells, 9, 5, 0)] == ["IFNB", "IL6"]
    assert not caplog.text
    assert [condition.cytokine for condition in conditions(cells, 9, 6, 0)] == ["IFNB"]
    assert "B IL6 acute" in caplog.text
    with pytest.raises(InputError, match="no condition with 9 test cells"):
        conditions(cells, 9, 9, 0)
