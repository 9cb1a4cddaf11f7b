from typing import Any

import pytest
import torch

from foundry_bench.models.backbone import Embedding
from foundry_bench.seeds import seeded
from foundry_bench.students.patch_merger import PatchMerger, PatchMergerSettings
from foundry_bench.students.student import Student
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import StudentContract, tiny_patches, tiny_teacher
from tests.teachers.families import FAMILIES, small


class TestPatchMerger(StudentContract):
    def student(self, teacher: Teacher, supertokens: int) -> Student:
        return PatchMerger(teacher, PatchMergerSettings(supertokens=supertokens))


class TestPublishedPatchMergerAtTheStart(StudentContract):
    """Without what upsampling adds."""

    def student(self, teacher: Teacher, supertokens: int) -> Student:
        settings = PatchMergerSettings(supertokens=supertokens, upsample="copy", at=0)
        return PatchMerger(teacher, settings)


def merger(teacher: Teacher, supertokens: int = 3, **changes: Any) -> PatchMerger:
    with seeded(0):
        settings = PatchMergerSettings(supertokens=supertokens, upsample="copy", **changes)
        return PatchMerger(teacher, settings).eval()


def embedding(teacher: Teacher) -> Embedding:
    return teacher.embed(tiny_patches(2))


@pytest.mark.parametrize("family", FAMILIES)
def test_it_equals_the_formula(family: str) -> None:
    teacher = small(family, depth=4)
    student, given = merger(teacher), embedding(teacher)
    encoder, num = student.encoder, student.encoder.num_class_tokens
    places = student.positions(given.centers_BC3)
    tokens, positions, _ = encoder.enter(given.tokens_BCD, places)
    for block in encoder.blocks[:2]:
        tokens = block(tokens + positions)
    normed = student.norm(tokens[:, num:])
    supers, moved, back = [], [], []
    for query in student.queries.weight:
        score = torch.stack([normed[:, token] @ query for token in range(8)], dim=1).exp()
        share = (score / score.sum(1, keepdim=True))[..., None]
        supers.append((share * normed).sum(1))
        moved.append((share * places).sum(1))
        back.append(score)
    assign = torch.stack(back, -1) / torch.stack(back, -1).sum(-1, keepdim=True)
    tokens = torch.cat([tokens[:, :num], torch.stack(supers, 1)], 1)
    positions = torch.cat([positions[:, :num], torch.stack(moved, 1)], 1)
    for block in encoder.blocks[2:]:
        tokens = block(tokens + positions)
    expected = assign @ encoder.norm(tokens)[:, num:]
    torch.testing.assert_close(student.tokens(given), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(student.compress(given).assign_BCS, assign)


def test_layers_before_it_are_the_teachers() -> None:
    teacher = small("point_bert", depth=4)
    student, given = merger(teacher), embedding(teacher)
    found, theirs = student.layers(given, (0, 1, 2)), teacher.layers(given, (0, 1, 2))
    assert torch.equal(found[0], theirs[0])
    assert torch.equal(found[1], theirs[1])
    assert not torch.allclose(found[2], theirs[2])


@pytest.mark.parametrize(("at", "entered"), [(None, 5.5), (0, 3.0), (3, 6.75)])
def test_the_tokens_that_entered_are_a_mean_over_the_blocks(at: int | None, entered: float) -> None:
    teacher = small("point_bert", depth=4)
    activity = merger(teacher, at=at).compress(embedding(teacher)).activity()
    assert activity["encoder_tokens"].tolist() == [entered, entered]


def test_a_block_that_is_not_there_is_refused() -> None:
    message = "at: there is no block 2 among the teacher's 2; the last is 1"
    with pytest.raises(ValueError, match=message):
        PatchMergerSettings(at=2).check(16, 2)
    with pytest.raises(ValueError, match=message):
        merger(tiny_teacher(), at=2)
