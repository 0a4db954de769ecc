"""The example of docs/dr_llm_routing.md runs as it stands, on a small model and adapter."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tiny_decoders import LAYERS, sharp_routers, tiny_decoder

from raw2fig.lm.models import save

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PAGE = (Path(__file__).parents[2] / "docs" / "dr_llm_routing.md").read_text()


def test_the_example_runs(
    words: "PreTrainedTokenizerBase",
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from raw2fig.papers.dr_llm.routing import RoutedModel

    model = tiny_decoder("llama", vocab_size=len(words))
    save(model, words, tmp_path / "model")
    with RoutedModel(model, sharp_routers(seed=1)) as routed:
        routed.save_routers(tmp_path / "adapter")
    monkeypatch.chdir(tmp_path)
    found = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found[1], names)
    assert "tensor" in capsys.readouterr().out
    assert names["routed"].actions.tolist() == [[1] * LAYERS] * 2
    plain = names["base"].generate(**names["inputs"], max_new_tokens=20)
    assert names["plain"].equal(plain)
    assert not names["tokens"].equal(plain)


def test_the_page_names_every_key_of_an_adapter() -> None:
    from raw2fig.papers.dr_llm.routing.adapter import RouterConfig

    assert [key for key in RouterConfig.model_fields if f"`{key}`" not in PAGE] == []
