import json

import torch

from foundry_bench.config.settings import TeacherSettings
from foundry_bench.resources import shipped
from foundry_bench.teachers.point_mae import PointMae
from foundry_bench.teachers.preset import teacher_source
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import TeacherContract, tiny_patches, tiny_teacher
from foundry_bench.testing.tiny import TINY


class TestPointMae(TeacherContract):
    def teacher(self) -> Teacher:
        return PointMae(TINY)


def test_biases_are_where_the_family_has_them() -> None:
    names, others = set(PointMae(TINY).state_dict()), set(tiny_teacher().state_dict())
    assert names - others == {"tokenizer.lift.bias", "tokenizer.mix.bias"}
    assert others - names == {f"encoder.blocks.{number}.attn.qkv.bias" for number in (0, 1)}


def test_the_shipped_weights_load_and_are_not_random() -> None:
    teacher = teacher_source(TeacherSettings(name="point_mae")).build()
    random = teacher_source(TeacherSettings(name="point_mae", weights="random")).build()
    patches = tiny_patches(2, spec=teacher.patch_spec)
    assert teacher.tokens(patches).isfinite().all()
    assert not torch.allclose(teacher.tokens(patches), random.tokens(patches))


def test_the_shipped_record_is_of_a_finished_run_of_one_commit() -> None:
    path = shipped("experiments/teachers") / "point_mae_tiny.record.json"
    record = json.loads(path.read_text())
    assert (record["stage"], record["status"]) == ("pretrain", "done")
    assert len(record["commit"]) == 40
    metrics = record["metrics"]
    assert metrics["probe_accuracy"] > metrics["probe_accuracy_random_weights"] + 0.3
