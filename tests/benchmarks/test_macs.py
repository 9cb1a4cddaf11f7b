import pytest

from benchmarks.macs import REST, count_macs
from foundry_bench.config.settings import TeacherSettings
from foundry_bench.registries import STUDENTS
from foundry_bench.students.foundry import Foundry, FoundrySettings
from foundry_bench.students.foundry_gate import FoundryGate, FoundryGateSettings
from foundry_bench.students.light import LightSettings
from foundry_bench.teachers.point_jepa import PointJepa
from foundry_bench.teachers.preset import teacher_source
from foundry_bench.testing import tiny_teacher
from foundry_bench.testing.tiny import TINY
from tests.cost.closed_form import (
    encoder_macs,
    position_macs,
    tokenizer_macs,
    upsample_macs,
)

SHAPE = (TINY.patches, TINY.patch_size, TINY.tokenizer, TINY.width)


def test_the_teachers_parts_are_those_on_paper() -> None:
    macs = count_macs(tiny_teacher(), num_clouds=2)
    assert macs["tokenizer"] == 2 * tokenizer_macs(*SHAPE, concatenated=False)
    assert macs["positions"] == 2 * position_macs(TINY.patches, TINY.width)
    assert macs["encoder"] == 2 * encoder_macs(TINY.patches, TINY.width, TINY.depth)
    assert macs[REST] == 0


@pytest.mark.parametrize("supertokens", [1, 3, 8])
def test_a_students_parts_are_those_on_paper(supertokens: int) -> None:
    student = Foundry(tiny_teacher(), FoundrySettings(supertokens=supertokens))
    macs = count_macs(student)
    tokens, width = TINY.patches, TINY.width
    assert macs["encoder"] == encoder_macs(supertokens, width, TINY.depth)
    keys, queries, values = (num * width**2 for num in (2 * tokens, supertokens, tokens))
    routing = tokens * supertokens * width
    assert macs["assignment"] == keys + queries + routing
    assert macs["upsample"] == upsample_macs(tokens, width) + routing
    assert macs[REST] == values + 2 * routing
    assert macs["total"] == sum(value for part, value in macs.items() if part != "total")


def test_a_budget_is_what_the_encoder_costs() -> None:
    for budget in (3, 5, 8):
        settings = FoundryGateSettings(supertokens=3, budget=budget)
        macs = count_macs(FoundryGate(tiny_teacher(), settings))
        assert macs["encoder"] <= encoder_macs(budget, TINY.width, TINY.depth)
    assert macs["encoder"] == count_macs(tiny_teacher())["encoder"]


def test_a_light_tokenizer_costs_less() -> None:
    light = FoundrySettings(tokenizer=LightSettings(points=4, widths=(4, 8)))
    both = [
        count_macs(Foundry(tiny_teacher(), settings.model_copy(update={"supertokens": 3})))
        for settings in (FoundrySettings(), light)
    ]
    assert both[1]["tokenizer"] < both[0]["tokenizer"] / 2
    assert both[1]["encoder"] == both[0]["encoder"]


@pytest.mark.parametrize("name", list(STUDENTS.entries))
def test_every_student_can_be_counted(name: str) -> None:
    student = STUDENTS.get(name)
    fields = student.Settings.model_fields
    small = {"supertokens": 4} if "supertokens" in fields else {"width": 12, "heads": 3}
    macs = count_macs(student(tiny_teacher(), student.Settings(name=name, **small)))
    assert macs["encoder"] > 0
    assert macs["tokenizer"] > 0
    assert macs["total"] == sum(value for part, value in macs.items() if part != "total")


def test_at_the_papers_size_a_light_tokenizer_leaves_a_third() -> None:
    """Of `foundry` with the tokenizer counted as published, which is how the paper's figures come
    out; ours never builds the concatenation and costs less, so that against it 0.36 are left: the
    encoder on 16 SuperTokens and the upsampling alone are 0.35 of it.
    """
    settings = TeacherSettings(preset="small", weights="random")
    teacher = teacher_source(settings).build()
    assert isinstance(teacher, PointJepa)
    size = teacher.settings
    shape = (size.patches, size.patch_size, size.tokenizer, size.width)
    split, published = (tokenizer_macs(*shape, concatenated=each) for each in (False, True))
    usual, light = (
        count_macs(Foundry(teacher, FoundrySettings(tokenizer=tokenizer)))["total"]
        for tokenizer in (None, LightSettings())
    )
    assert light / (usual - split + published) < 1 / 3
    assert light / usual == pytest.approx(0.361, abs=5e-4)
