"""A smoke test runs each student with each task once, in two steps."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from foundry_bench.config.load import load_sweep
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.smoke import shrunk, variants, without_repeats

MakeTrials = Callable[[str], list[TrialConfig]]


@pytest.fixture
def trials(tmp_path: Path) -> MakeTrials:
    """The trials of a sweep with two tasks and two seeds."""

    def expanded(more: str) -> list[TrialConfig]:
        path = tmp_path / "sweep.yaml"
        path.write_text(
            "name: small\nquestion: q\nstudent: {name: foundry, supertokens: 4}\nseeds: [0, 1]\n"
            "data: {name: shapes, train: 200, test: 200, unlabelled: 200}\n"
            f"tasks: [classification, probe]\n{more}\n"
        )
        return expand(load_sweep(path), cores=2)

    return expanded


def run_by(trials: list[TrialConfig]) -> list[tuple[str, list[str]]]:
    found: Iterator[TrialConfig] = without_repeats(variants(trials))
    return [(trial.variant, [task.key for task in trial.tasks]) for trial in found]


def test_each_pair_of_student_and_task_is_run_once(trials: MakeTrials) -> None:
    found = run_by(
        trials(
            "axes: {train.distill.loss.name: [smooth_l1, mse]}\n"
            "baselines: {teacher: true, not_distilled: true, scratch: true}\n"
            "ablations: {small: {student.supertokens: 1}}"
        )
    )
    both = ["classification", "probe"]
    assert found == [
        ("foundry", both),
        ("foundry", []),  # distilled otherwise
        ("teacher", both),
        ("not_distilled", ["classification"]),  # would run nothing
        # its tokenizer trains with the first task, and no other schedule decides the second
        ("scratch", both),
        ("small", both),
    ]


def test_a_task_with_another_schedule_is_another(trials: MakeTrials) -> None:
    found = run_by(
        trials(
            "axes: {train.finetune.label_smoothing: [0.1, 0.2]}\n"
            "baselines: {teacher: false, not_distilled: false, scratch: false}"
        )
    )
    assert [tasks[0] for _, tasks in found] == ["classification"] * 2


def test_the_smallest_trial_takes_two_steps(trials: MakeTrials) -> None:
    small = shrunk(trials("train: {views: {count: 4}}")[0])
    for schedule in (small.train.distill, small.train.finetune):
        assert (schedule.epochs, schedule.batch, schedule.steps_per_epoch) == (1, 2, 2)
    assert small.train.views.count == 2
    assert shrunk(trials("train: {views: {count: online}}")[0]).train.views.count == "online"
