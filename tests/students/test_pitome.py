import math

import pytest
import torch

from foundry_bench.seeds import generator, seeded
from foundry_bench.students.pitome import Pitome, PitomeSettings, energy, energy_matching
from foundry_bench.students.student import Student
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import StudentContract, tiny_patches, tiny_teacher
from tests.students.official import assert_as_recorded, cases


class TestPitome(StudentContract):
    counts = (2, 3, 4, 8)

    def student(self, teacher: Teacher, supertokens: int) -> Student:
        return Pitome(teacher, PitomeSettings(supertokens=supertokens))


class TestPublishedPitome(StudentContract):
    """Without what upsampling adds."""

    counts = TestPitome.counts

    def student(self, teacher: Teacher, supertokens: int) -> Student:
        return Pitome(teacher, PitomeSettings(supertokens=supertokens, upsample="copy"))


def test_the_matching_is_that_of_the_official_code() -> None:
    found = list(cases("pitome"))
    assert len(found) == 4
    for case in found:
        place_BT = energy_matching(
            case["keys"], int(case["num_merged"]), int(case["num_class"]), float(case["margin"])
        )
        assert_as_recorded(case, place_BT)


def test_several_class_tokens_merge_with_nothing() -> None:
    keys = torch.randn(2, 3 + 8, 6, generator=generator(0, "keys"))
    place = energy_matching(keys, 4, 3, 0.5)
    assert place[:, :3].tolist() == [[0, 1, 2]] * 2
    assert place[:, 3:].min() == 3
    assert [len(row.unique()) for row in place] == [3 + 4] * 2


def test_tokens_that_are_like_no_other_are_protected() -> None:
    angles = torch.tensor([2.0, 0.0, 0.1, 0.2, 4.0, 0.3])
    keys = torch.stack([angles.cos(), angles.sin()], dim=-1)[None]
    place = energy_matching(keys, 2, 0, 0.75)[0].tolist()
    assert sorted(place[number] for number in (0, 4)) == [0, 1]
    assert {place[number] for number in (1, 2, 3, 5)} == {2, 3}


def test_the_energy_is_soft_below_the_margin() -> None:
    alike = torch.tensor([[1.0, 0.2], [0.2, 1.0]])
    expected = (0.5 + math.exp(-0.3) - 1) / 2
    assert energy(alike, 0.5).tolist() == pytest.approx([expected, expected])


def test_the_margin_falls_from_block_to_block(monkeypatch: pytest.MonkeyPatch) -> None:
    margins = []

    def spy(keys: torch.Tensor, num_merged: int, num_class: int, margin: float) -> torch.Tensor:
        margins.append(margin)
        return energy_matching(keys, num_merged, num_class, margin)

    monkeypatch.setattr("foundry_bench.students.pitome.energy_matching", spy)
    with seeded(0):
        made = Pitome(tiny_teacher(), PitomeSettings(supertokens=4)).eval()
    made.tokens(tiny_patches())
    assert margins == [0.75, 0.375]
