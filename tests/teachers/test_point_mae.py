from foundry_bench.teachers.point_mae import PointMae
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import TeacherContract, tiny_teacher
from foundry_bench.testing.tiny import TINY


class TestPointMae(TeacherContract):
    def teacher(self) -> Teacher:
        return PointMae(TINY)


def test_biases_are_where_the_family_has_them() -> None:
    names, others = set(PointMae(TINY).state_dict()), set(tiny_teacher().state_dict())
    assert names - others == {"tokenizer.lift.bias", "tokenizer.mix.bias"}
    assert others - names == {f"encoder.blocks.{number}.attn.qkv.bias" for number in (0, 1)}
