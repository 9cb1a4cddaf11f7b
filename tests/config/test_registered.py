import json
import subprocess
import sys

import pytest
from pydantic import ValidationError

from foundry_bench.config.registered import DataField, StudentField
from foundry_bench.config.settings import NamedSettings, Seq, Settings
from foundry_bench.config.tasks import TaskField
from tests.toys import Blobs, Hard, Other, Toy


class Holder(Settings):
    student: StudentField
    tasks: Seq[TaskField] = ()
    data: DataField | None = None


def test_name_picks_the_class():
    held = Holder.model_validate({"student": {"name": "toy", "supertokens": 3}})
    assert isinstance(held.student, Toy.Settings)
    assert held.student.supertokens == 3


def test_bare_name_is_short_for_a_mapping():
    assert Holder.model_validate({"student": "other"}).student == Other.Settings(name="other")


def test_nested_choice_is_resolved_too():
    held = Holder.model_validate({"student": {"name": "toy", "assignment": "soft"}})
    assert isinstance(held.student, Toy.Settings)
    assert held.student.assignment == Hard.Settings(name="soft")


def test_built_settings_pass():
    settings = Toy.Settings(name="toy", supertokens=2)
    assert Holder(student=settings).student is settings


@pytest.mark.parametrize(
    "settings",
    [Blobs.Settings(name="toy"), NamedSettings(name="toy"), Toy.Settings(name="no_such")],
)
def test_built_settings_of_another_class_are_refused(settings: NamedSettings):
    with pytest.raises(ValidationError, match=r"student"):
        Holder(student=settings)


def test_settings_serialise_as_their_own_class():
    held = Holder.model_validate({"student": {"name": "toy", "levels": [3]}, "tasks": ["quiz"]})
    expected = {
        "name": "toy",
        "supertokens": 16,
        "assignment": {"name": "hard", "temperature": 2.0},
        "residual": True,
        "levels": [3],
    }
    assert json.loads(held.model_dump_json())["student"] == expected
    assert held.model_dump(mode="json")["student"] == expected
    assert held.model_dump()["student"]["levels"] == (3,)
    assert Holder.model_validate(json.loads(held.model_dump_json())) == held


def test_dump_without_defaults_keeps_the_name():
    held = Holder.model_validate({"student": {"name": "toy", "supertokens": 3}})
    assert held.model_dump(exclude_unset=True) == {"student": {"name": "toy", "supertokens": 3}}
    assert held.model_dump(exclude_defaults=True) == {"student": {"name": "toy", "supertokens": 3}}


@pytest.mark.parametrize(
    ("given", "location", "kind"),
    [
        ({"student": {"name": "tooy"}}, ("student", "name"), "unknown_name"),
        ({"student": "tooy"}, ("student", "name"), "unknown_name"),
        ({"student": 3}, ("student",), "registered"),
        ({"student": {}}, ("student", "name"), "missing"),
        ({"student": {"name": 3}}, ("student", "name"), "string_type"),
        ({"student": {"name": "toy", "x": 1}}, ("student", "x"), "extra_forbidden"),
        ({"student": {"name": "toy", "residual": 1}}, ("student", "residual"), "bool_type"),
        ({"student": {"name": "toy", "levels": ["1"]}}, ("student", "levels", 0), "int_type"),
        (
            {"student": {"name": "toy", "assignment": {"name": "hard", "temperature": 0}}},
            ("student", "assignment", "temperature"),
            "greater_than",
        ),
        (
            {"student": "toy", "tasks": ["quiz", {"name": "no"}]},
            ("tasks", 1, "name"),
            "unknown_name",
        ),
    ],
)
def test_faults_keep_their_place(given: dict[str, object], location: tuple[object, ...], kind: str):
    with pytest.raises(ValidationError) as caught:
        Holder.model_validate(given)
    assert [(fault["loc"], fault["type"]) for fault in caught.value.errors()] == [(location, kind)]


def test_unknown_name_gets_the_nearest():
    with pytest.raises(ValidationError, match="unknown student 'tooy'; did you mean 'toy'"):
        Holder.model_validate({"student": "tooy"})


def test_schema_is_the_union_of_all_registered_settings():
    choices = Holder.model_json_schema()["properties"]["student"]["anyOf"]
    assert choices[0] == {"enum": ["toy", "other"]}
    assert [choice["properties"]["name"]["const"] for choice in choices[1:]] == ["toy", "other"]
    assert "supertokens" in json.dumps(choices[1])
    assert "depth" in json.dumps(choices[2])


def test_importing_imports_no_torch():
    code = "import sys, foundry_bench.config.sweep as s; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
