from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from foundry_bench.models.backbone import Backbone, Inputs
from foundry_bench.seeds import generator
from foundry_bench.tasks.fidelity import Fidelity, FidelitySettings, LinearCka
from foundry_bench.tasks.task import Task, TaskData, all_tokens
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import TaskContract, tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC
from foundry_bench.training.views import Batch, Views

CPU = torch.device("cpu")


def usual(teacher: Teacher | None, num_test: int = 300) -> TaskData:
    data = TaskData.from_patches(tiny_dataset(16, num_test), SPEC, CPU)
    return replace(data, teacher=teacher)


class TestFidelity(TaskContract):
    def task(self) -> Task:
        return Fidelity(FidelitySettings())

    def data(self) -> TaskData:
        return replace(super().data(), teacher=tiny_teacher(1))


def evaluate(backbone: Backbone, data: TaskData) -> dict[str, float]:
    return Fidelity(FidelitySettings()).evaluate(backbone, data).metrics


def tokens_of(backbone: Backbone, data: TaskData) -> Tensor:
    """(M, D), float64."""
    return torch.cat(all_tokens(backbone, data.test)).flatten(0, 1).double()


def random_tokens(num: int, width: int, name: str) -> Tensor:
    return torch.randn(num, width, generator=generator(0, name), dtype=torch.float64)


def cka(one_MD: Tensor, other_MD: Tensor, size: int = 10_000) -> float:
    counted = LinearCka()
    for one, other in zip(one_MD.split(size), other_MD.split(size), strict=True):
        counted.add(one, other)
    return counted.value()


def kernel_cka(one_MD: Tensor, other_MD: Tensor) -> float:
    """From the kernels between all tokens, as the definition has it."""
    num = len(one_MD)
    centring = torch.eye(num, dtype=torch.float64) - 1 / num
    one, other = (centring @ side @ side.T @ centring for side in (one_MD, other_MD))
    return ((one * other).sum() / (one.norm() * other.norm())).item()


def test_the_teacher_keeps_all_of_itself() -> None:
    found = evaluate(tiny_teacher(), usual(tiny_teacher()))
    assert found == {"token_cosine": pytest.approx(1.0), "token_cka": pytest.approx(1.0)}


def test_another_backbone_keeps_what_slow_formulas_say() -> None:
    data = usual(tiny_teacher())
    own_MD, teachers_MD = tokens_of(tiny_teacher(1), data), tokens_of(tiny_teacher(), data)
    cosines = []
    for one, other in zip(own_MD.numpy(), teachers_MD.numpy(), strict=True):
        one, other = one - one.mean(), other - other.mean()
        cosines.append(one @ other / np.sqrt((one @ one) * (other @ other)))
    found = evaluate(tiny_teacher(1), data)
    assert abs(np.mean(cosines)) < 0.9
    assert found["token_cosine"] == pytest.approx(np.mean(cosines), abs=1e-4)
    assert found["token_cka"] == pytest.approx(kernel_cka(own_MD, teachers_MD), rel=1e-6)
    assert 0.01 < found["token_cka"] < 0.99


class WithTargets(Views):
    """The same clouds, with the tokens of a teacher that the views know."""

    def __init__(self, views: Views, teacher: Teacher) -> None:
        self._views, self._teacher = views, teacher

    def __len__(self) -> int:
        return len(self._views)

    def draw(self, rows_B: Tensor, rng: torch.Generator | None = None) -> Batch:
        inputs = self._views.draw(rows_B).inputs
        return Batch(inputs, self._teacher.tokens(inputs))


@pytest.mark.parametrize("other", [None, 2])
def test_tokens_that_come_with_the_views_are_taken_as_the_teachers(other: int | None) -> None:
    plain = usual(tiny_teacher(1))
    cached = replace(
        plain,
        test=WithTargets(plain.test, tiny_teacher(1)),
        teacher=None if other is None else tiny_teacher(other),
    )
    assert evaluate(tiny_teacher(), cached) == evaluate(tiny_teacher(), plain)


def test_a_teacher_in_training_mode_is_compared_in_eval_mode() -> None:
    data = usual(tiny_teacher(1).train())
    expected = evaluate(tiny_teacher(), usual(tiny_teacher(1)))
    assert evaluate(tiny_teacher().train(), data) == expected


class Changed(Backbone):
    """The tiny teacher, each of its tokens times a number and plus another."""

    def __init__(self) -> None:
        super().__init__()
        self.teacher = tiny_teacher()

    embed = layers = None  # type: ignore[assignment]

    def tokens(self, inputs: Inputs) -> Tensor:
        tokens_BCD = self.teacher.tokens(inputs)
        stream = generator(0, "changes")
        factor, offset = torch.rand(2, *tokens_BCD.shape[:2], 1, generator=stream)
        return tokens_BCD * (1 + factor) + offset


def test_the_cosine_leaves_a_tokens_scale_and_offset_open() -> None:
    found = evaluate(Changed(), usual(tiny_teacher()))
    assert found["token_cosine"] == pytest.approx(1.0, abs=1e-4)
    assert found["token_cka"] < 0.99


@pytest.mark.parametrize("size", [1, 7, 40])
def test_chunks_change_nothing(size: int) -> None:
    one, other = random_tokens(40, 6, "one"), random_tokens(40, 9, "other")
    assert cka(one, other, size) == pytest.approx(kernel_cka(one, other), rel=1e-9)


def test_a_rotation_a_scale_and_an_offset_of_one_side_change_nothing() -> None:
    one = random_tokens(200, 8, "one") * torch.arange(1, 9)
    other = one + 10 * random_tokens(200, 8, "noise")
    rotation = torch.linalg.qr(random_tokens(8, 8, "rotation")).Q
    moved = 7 * other @ rotation + 100
    assert 0.1 < cka(one, other) < 0.9
    assert cka(one, moved) == pytest.approx(cka(one, other), rel=1e-9)
    assert cka(moved, one) == pytest.approx(cka(one, other), rel=1e-9)


def test_a_scale_of_some_axes_does_change_it() -> None:
    one = random_tokens(200, 8, "one")
    assert cka(one, one * torch.arange(1, 9)) < 0.95


def test_independent_tokens_share_next_to_nothing() -> None:
    """About width / tokens: by chance alone."""
    found = cka(random_tokens(5000, 20, "one"), random_tokens(5000, 20, "other"))
    assert found == pytest.approx(20 / 5000, rel=0.3)


def test_tokens_far_from_the_origin_lose_no_precision() -> None:
    one, other = random_tokens(300, 5, "one"), random_tokens(300, 5, "other")
    assert cka(one + 1e6, other - 1e6, 50) == pytest.approx(cka(one, other), rel=1e-6)


def test_a_constant_side_shares_nothing() -> None:
    constant = F.normalize(random_tokens(1, 5, "one"), dim=1).expand(300, -1)
    assert cka(constant, random_tokens(300, 5, "other"), 100) == 0.0
