import math
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from foundry_bench.config.settings import OptimizerSettings
from foundry_bench.errors import DivergedError
from foundry_bench.seeds import seeded
from foundry_bench.stage import Progress, StageContext
from foundry_bench.training.loop import (
    Objective,
    Progressing,
    adamw,
    fit,
    learning_rate,
    num_batches,
    train_step,
)
from tests.training.runs import InterruptedByTest, losses, train


class Line(Objective[tuple[Tensor, Tensor]]):
    """Noisy regression with batch norm and dropout: everything that training carries along."""

    def __init__(self, num: int = 20, nan_at: int | None = None, noise: float = 0.1) -> None:
        with seeded(0, "line"):
            self.x, self.y = torch.randn(num, 3), torch.randn(num, 1)
            self.module = nn.Sequential(
                nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 1)
            )
        self.num_examples = num
        self.noise = noise
        self.nan_at = nan_at
        self.rows: list[list[int]] = []
        self.drawn: list[float] = []
        self.before: list[float] = []
        self.after: list[float] = []
        self.gradients: list[float] = []

    def batch(self, rows_B: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        self.rows.append(rows_B.tolist())
        self.drawn.append(torch.rand((), generator=rng).item())
        return self.x[rows_B] + self.noise * torch.randn(len(rows_B), 3), self.y[rows_B]

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        loss = (self.module(batch[0]) - batch[1]).float().square().mean()
        return loss * math.nan if len(self.rows) - 1 == self.nan_at else loss

    def before_step(self, progress: float) -> None:
        self.before.append(progress)

    def after_step(self, progress: float) -> None:
        self.after.append(progress)
        norms = [one.grad.norm() for one in self.module.parameters() if one.grad is not None]
        self.gradients.append(torch.stack(norms).norm().item())

    def after_epoch(self, epoch: int) -> dict[str, float]:
        return {"squared": float(epoch**2)}


def settings(**changes: Any) -> OptimizerSettings:
    return OptimizerSettings(**{"epochs": 3, "batch": 8, "lr": 1e-2, **changes})


def weights(objective: Line) -> list[Tensor]:
    return [value.clone() for value in objective.module.state_dict().values()]


def without_times(history: list[dict[str, float]]) -> list[dict[str, float]]:
    times = {"wall_s", "clouds_per_s"}
    return [{name: line[name] for name in line if name not in times} for line in history]


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_an_interrupted_run_ends_as_an_undisturbed_one(tmp_path: Path, stop_after: int) -> None:
    undisturbed = Line()
    expected = train(undisturbed, settings(), tmp_path / "whole")
    with pytest.raises(InterruptedByTest):
        train(Line(), settings(), tmp_path / "cut", stop_after=stop_after)
    torch.manual_seed(stop_after)
    resumed = Line()
    resumed.module.eval()
    found = train(resumed, settings(), tmp_path / "cut")
    assert without_times(found) == without_times(expected)
    assert all(map(torch.equal, weights(resumed), weights(undisturbed)))
    assert len(resumed.rows) == 3 * (3 - stop_after)
    assert resumed.module.training


def test_the_history_has_a_line_an_epoch(tmp_path: Path) -> None:
    history = train(Line(), settings(), tmp_path)
    assert [line["epoch"] for line in history] == [1.0, 2.0, 3.0]
    assert [line["squared"] for line in history] == [1.0, 4.0, 9.0]
    assert history[-1]["lr"] == learning_rate(8, 9, settings())
    assert all(line["clouds_per_s"] == 20 / line["wall_s"] for line in history)


def test_losses_fall(tmp_path: Path) -> None:
    history = train(Line(noise=0), settings(epochs=60), tmp_path)
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]


def test_the_same_seed_gives_the_same_run_and_another_one_another(tmp_path: Path) -> None:
    first, again, other = (
        losses(train(Line(), settings(), tmp_path, seed=seed)) for seed in (0, 0, 1)
    )
    assert first == again
    assert set(first).isdisjoint(other)


def test_the_world_outside_does_not_matter(tmp_path: Path) -> None:
    torch.manual_seed(1)
    first = losses(train(Line(), settings(), tmp_path))
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    assert losses(train(Line(), settings(), tmp_path)) == first
    assert torch.equal(torch.random.get_rng_state(), before)


def test_order_and_augmentation_have_streams_of_their_own(tmp_path: Path) -> None:
    class Greedy(Line):
        def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
            torch.rand(1000)
            return super().loss(batch)

    usual, greedy, other = Line(), Greedy(), Line()
    train(usual, settings(), tmp_path)
    train(greedy, settings(), tmp_path)
    train(other, settings(), tmp_path, seed=1)
    assert usual.rows == greedy.rows
    assert usual.rows != other.rows
    assert usual.drawn == greedy.drawn
    assert not set(usual.drawn) & set(other.drawn)
    assert len(set(usual.drawn)) == len(usual.drawn)
    assert usual.rows[:3] != usual.rows[3:6]


