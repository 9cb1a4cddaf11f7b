import pytest

from foundry_bench.config.settings import TeacherSettings
from foundry_bench.geometry.patches import PatchSpec
from foundry_bench.seeds import seeded
from foundry_bench.teachers.preset import patch_spec, teacher_source
from foundry_bench.testing import tiny_patches
from foundry_bench.training.jepa import Jepa, JepaSettings
from foundry_bench.training.mae import Mae, MaeSettings
from tests.teachers.families import FAMILIES, small

JEPA = JepaSettings(predictor_width=12, predictor_depth=1, predictor_heads=3, ema=(0.9, 1.0))
MAE = MaeSettings(decoder_depth=1, decoder_heads=3)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("objective", ["jepa", "mae"])
def test_each_parameter_of_a_family_is_trained_by_either_objective(
    family: str, objective: str
) -> None:
    teacher = small(family).train()
    with seeded(0):
        module = Jepa(teacher, JEPA) if objective == "jepa" else Mae(teacher, MAE)
        loss = module(tiny_patches())
        module.update_target(0.5)
    loss.backward()
    for name, parameter in teacher.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_small_preset_has_the_published_geometry(family: str) -> None:
    settings = TeacherSettings(name=family, preset="small", weights="random")
    assert patch_spec(settings) == PatchSpec(points=1024, patches=64, patch_size=32)
    teacher = teacher_source(settings).build()
    assert (teacher.width, len(teacher.encoder.blocks)) == (384, 12)
    assert teacher.tokenizer.mix.weight.shape == (512, 512)
