"""The configuration: overlays, records, and one clear line for every mistake."""

import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import model_validator
from snakemake.utils import update_config

from raw2fig.config import check, configuration, load, merge
from raw2fig.errors import InputError
from raw2fig.resources import check_rules
from raw2fig.settings import Field, Record, Replicates, UserFile, convert, impossible, one_of, read, record_at

ROOT = Path(__file__).parents[2]


class Reference(Record):
    source: Literal["package", "path"]
    path: UserFile | None


class Training(Record):
    steps: int = Field(ge=1, description="Updates.")
    lr: float = Field(gt=0, le=1, description="Learning rate.")
    sizes: list[int] = Field(min_length=1, description="Sizes.")
    partition: str | None
    samples: dict[str, int]
    between: tuple[int, int] | None
    shuffle: bool

    @model_validator(mode="after")
    def _in_order(self) -> Any:
        if self.between and self.between[0] > self.between[1]:
            raise impossible("between", f"is {self.between}", "two numbers in order")
        return self


class Paper(Record):
    replicates: Replicates
    training: Training
    reference: Reference
    main: str

    @model_validator(mode="after")
    def _known(self) -> Any:
        one_of("main", self.main, ["rules", "random"])
        return self


class Whole(Record):
    scale: Literal["laptop", "smoke"]
    c2s: Paper


GOOD: dict[str, Any] = {
    "scale": "smoke",
    "c2s": {
        "replicates": [0, 1],
        "training": {
            "steps": 3,
            "lr": 0.1,
            "sizes": [1, 2],
            "partition": None,
            "samples": {"a": 1},
            "between": [1, 2],
            "shuffle": True,
        },
        "reference": {"source": "package", "path": None},
        "main": "rules",
    },
}

keys = st.sampled_from(["a", "b", "c"])
leaves = st.one_of(st.integers(0, 9), st.none(), st.lists(st.integers(0, 9), max_size=2))
mappings = st.recursive(leaves, lambda inner: st.dictionaries(keys, inner, max_size=3), max_leaves=8)
configs = st.dictionaries(keys, st.dictionaries(keys, leaves), max_size=3)


def message(config: dict, kind: type[Record] = Whole) -> str:
    with pytest.raises(InputError) as caught:
        read(kind, config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_good_config_passes() -> None:
    assert read(Whole, GOOD).model_dump()["c2s"]["training"]["between"] == (1, 2)


def training(**values: object) -> dict:
    return {"c2s": {"training": values}}


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        (training(stepz=3), "c2s.training.stepz: unknown key; expected 'steps'"),
        ({"c2": 3}, "c2: unknown key; expected 'c2s'"),
        ({"zzzzzz": 3}, "zzzzzz: unknown key; expected one of scale, c2s"),
        (training(steps="three"), "c2s.training.steps: is 'three'; expected an integer"),
        (training(steps=2.5), "c2s.training.steps: is 2.5; expected an integer"),
        (training(steps="2.5"), "c2s.training.steps: is '2.5'; expected an integer"),
        (training(steps=True), "c2s.training.steps: is True; expected an integer"),
        (training(steps=0), "c2s.training.steps: is 0; expected at least 1"),
        (training(lr=0), "c2s.training.lr: is 0; expected more than 0"),
        (training(lr=2), "c2s.training.lr: is 2; expected at most 1"),
        (training(lr=float("nan")), "c2s.training.lr: is nan; expected a finite number"),
        (training(lr="fast"), "c2s.training.lr: is 'fast'; expected a number"),
        (training(sizes=[4, "x"]), "c2s.training.sizes.1: is 'x'; expected an integer"),
        (training(sizes=[]), "c2s.training.sizes: is []; expected at least 1 items"),
        (training(sizes=3), "c2s.training.sizes: is 3; expected a list"),
        (training(partition=3), "c2s.training.partition: is 3; expected text"),
        (training(samples={"a": "b"}), "c2s.training.samples.a: is 'b'; expected an integer"),
        (training(shuffle="maybe"), "c2s.training.shuffle: is 'maybe'; expected true or false"),
        (training(between=[2, 1]), "c2s.training.between: is (2, 1); expected two numbers in order"),
        ({"c2s": {"training": 3}}, "c2s.training: is 3; expected a mapping of keys to values"),
        (
            {"c2s": {"reference": {"path": "gone.h5ad"}}},
            "c2s.reference.path: is 'gone.h5ad'; expected an existing",
        ),
        ({"c2s": {"reference": {"path": "/"}}}, "c2s.reference.path: is '/'; expected a file, which that is not"),
        ({"c2s": {"replicates": [1, 1]}}, "c2s.replicates: is [1, 1]; expected different numbers"),
        ({"c2s": {"replicates": [-1]}}, "c2s.replicates.0: is -1; expected at least 0"),
        ({"c2s": {"main": "rulez"}}, "c2s.main: is 'rulez'; expected 'rules'"),
        ({"scale": "smok"}, "scale: is 'smok'; expected one of laptop, smoke"),
    ],
)
def test_mistakes_are_named(overlay: dict, expected: str) -> None:
    assert message(merge(GOOD, overlay)).startswith(expected)


@pytest.mark.parametrize(
    ("values", "key", "value"),
    [
        ({"steps": "100"}, "steps", 100),
        ({"lr": "1e-4"}, "lr", 1e-4),  # YAML 1.1 reads that as a word
        ({"sizes": ["3", "4"]}, "sizes", [3, 4]),
        ({"between": "none"}, "between", None),
        ({"between": "[3, 4]"}, "between", (3, 4)),
        ({"partition": "null"}, "partition", None),
        ({"partition": "gpu"}, "partition", "gpu"),
        ({"samples": {"a": "2"}}, "samples", {"a": 2}),
        ({"samples": '{"b": 5}'}, "samples", {"b": 5}),
        ({"shuffle": "false"}, "shuffle", False),
    ],
)
def test_text_is_read_as_what_the_field_is(values: dict, key: str, value: object) -> None:
    """`snakemake --config 'c2s={training: {steps: 100}}'` hands on every value as text."""
    found = read(Training, GOOD["c2s"]["training"] | values).model_dump()[key]
    assert (found, type(found)) == (value, type(value))