def test_an_epoch_shows_each_example_once(tmp_path: Path) -> None:
    objective = Line()
    train(objective, settings(epochs=1), tmp_path)
    assert [len(rows) for rows in objective.rows] == [8, 8, 4]
    assert sorted(chain.from_iterable(objective.rows)) == list(range(20))


def test_a_last_batch_of_one_is_left_out(tmp_path: Path) -> None:
    objective = Line(17)
    train(objective, settings(epochs=1), tmp_path)
    assert [len(rows) for rows in objective.rows] == [8, 8]
    assert [num_batches(num, 8) for num in (16, 17, 18, 3, 1)] == [2, 2, 3, 1, 1]


def test_progress_runs_from_0_to_1(tmp_path: Path) -> None:
    objective = Line()
    train(objective, settings(), tmp_path)
    assert objective.before == pytest.approx([step / 9 for step in range(9)])
    assert objective.after == pytest.approx([step / 9 for step in range(1, 10)])


@pytest.mark.parametrize("nan_at", [0, 4, 8])
def test_a_loss_that_is_not_finite_ends_it_with_the_step(tmp_path: Path, nan_at: int) -> None:
    with pytest.raises(DivergedError, match=f"the loss was nan at step {nan_at}") as caught:
        train(Line(nan_at=nan_at), settings(), tmp_path)
    assert caught.value.step == nan_at


def test_the_step_of_a_divergence_counts_on_after_resuming(tmp_path: Path) -> None:
    with pytest.raises(InterruptedByTest):
        train(Line(), settings(), tmp_path, stop_after=1)
    with pytest.raises(DivergedError, match="at step 4"):
        train(Line(nan_at=1), settings(), tmp_path)


def test_the_learning_rate_in_closed_form() -> None:
    given = settings(lr=0.5, warmup=0.25)
    rates = [learning_rate(step, 40, given) for step in range(40)]
    assert rates[:10] == pytest.approx([0.05 * (step + 1) for step in range(10)])
    cosine = [0.25 * (1 + math.cos(math.pi * step / 30)) for step in range(30)]
    assert rates[10:] == pytest.approx(cosine)
    assert learning_rate(0, 40, settings(lr=0.5, warmup=0)) == 0.5


def test_steps_use_the_scheduled_rate(tmp_path: Path) -> None:
    """AdamW's first step moves each weight by the learning rate, whatever the gradient."""
    objective = Line()
    before = objective.module[0].weight.clone()
    train(objective, settings(epochs=1, batch=20, warmup=0, weight_decay=0.0), tmp_path)
    moved = (objective.module[0].weight - before).abs()
    torch.testing.assert_close(moved, torch.full_like(moved, 1e-2), rtol=1e-3, atol=0)


def test_gradients_are_clipped(tmp_path: Path) -> None:
    free, clipped = Line(), Line()
    train(free, settings(clip=1e6), tmp_path)
    train(clipped, settings(clip=1e-3), tmp_path)
    assert max(free.gradients) > 1e-2
    assert max(clipped.gradients) == pytest.approx(1e-3, rel=1e-3)


def test_vectors_and_marked_matrices_do_not_decay() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    module[2].weight.no_weight_decay = True
    decayed, free = adamw(list(module.parameters()), settings(weight_decay=0.3)).param_groups
    assert [group["weight_decay"] for group in (decayed, free)] == [0.3, 0.0]
    assert [id(one) for one in decayed["params"]] == [id(module[0].weight)]
    assert len(free["params"]) == 5


def test_what_is_frozen_stays(tmp_path: Path) -> None:
    objective = Line()
    objective.module[0].requires_grad_(False)
    before = weights(objective)
    train(objective, settings(), tmp_path)
    same = [torch.equal(one, other) for one, other in zip(before, weights(objective), strict=True)]
    assert same[:2] == [True, True]
    assert not same[-2]


def test_bfloat16_is_near_float32(tmp_path: Path) -> None:
    exact, rough = (
        losses(train(Line(), settings(precision=precision), tmp_path))
        for precision in ("float32", "bfloat16")
    )
    assert exact != rough
    assert rough == pytest.approx(exact, rel=0.05)


def test_each_epoch_is_reported_with_the_time_left(tmp_path: Path) -> None:
    told: list[Progress] = []
    report = Progressing(
        StageContext(tmp_path, tmp_path, {}, told.append), "evaluate", "classification", 3
    )
    history = fit(Line(), settings(), seed=0, directory=tmp_path, report=report)
    assert [progress.epoch for progress in told] == [1, 2, 3]
    assert [progress.metrics for progress in told] == history
    assert told[0].left_s == pytest.approx(2 * history[0]["wall_s"])
    assert told[2].left_s == 0
    assert (told[0].stage, told[0].task, told[0].epochs) == ("evaluate", "classification", 3)


