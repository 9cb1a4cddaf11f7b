from collections.abc import Callable, Sequence

import pytest

from foundry_bench.report.analysis.generality import generalise
from foundry_bench.report.analysis.specialists import contest
from foundry_bench.report.sentences.tasks import read_contests, read_generality
from foundry_bench.report.study.series import name_series
from foundry_bench.report.study.study import find_specialists
from tests.report.example_tasks import fill_generalist, fill_generality
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]
WOBBLE = (-0.0005, 0.0, 0.0005)
METRICS = {
    "classification": "accuracy",
    "few_shot": "few_shot_accuracy",
    "part_segmentation": "miou_class",
    "retrieval": "retrieval_map",
}


def _read(sweep: ExampleSweep) -> list[str]:
    _, _, summary = read(sweep)
    generality = generalise(summary, {})
    assert generality is not None
    return read_generality(generality)


@pytest.fixture
def told(make_sweep: MakeSweep) -> Callable[..., list[str]]:
    """The reading of a student whose differences to the teacher on four tasks are given."""

    def tell(gaps: Sequence[float], supertokens: int = 16, seeds: int = 3) -> list[str]:
        sweep = make_sweep()
        for seed, shift in list(enumerate(WOBBLE))[:seeds]:
            for variant, role in (("teacher", "baseline"), ("foundry", "main")):
                uses = [
                    sweep.stage(
                        f"{task}-{variant}-{seed}",
                        "evaluate",
                        task=task,
                        seed=seed,
                        metrics={metric: 0.8 + (gap + shift if role == "main" else 0.0)},
                    )
                    for (task, metric), gap in zip(METRICS.items(), gaps, strict=True)
                ]
                count = supertokens if role == "main" else None
                sweep.trial(role, variant, seed, None, supertokens=count, stages=uses)
        return _read(sweep)

    return tell


def test_results_near_the_teacher_are_counted(told: Callable[..., list[str]]) -> None:
    first, second = told((-0.006, -0.05, -0.0102, 0.02))

    assert first == (
        "On 2 of 4 results the whole 95 % interval of foundry at s = 16 is at most 1 point below"
        " the teacher; on 1 it is further below, on 1 the data do not tell."
    )
    assert second == (
        "Foundry at s = 16 against the teacher: ahead on 1, behind on 3, no difference found on 0"
        " of 4 results (*: p < 0.05, Holm-corrected over all tasks), in points, paired over 3"
        " seeds: classification accuracy \N{MINUS SIGN}0.6*, few-shot accuracy"
        " \N{MINUS SIGN}5.0*, class mIoU \N{MINUS SIGN}1.0* and retrieval mAP +2.0*."
    )


def test_two_seeds_decide_nothing(told: Callable[..., list[str]]) -> None:
    first, second = told((-0.006, -0.05, -0.015, 0.02), seeds=2)

    assert "on 4 the data do not tell" in first
    assert "4 results, none tested below three seeds" in second


def test_every_baseline_has_a_sentence(make_sweep: MakeSweep) -> None:
    statements = _read(fill_generality(make_sweep(), counts=(4, 16)))

    assert [each.partition(":")[0] for each in statements[1:]] == [
        "Foundry at s = 16 against the teacher",
        "Foundry at s = 16 against the same student not distilled",
        "Foundry at s = 16 against the same student from scratch (with random weights where"
        " nothing is trained)",
    ]
    assert "ahead on 13, behind on 0" in statements[2]


def test_the_generalist_is_told_off_and_on_the_specialists_tasks(make_sweep: MakeSweep) -> None:
    evidence, _, summary = read(fill_generalist(make_sweep()))
    specialists = find_specialists(evidence.trials, name_series(evidence.trials))

    off, own = read_contests(contest(summary, specialists))

    assert off.startswith("Off the specialists' tasks, foundry at s = 16 against the")
    assert "against the specialist of part segmentation: classification accuracy +19.4" in off
    assert "the specialist of classification: classification accuracy \N{MINUS SIGN}0.3" in own
