import pytest
import torch

from foundry_bench.seeds import seeded
from foundry_bench.students.narrow import Narrow, NarrowSettings
from foundry_bench.students.student import Student
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import StudentContract, tiny_patches, tiny_teacher

SETTINGS = NarrowSettings(width=12, depth=3, heads=2)


class TestNarrow(StudentContract):
    has_supertokens = False
    counts = (8,)

    def student(self, teacher: Teacher, supertokens: int) -> Student:
        return Narrow(teacher, SETTINGS)


def student() -> Narrow:
    with seeded(0):
        return Narrow(tiny_teacher(), SETTINGS).eval()


def test_its_encoder_has_the_size_of_the_settings() -> None:
    encoder = student().encoder
    assert len(encoder.blocks) == 3
    assert encoder.blocks[0].attn.heads == 2
    assert encoder.norm.normalized_shape == (12,)


def test_it_keeps_the_teachers_tokenizer_and_positions() -> None:
    made, teacher = student(), tiny_teacher()
    for part in ("tokenizer", "positions"):
        theirs = teacher.get_submodule(part).state_dict()
        mine = made.get_submodule(part).state_dict()
        assert all(torch.equal(mine[name], value) for name, value in theirs.items())


def test_the_last_layer_is_the_final_tokens() -> None:
    made, patches = student(), tiny_patches()
    assert torch.equal(made.layers(patches, (0, -1))[1], made.tokens(patches))


def test_all_tokens_enter() -> None:
    made = student()
    activity = made.compress(made.embed(tiny_patches(2))).activity()
    assert activity["encoder_tokens"].tolist() == [8, 8]
    assert activity["supertokens_in_use"].tolist() == [8, 8]
    assert activity["assignment_entropy"].tolist() == [3, 3]


def test_a_width_that_the_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="heads: 5 does not divide the width 48"):
        NarrowSettings(heads=5)
