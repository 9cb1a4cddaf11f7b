import torch

from foundry_bench.teachers.point_bert import PointBert, PointBertSettings
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import TeacherContract, tiny_patches
from foundry_bench.testing.tiny import TINY

SETTINGS = PointBertSettings(**TINY.model_dump() | {"name": "point_bert", "tokenizer_width": 20})


class TestPointBert(TeacherContract):
    def teacher(self) -> Teacher:
        return PointBert(SETTINGS)


def test_the_tokenizer_has_a_width_of_its_own() -> None:
    tokenizer = PointBert(SETTINGS).make_tokenizer(SETTINGS)
    assert tokenizer.out.weight.shape == (20, 16)
    assert tokenizer.reduce.weight.shape == (24, 20)


def test_the_class_token_moves_the_others() -> None:
    teacher, patches = PointBert(SETTINGS).eval(), tiny_patches()
    before_BCD = teacher.tokens(patches)
    for part in (teacher.encoder.class_tokens, teacher.encoder.class_positions):
        with torch.no_grad():
            part += torch.randn_like(part)
        after_BCD = teacher.tokens(patches)
        assert not torch.allclose(after_BCD, before_BCD)
        before_BCD = after_BCD
