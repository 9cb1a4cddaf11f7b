from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from foundry_bench.config.source import dump_yaml, parse, parse_file
from foundry_bench.errors import FoundryError


class Holder(BaseModel):
    value: Any


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("no", "no"), ("on", "on"), ("1:30", "1:30"), ("0o17", 15), ("~", None)],
)
def test_scalars_are_yaml_1_2(text: str, value: object):
    assert parse(f"a: {text}", "x").value == {"a": value}


def test_origins_are_lines():
    source = parse("a: 1\nb:\n  c: [1,\n   2]\n", "f.yaml")
    assert source.origin(("b", "c", 1)) == "f.yaml:4"
    assert source.origin(("b", "c", 1, "deeper")) == "f.yaml:4"
    assert source.origin(("b", "missing")) == "f.yaml:2"
    assert source.origin(("missing",)) == "f.yaml"


def test_every_duplicate_key_is_a_fault():
    source = parse("a: 1\na: 2\nb: {c: 1, c: 2}\n", "f.yaml")
    assert source.faults == [
        (("a",), "given twice, first at f.yaml:1"),
        (("b", "c"), "given twice, first at f.yaml:3"),
    ]


def test_aliases_are_copies():
    assert parse("a: &x [1, 2]\nb: *x\n", "f").value == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", r"f:1: not YAML 1\.2"),
        ("a: 1\n b: 2", r"f:2: not YAML 1\.2"),
        ("a: &x [*x]", r"contains itself"),
        ("? [1, 2]\n: 3", r"line 1 is not a scalar"),
        ("a: !!python/object:os.system x", r"f:1: not YAML 1\.2: could not determine"),
        ("a: 1\n---\nb: 2", r"f:2: not YAML 1\.2"),
    ],
)
def test_what_is_not_yaml_is_one_error(text: str, message: str):
    with pytest.raises(FoundryError, match=message):
        parse(text, "f")


def test_missing_and_binary_files(tmp_path: Path):
    with pytest.raises(FoundryError, match="no such file"):
        parse_file(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FoundryError, match="cannot be read as text"):
        parse_file(tmp_path / "binary.yaml")
    with pytest.raises(FoundryError, match="cannot be read as text"):
        parse_file(tmp_path)


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(codec="ascii", exclude_categories=["Cc"]))
    | st.sampled_from(["no", "1e-3", "null", "~", "2020-01-01", "a: b", "é ü", "- x", ""])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc.", min_size=1), inner),
    max_leaves=8,
)


@given(VALUES)
def test_dumped_values_load_equal(value: object):
    assert parse(dump_yaml(Holder(value=value)), "f").value == {"value": value}


def test_dump_keeps_the_order_of_fields():
    text = dump_yaml(Holder(value={"b": {"z": [1, 2]}, "a": 2}))
    assert text.split() == ["value:", "b:", "z:", "[1,", "2]", "a:", "2"]