def test_gradients_far_below_epsilon_move_nothing() -> None:
    moved = []
    for eps in (1e-8, 1e-2):
        weight = torch.nn.Parameter(torch.zeros(2, 2))
        optimizer = adamw([weight], settings(eps=eps, weight_decay=0.0))
        (1e-6 * weight.sum()).backward()
        optimizer.step()
        moved.append(weight.detach().abs().max().item())
    assert moved[0] > 1e-4
    assert moved[1] < 1e-6


def test_what_is_marked_learns_faster() -> None:
    usual, fast = (torch.nn.Parameter(torch.ones(2, 2)) for _ in range(2))
    fast.lr_scale = 4.0
    optimizer = adamw([usual, fast], settings(weight_decay=0.0))
    rates = {group["lr_scale"]: group["params"] for group in optimizer.param_groups}
    assert rates[4.0][0] is fast
    assert rates[1.0][0] is usual


def test_its_steps_are_that_much_longer() -> None:
    usual, fast = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    fast.lr_scale = 4.0
    given = settings(weight_decay=0.0)
    optimizer = adamw([usual, fast], given)
    train_step(Pulling([usual, fast]), None, [usual, fast], optimizer, 1e-3, given)
    torch.testing.assert_close(1 - fast.detach(), 4 * (1 - usual.detach()))


class Pulling(Objective[None]):
    """A loss that pulls at all parameters alike."""

    def __init__(self, parameters: list[torch.nn.Parameter]) -> None:
        self.parameters = parameters

    def batch(self, rows_B: torch.Tensor, rng: torch.Generator) -> None:
        return None

    def loss(self, batch: None) -> torch.Tensor:
        return torch.stack([parameter.sum() for parameter in self.parameters]).sum()


def test_a_rate_an_epoch_is_that_of_lightning_bolts() -> None:
    made = settings(epochs=10, lr=1.0, warmup=0.3, lr_floor=0.1, lr_start=0.2, lr_per="epoch")
    rates = [learning_rate(step, 40, made) for step in range(40)]
    by_epoch = rates[::4]
    assert rates == [rate for rate in by_epoch for _ in range(4)]
    cosine = [0.1 + 0.45 * (1 + math.cos(math.pi * epoch / 7)) for epoch in range(7)]
    assert by_epoch == pytest.approx([0.2, 0.6, 1.0, *cosine])


def test_a_floor_is_where_the_rate_starts_and_ends() -> None:
    made = settings(lr=1.0, warmup=0.5, lr_floor=0.5)
    rates = [learning_rate(step, 1000, made) for step in (0, 499, 500, 999)]
    assert rates == pytest.approx([0.501, 1.0, 1.0, 0.5], abs=1e-4)


def test_gradients_are_not_clipped_without_a_limit(tmp_path: Path) -> None:
    clipped, free = Line(), Line()
    train(clipped, settings(clip=1e-3), tmp_path / "clipped")
    train(free, settings(clip=None), tmp_path / "free")
    assert max(clipped.gradients) < 1.1e-3
    assert max(free.gradients) > 1.1e-3


@pytest.mark.parametrize(("decay_vectors", "decayed"), [(False, 1), (True, 3)])
def test_vectors_are_decayed_if_asked_for(decay_vectors: bool, decayed: int) -> None:
    parameters = [nn.Parameter(torch.ones(shape)) for shape in ((2, 2), (2,), (3,))]
    made = adamw(parameters, settings(weight_decay=0.1, decay_vectors=decay_vectors))
    counts = {group["weight_decay"]: len(group["params"]) for group in made.param_groups}
    assert counts[0.1] == decayed


def test_an_epoch_takes_no_more_steps_than_it_may(tmp_path: Path) -> None:
    few = Line()
    history = fit(
        few,
        settings(epochs=1, batch=4, steps_per_epoch=2),
        seed=0,
        directory=tmp_path,
        report=Progressing(
            StageContext(tmp_path, tmp_path, {}, lambda _: None), "distill", None, 1
        ),
    )
    assert few.before == [0.0, 0.5]
    assert few.after == [0.5, 1.0]
    assert [len(rows) for rows in few.rows] == [4, 4]
    assert history[0]["clouds_per_s"] == pytest.approx(8 / history[0]["wall_s"])


def test_steps_that_are_not_limited_leave_keys_as_they_were() -> None:
    assert "steps_per_epoch" not in settings().model_dump()
