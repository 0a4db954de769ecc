"""The configuration: overlays, and one clear line for every mistake."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake.utils import update_config

from raw2fig.config import load, merge, read_schema, validate
from raw2fig.errors import InputError
from raw2fig.resources import KEYS

ROOT = Path(__file__).parents[2]
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["scale", "c2s"],
    "properties": {
        "scale": {"enum": ["laptop", "smoke", "gpu", "paper"]},
        "c2s": {
            "type": "object",
            "additionalProperties": False,
            "required": ["steps"],
            "properties": {
                "steps": {"type": "integer", "minimum": 1},
                "learning_rate": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                "reference": {
                    "anyOf": [
                        {"const": "pbmc68k_reduced"},
                        {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {"path": {"type": "string"}},
                        },
                    ]
                },
                "sizes": {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 1}},
                "partition": {"type": ["string", "null"]},
                "rules": {"patternProperties": {"^c2s_": {"type": "object"}}, "additionalProperties": False},
            },
        },
    },
}
GOOD = {"scale": "smoke", "c2s": {"steps": 3, "learning_rate": 0.1, "sizes": [1, 2], "partition": None}}

keys = st.sampled_from(["a", "b", "c"])
leaves = st.one_of(st.integers(0, 9), st.none(), st.lists(st.integers(0, 9), max_size=2))
mappings = st.recursive(leaves, lambda inner: st.dictionaries(keys, inner, max_size=3), max_leaves=8)
configs = st.dictionaries(keys, st.dictionaries(keys, leaves), max_size=3)


def message(config: dict, schema: dict = SCHEMA) -> str:
    with pytest.raises(InputError) as caught:
        validate(config, schema)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_good_config_passes() -> None:
    validate(GOOD, SCHEMA)
    validate(merge(GOOD, {"c2s": {"rules": {"c2s_train": {}}, "reference": {"path": "x"}}}), SCHEMA)


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        ({"c2s": {"stepz": 3}}, "c2s.stepz: unknown key; expected 'steps'"),
        ({"c2": 3}, "c2: unknown key; expected 'c2s'"),
        ({"zzzzzz": 3}, "zzzzzz: unknown key; expected one of scale, c2s"),
        ({"c2s": {"steps": "3"}}, "c2s.steps: is '3'; expected integer, at least 1"),
        ({"c2s": {"steps": 2.5}}, "c2s.steps: is 2.5; expected integer, at least 1"),
        ({"c2s": {"steps": True}}, "c2s.steps: is True; expected integer, at least 1"),
        ({"c2s": {"steps": 0}}, "c2s.steps: is 0; expected integer, at least 1"),
        (
            {"c2s": {"learning_rate": 0}},
            "c2s.learning_rate: is 0; expected number, more than 0, at most 1",
        ),
        ({"c2s": {"sizes": [4, -1]}}, "c2s.sizes.1: is -1; expected integer, at least 1"),
        ({"c2s": {"sizes": []}}, "c2s.sizes: is []; expected array, number of items at least 1"),
        ({"c2s": {"partition": 3}}, "c2s.partition: is 3; expected string or null"),
        ({"c2s": {"reference": 3}}, "c2s.reference: is 3; expected exactly pbmc68k_reduced or object"),
        ({"c2s": {"reference": {"pth": "x"}}}, "c2s.reference.pth: unknown key; expected 'path'"),
        ({"c2s": {"reference": {"path": 3}}}, "c2s.reference.path: is 3; expected string"),
        ({"c2s": {"rules": {"c2s_train": {}, "train": {}}}}, "c2s.rules.train: unknown key"),
        ({"scale": "smok"}, "scale: is 'smok'; expected 'smoke'"),
        ({"scale": "huge"}, "scale: is 'huge'; expected one of laptop, smoke, gpu, paper"),
        ({"c2s": {"learning_rate": float("nan")}}, "c2s.learning_rate: is nan; expected a finite number"),
    ],
)
def test_mistakes_are_named(overlay: dict, expected: str) -> None:
    assert message(merge(GOOD, overlay)).startswith(expected)


def test_learning_rate_without_a_point_is_explained(tmp_path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("scale: smoke\nc2s: {steps: 1, learning_rate: 3e-4}\n")
    assert "'3e-4'" in message(load([path]))
    assert "in YAML with a point: 1.0e-4" in message(load([path]))


def test_a_misspelt_key_is_named_before_the_missing_one() -> None:
    assert message({"xscale": "smoke", "c2s": {"steps": 1}}).startswith("xscale: unknown key; expected 'scale'")


def test_missing_key_and_count_of_the_others() -> None:
    assert message({"scale": "smoke", "c2s": {}}) == "c2s.steps: is missing; expected integer, at least 1"
    text = message({"scale": "x", "c2s": {"stepz": 1, "sizes": 3, "steps": 1}})
    assert text.startswith("c2s.sizes: is 3")
    assert text.endswith("(and 2 more in the configuration)")


def test_long_values_are_cut() -> None:
    assert len(message(merge(GOOD, {"c2s": {"steps": list(range(1000))}}))) < 160


def test_two_unknown_keys_are_two_mistakes() -> None:
    assert message(merge(GOOD, {"one": 1, "two": 2})).endswith("(and 1 more in the configuration)")


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
    program = "import sys, raw2fig.config; print([m for m in ('numpy', 'pandas', 'jsonschema') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_repository_s_configurations_fit_its_schema() -> None:
    schema = read_schema(ROOT / "workflow/schemas")
    for overlay in ([], [ROOT / "config/smoke.yaml"]):
        validate(load([ROOT / "config/config.yaml", *overlay]), schema)
    assert tuple(schema["$defs"]["request"]["properties"]) == KEYS


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        ({"c2z": {}}, "c2z: unknown key; expected 'c2s'"),
        ({"c2s": {"seed": [0]}}, "c2s.seed: unknown key; expected 'seeds'"),
        ({"c2s": {"seeds": [-1]}}, "c2s.seeds.0: is -1; expected integer, at least 0"),
        ({"resources": {"classes": {"trian": {}}}}, "resources.classes.trian: unknown key; expected 'train'"),
        ({"resources": {"classes": {"light": 3}}}, "resources.classes.light: is 3; expected object"),
        (
            {"resources": {"classes": {"data": {"mem_mb": "2GB"}}}},
            "resources.classes.data.mem_mb: is '2GB'; expected integer, at least 1",
        ),
        (
            {"resources": {"rules": {"c2s_grpo": {"gpus": 1}}}},
            "resources.rules.c2s_grpo.gpus: unknown key; expected 'gpu'",
        ),
        ({"resources": {"rules": {"c2s_grpo": None}}}, "resources.rules.c2s_grpo: is None; expected object"),
    ],
)
def test_mistakes_are_named_in_a_paper_s_section_and_through_definitions(overlay: dict, expected: str) -> None:
    config = merge(load([ROOT / "config/config.yaml"]), overlay)
    assert message(config, read_schema(ROOT / "workflow/schemas")) == expected


def test_each_paper_has_a_required_section_with_definitions_of_its_own(tmp_path) -> None:
    common = "type: object\nadditionalProperties: false\nproperties: {scale: {type: string}}\nrequired: [scale]\n"
    (tmp_path / "config.schema.yaml").write_text(common)
    for paper, kind in (("one", "integer"), ("other", "string")):
        text = "type: object\nproperties: {size: {$ref: '#/$defs/size'}}\n$defs: {size: {type: KIND}}\n"
        (tmp_path / f"{paper}.schema.yaml").write_text(text.replace("KIND", kind))
    schema = read_schema(tmp_path)
    good = {"scale": "smoke", "one": {"size": 3}, "other": {"size": "XS"}}
    validate(good, schema)
    assert message({**good, "one": {"size": "XS"}}, schema) == "one.size: is 'XS'; expected integer"
    assert message({**good, "other": {"size": 3}}, schema) == "other.size: is 3; expected string"
    assert message({key: good[key] for key in ("scale", "one")}, schema) == "other: is missing; expected object"
