import pytest

from foundry_bench.config.fields import field_at, settings_at, takes_sequence, with_field
from foundry_bench.config.settings import DistillSettings
from foundry_bench.config.sweep import SweepConfig
from foundry_bench.errors import FoundryError
from tests.toys import Hard, Quiz, Toy


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["train", "distill"], DistillSettings),
        (["student"], Toy.Settings),
        (["student", "assignment"], Hard.Settings),
        (["tasks", 0], Quiz.Settings),
        (["student", "supertokens"], None),
        (["nothing"], None),
        (["tasks", 7], None),
    ],
)
def test_settings_at(keys: list[str | int], expected: type | None):
    assert settings_at(SweepConfig, {"student": "toy", "tasks": ["quiz"]}, keys) is expected


def test_settings_at_an_unknown_class_are_none():
    assert settings_at(SweepConfig, {"student": "no_such"}, ["student"]) is None
    assert settings_at(SweepConfig, {}, ["student"]) is None


@pytest.mark.parametrize(
    ("path", "expected"), [("student.levels", True), ("student.supertokens", False)]
)
def test_takes_sequence(path: str, expected: bool):
    field = field_at(SweepConfig, {"student": "toy"}, path)
    assert field is not None
    assert takes_sequence(field) is expected


@pytest.mark.parametrize(
    ("values", "path", "value", "expected"),
    [
        ({}, "train.distill.epochs", 3, {"train": {"distill": {"epochs": 3}}}),
        (
            {"student": "toy"},
            "student.supertokens",
            1,
            {"student": {"name": "toy", "supertokens": 1}},
        ),
        (
            {"student": "toy"},
            "student.assignment.temperature",
            3,
            {"student": {"name": "toy", "assignment": {"name": "hard", "temperature": 3}}},
        ),
        (
            {"student": "toy"},
            "student.assignment.name",
            "soft",
            {"student": {"name": "toy", "assignment": {"name": "soft"}}},
        ),
        ({"student": "toy"}, "student", "other", {"student": "other"}),
    ],
)
def test_with_field(values: dict[str, object], path: str, value: object, expected: object):
    before = repr(values)
    found = with_field(SweepConfig, values, path, value)
    if "train" in found:
        found["train"]["distill"] = {"epochs": found["train"]["distill"]["epochs"]}
        found["train"] = {"distill": found["train"]["distill"]}
    assert found == expected
    assert repr(values) == before


def test_a_scalar_has_no_fields():
    with pytest.raises(FoundryError, match="seeds has no fields"):
        with_field(SweepConfig, {"seeds": [1]}, "seeds.x", 1)
