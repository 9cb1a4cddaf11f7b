"""The counter against closed forms and against torch's own, for every student and teacher."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.macs import count_macs
from foundry_bench.cost.counting import PARTS, Counts, count, random_patches
from foundry_bench.cost.operators import SOFTMAX_OPS
from foundry_bench.models.heads import HIDDEN, ClassificationHead
from foundry_bench.registries import STUDENTS, TEACHERS
from foundry_bench.students.assignments.dso_balanced import DsoBalancedSettings
from foundry_bench.students.foundry import Foundry, FoundrySettings
from foundry_bench.students.student import Student
from foundry_bench.tasks.part_segmentation import PartSegmentationSettings
from foundry_bench.testing import tiny_teacher
from foundry_bench.testing.tiny import SPEC, TINY
from tests.cost.closed_form import (
    attention_macs,
    compression_macs,
    encoder_macs,
    position_macs,
    segmentation_head_macs,
    tokenizer_macs,
    upsample_macs,
)
from tests.teachers.families import small

SHAPE = (TINY.patches, TINY.patch_size, TINY.tokenizer, TINY.width)
TOKENS, WIDTH, DEPTH = TINY.patches, TINY.width, TINY.depth
HEADS = TINY.heads


def student(name: str, teacher_name: str = "point_jepa") -> Student:
    kind = STUDENTS.get(name)
    fields = kind.Settings.model_fields
    sizes = {"supertokens": 4} if "supertokens" in fields else {"width": 12, "heads": 3}
    return kind(small(teacher_name), kind.Settings(name=name, **sizes))


def operator(counts: Counts, part: str, name: str) -> float:
    return sum(row.macs for row in counts.work if (row.part, row.operator) == (part, name))


@pytest.mark.parametrize("num_clouds", [1, 3])
def test_a_teachers_parts_are_those_on_paper(num_clouds: int) -> None:
    counts = count(tiny_teacher(), patches=random_patches(SPEC, num_clouds))
    floor = tokenizer_macs(*SHAPE, concatenated=False) + position_macs(TOKENS, WIDTH)
    assert counts.total("macs", "tokenize") == num_clouds * floor
    assert counts.total("macs", "encode") == num_clouds * encoder_macs(TOKENS, WIDTH, DEPTH)
    attention = operator(counts, "encode", "attention")
    assert attention == num_clouds * DEPTH * attention_macs(TOKENS, TOKENS, WIDTH)
    assert counts.total("macs", "compress", "upsample", "head") == 0
    assert counts.total("flops") == 2 * counts.total("macs")


def test_each_sinkhorn_step_costs_a_softmax_and_no_macs() -> None:
    def compress(steps: int) -> Counts:
        assignment = DsoBalancedSettings(name="dso_balanced", steps=steps)
        return count(Foundry(tiny_teacher(), FoundrySettings(assignment=assignment, supertokens=4)))

    plain, balanced = compress(0), compress(3)
    assert balanced.total("macs", "compress") == plain.total("macs", "compress")
    assert balanced.total("macs", "compress") == compression_macs(TOKENS, 4, WIDTH)
    softmax = [
        sum(row.other_ops for row in each.work if row.operator == "softmax")
        for each in (plain, balanced)
    ]
    assert softmax[1] - softmax[0] == 3 * TOKENS * 4 * SOFTMAX_OPS


@pytest.mark.parametrize("supertokens", [1, 3, 8])
def test_a_students_parts_are_those_on_paper(supertokens: int) -> None:
    counts = count(Foundry(tiny_teacher(), FoundrySettings(supertokens=supertokens)))
    routing = TOKENS * supertokens * WIDTH
    assert counts.total("macs", "compress") == compression_macs(TOKENS, supertokens, WIDTH)
    assert counts.total("macs", "encode") == encoder_macs(supertokens, WIDTH, DEPTH)
    assert counts.total("macs", "upsample") == upsample_macs(TOKENS, WIDTH) + routing


def test_what_norms_and_activations_of_the_encoder_do_is_counted_beside() -> None:
    by_name = {
        row.operator: row.other_ops
        for row in count(tiny_teacher()).work
        if row.part == "encode" and row.other_ops
    }
    assert by_name == {
        "norm": (2 * DEPTH + 1) * 5 * TOKENS * WIDTH,
        "activation": DEPTH * 4 * TOKENS * WIDTH,
        "attention_softmax": DEPTH * HEADS * TOKENS**2 * 6,
        "elementwise": DEPTH * 3 * TOKENS * WIDTH,
    }


@pytest.mark.parametrize("name", [name for name in STUDENTS if "gate" not in name])
def test_torchs_counter_agrees_about_every_student_without_computing(name: str) -> None:
    found = student(name)
    macs = count(found).total("macs")
    with FakeTensorMode(allow_non_fake_inputs=True):  # the meta device under the name of the CPU
        assert count_macs(found)["total"] == macs


@pytest.mark.parametrize("name", [name for name in STUDENTS if "gate" in name])
def test_torchs_counter_agrees_about_gates_which_need_numbers(name: str) -> None:
    found = student(name)
    assert count(found).total("macs") == count_macs(found)["total"]


@pytest.mark.parametrize("name", list(TEACHERS))
def test_torchs_counter_agrees_about_every_teacher_on_the_meta_device(name: str) -> None:
    teacher = small(name)
    assert count(teacher).total("macs") == count_macs(teacher.to("meta"))["total"]


@pytest.mark.parametrize("name", list(STUDENTS))
def test_no_module_of_a_student_with_parameters_counts_nothing(name: str) -> None:
    found = student(name)
    assert count(found, ClassificationHead(WIDTH, 5)).silent == ()


@pytest.mark.parametrize("name", list(TEACHERS))
def test_no_module_of_a_teacher_with_parameters_counts_nothing(name: str) -> None:
    assert count(small(name), ClassificationHead(WIDTH, 5)).silent == ()


@pytest.mark.parametrize("name", ["tome", "pitome"])
def test_attention_of_students_that_walk_over_the_blocks_is_the_encoders(name: str) -> None:
    for teacher_name in ("point_jepa", "point_bert"):
        counts = count(student(name, teacher_name))
        assert operator(counts, "encode", "attention") > 0
        assert {row.part for row in counts.work if row.operator == "attention"} == {"encode"}
        assert operator(counts, "compress", "matmul") > 0


def test_a_head_is_a_part_of_its_own() -> None:
    teacher, head = tiny_teacher(), ClassificationHead(WIDTH, 5)
    counts, without = count(teacher, head), count(teacher)
    assert counts.total("macs", "head") == 2 * WIDTH * HIDDEN + HIDDEN * 5
    assert counts.total("macs") - without.total("macs") == counts.total("macs", "head")


HEAD = {"categories": 3, "parts": 7, "propagation": (WIDTH, WIDTH), "hidden": (32, 16)}


def test_the_head_of_part_segmentation_is_the_one_on_paper() -> None:
    head = PartSegmentationSettings().head(WIDTH, 3, 7)
    sizes = [layer.out_features for layer in (head.propagate, head.propagated[2], head.mix)]
    assert (*sizes, head.mixed[3].out_features) == (WIDTH, WIDTH, 32, 16)
    counts = count(tiny_teacher(), head)
    on_paper = segmentation_head_macs(SPEC.points, TOKENS, WIDTH, **HEAD)
    assert counts.total("macs", "head") == on_paper
    with FlopCounterMode(display=False) as counter:
        head.eval()(
            [torch.zeros(1, TOKENS, WIDTH)],
            torch.zeros(1, TOKENS, 3),
            torch.zeros(1, SPEC.points, 3),
            torch.zeros(1, dtype=torch.int64),
        )
    assert counter.get_total_flops() == 2 * on_paper


@pytest.mark.parametrize("name", list(STUDENTS))
def test_every_student_is_counted_with_the_head_of_part_segmentation(name: str) -> None:
    found, head = student(name), PartSegmentationSettings().head(WIDTH, 3, 7)
    counts, without = count(found, head), count(found)
    assert counts.total("macs", "head") == segmentation_head_macs(
        SPEC.points, TOKENS, WIDTH, **HEAD
    )
    for part in ("tokenize", "encode"):
        assert counts.total("macs", part) == without.total("macs", part)
    assert counts.silent == ()


def test_parts_come_in_their_order_and_geometry_in_a_column_of_its_own() -> None:
    counts = count(student("foundry"), ClassificationHead(WIDTH, 5))
    parts = [row.part for row in counts.work]
    assert list(dict.fromkeys(parts)) == list(PARTS)
    assert parts == sorted(parts, key=PARTS.index)
    assert counts.total("geometry_ops") == counts.total("geometry_ops", "group") > 0
    assert counts.total("macs", "group") == counts.total("other_ops", "group") == 0


def test_an_untouched_module_is_told() -> None:
    teacher = tiny_teacher()
    teacher.spare = nn.Linear(2, 2)
    assert count(teacher).silent == ("backbone.spare",)
