import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, fx

from foundry_bench.config.settings import DistillSettings, ViewSettings
from foundry_bench.seeds import seeded
from foundry_bench.students.foundry import Foundry, FoundrySettings
from foundry_bench.testing import tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC
from foundry_bench.training import compiling
from foundry_bench.training.compiling import compile_if_equal
from foundry_bench.training.distill import Backend, Distillation
from foundry_bench.training.lessons import Lessons
from foundry_bench.training.views import patch_views

SETTINGS = DistillSettings(epochs=1, batch=8)


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "STEPS", 8)
    monkeypatch.setattr(compiling, "BLOCK", 4)
    torch.compiler.reset()


def scaled_by(factor: float, after: int = 0) -> Backend:
    """A compiler whose programs give results that many times too large, from a call on."""
    calls = 0

    def compiled(graph: fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
        def run(*values: Tensor) -> list[Any]:
            nonlocal calls
            calls += 1
            made = graph.forward(*values)
            wrong = factor if calls > after else 1.0
            return [m * wrong if m.is_floating_point() else m for m in made]

        return run

    return compiled


def failing(graph: fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
    raise RuntimeError("no compiler here")


def trained(backend: Backend) -> tuple[bool, Distillation, Foundry]:
    dataset, teacher = tiny_dataset(), tiny_teacher()
    views = patch_views(
        dataset, dataset.pool, SPEC, ViewSettings(count="online"), torch.device("cpu")
    )
    with seeded(0):
        student = Foundry(teacher, FoundrySettings(supertokens=4))
    student.freeze_all_but(SETTINGS.trainable)
    lessons = Lessons(views, teacher)
    objective = Distillation(student, lessons, SETTINGS)
    done = compile_if_equal(objective, student, lessons, SETTINGS, seed=0, backend=backend)
    return done, objective, student


def loss(objective: Distillation) -> float:
    with seeded(1):
        batch = objective.batch(torch.arange(8), torch.Generator().manual_seed(0))
        return objective.loss(batch).item()


def test_a_compiler_that_is_right_is_used() -> None:
    done, objective, student = trained("eager")
    assert done
    assert objective._reconstruct != student.reconstruct


def test_the_student_and_the_random_numbers_are_as_they_were() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    _, _, student = trained("eager")
    assert torch.equal(torch.get_rng_state(), before)
    with seeded(0):
        fresh = Foundry(tiny_teacher(), FoundrySettings(supertokens=4)).state_dict()
    assert all(torch.equal(fresh[name], value) for name, value in student.state_dict().items())


@pytest.mark.parametrize(
    ("backend", "why"),
    [
        (scaled_by(1.2), "differ from eager's by"),
        (scaled_by(torch.nan, after=3), "its loss is nan at step"),
        (failing, "no compiler here"),
    ],
)
def test_a_compiler_that_is_wrong_is_not(
    backend: Backend, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        done, objective, student = trained(backend)
    assert not done
    assert objective._reconstruct == student.reconstruct
    assert "without torch.compile" in caplog.text
    assert why in caplog.text
    _, plain, _ = trained("eager")
    assert loss(objective) == pytest.approx(loss(plain), rel=1e-5)