def test_a_misspelt_key_is_named_before_the_missing_one() -> None:
    config = {"xscale": "smoke", "c2s": GOOD["c2s"]}
    assert message(config).startswith("xscale: unknown key; expected 'scale'")


def test_missing_key_and_count_of_the_others() -> None:
    assert message({"scale": "smoke"}) == "c2s: is missing; expected a mapping of keys to values"
    text = message(merge(GOOD, training(stepz=1, sizes=3, lr="x")))
    assert text.startswith("c2s.training.lr: is 'x'")
    assert text.endswith("(and 2 more mistakes)")


def test_long_values_are_cut() -> None:
    assert len(message(merge(GOOD, training(steps=list(range(1000)))))) < 160


def test_the_place_of_a_record_follows_from_its_type() -> None:
    assert record_at(Whole, Training) == ["c2s", "training"]

    class Twice(Record):
        one: Training
        other: Training

    with pytest.raises(LookupError, match=r"stands at one, other"):
        record_at(Twice, Training)
    with pytest.raises(LookupError, match="nowhere"):
        record_at(Twice, Reference)


def test_one_value_is_converted_by_its_annotation() -> None:
    assert convert("3", int, "--top") == 3
    with pytest.raises(InputError, match=r"--top: is '2.5'; expected an integer"):
        convert("2.5", int, "--top")


@given(base=configs, overlay=configs)
def test_overlays_merge_as_in_snakemake(base: dict, overlay: dict) -> None:
    ours = merge(base, overlay)
    update_config(base, overlay)
    assert ours == base


@given(base=st.dictionaries(keys, mappings), overlay=st.dictionaries(keys, mappings))
def test_merging_leaves_both_as_they_were(base: dict, overlay: dict) -> None:
    before = repr((base, overlay))
    merged = merge(base, overlay)
    assert repr((base, overlay)) == before
    assert merge(merged, overlay) == merged
    assert merge({}, overlay) == overlay
    assert merge(base, {}) == base


def test_load_replaces_lists_and_merges_mappings(tmp_path) -> None:
    (tmp_path / "a.yaml").write_text("c2s: {sizes: [1, 2], steps: 3}\nscale: laptop\n")
    (tmp_path / "b.yaml").write_text("c2s: {sizes: [7]}\n")
    assert load([tmp_path / "a.yaml", tmp_path / "b.yaml"]) == {
        "c2s": {"sizes": [7], "steps": 3},
        "scale": "laptop",
    }


@pytest.mark.parametrize("text", ["- 1\n- 2\n", "", "a: [1,\n", "just words\n"])
def test_load_refuses_what_is_no_mapping(tmp_path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(InputError, match=r"bad\.yaml"):
        load([tmp_path / "bad.yaml"])


def test_import_is_cheap() -> None:
    """It is imported whenever the Snakefile is parsed."""
    program = "import sys, raw2fig.config; print([m for m in ('numpy', 'pandas', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


OVERLAYS = sorted(path for path in (ROOT / "config").glob("*.yaml") if path.name != "config.yaml")


@pytest.mark.parametrize("overlay", [None, *OVERLAYS], ids=lambda path: path.stem if path else "laptop")
def test_the_repository_s_configurations_are_valid(overlay: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    files = [ROOT / "config/config.yaml", *([overlay] if overlay else [])]
    checked = check(load(files))
    assert check(checked) == checked


def test_every_paper_has_a_required_section() -> None:
    papers = [path.parent.name for path in (ROOT / "workflow/raw2fig/papers").glob("*/__init__.py")]
    schema = configuration().model_json_schema()
    assert set(papers) < set(schema["required"])
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        ({"c2z": {}}, "c2z: unknown key; expected 'c2s'"),
        ({"resources": {"classes": {"trian": {}}}}, "resources.classes.trian: unknown key; expected 'train'"),
        (
            {"resources": {"classes": {"light": 3}}},
            "resources.classes.light: is 3; expected a mapping of keys to values",
        ),
        (
            {"resources": {"classes": {"data": {"mem_mb": "2GB"}}}},
            "resources.classes.data.mem_mb: is '2GB'; expected an integer",
        ),
        (
            {"resources": {"rules": {"c2s_grpo": {"gpus": 1}}}},
            "resources.rules.c2s_grpo.gpus: unknown key; expected 'gpu'",
        ),
        ({"pathvars": {"results": "a b"}}, "pathvars.results: is 'a b'; expected the form"),
        ({"pathvars": {"results": "a\nb"}}, "pathvars.results: is 'a\\nb'; expected the form"),
        ({"pathvars": {"results": ".."}}, "pathvars.results: is '..'; expected a folder of its own"),
    ],
)
def test_mistakes_in_the_repository_s_configuration(
    overlay: dict, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(InputError) as caught:
        check(merge(load([ROOT / "config/config.yaml"]), overlay))
    assert str(caught.value).startswith(expected)


def test_an_exception_of_a_rule_that_is_not_there() -> None:
    config = {"resources": {"rules": {"c2s_trian": {"cpus": 2}}}}
    check_rules(config, {"c2s_trian", "c2s_sft"})
    with pytest.raises(InputError, match=r"resources.rules.c2s_trian: no such rule; expected 'c2s_train'"):
        check_rules(config, {"c2s_train", "hero_train"})
