from collections.abc import Callable

import pytest

from tests.report.example_claims import VIT_S, add, judge, over_supertokens, settings
from tests.report.example_sweeps import fill_losses
from tests.report.example_tasks import fill_generalist
from tests.report.examples import ExampleSweep

MakeSweep = Callable[..., ExampleSweep]
NEAR = {"name": "near_teacher", "results": ["accuracy"], "supertokens": 16, "margin": 1.0}
ORDER = {"name": "order", "variants": ["foundry", "fps_student", "kmeans_student"]}


@pytest.mark.parametrize(
    ("accuracy", "verdict"), [(0.896, "holds"), (0.86, "fails"), (0.891, "undecided")]
)
def test_near_the_teacher(make_sweep: MakeSweep, accuracy: float, verdict: str) -> None:
    sweep = make_sweep()
    add(sweep, "baseline", "teacher", 0.9, student=None)
    add(sweep, "main", "foundry", accuracy, supertokens=16, loss=0.02, spread=2)

    judged = judge(sweep, NEAR)

    assert judged.verdict == verdict
    (finding,) = judged.ruling.findings  # type: ignore[union-attr]
    assert finding.asked == "above \N{MINUS SIGN}1 point"
    assert finding.trials[0] == "example/foundry-s16-seed0"
    assert finding.trials[-1] == "example/teacher-sNone-seed2"


def test_a_result_may_have_a_margin_of_its_own(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    add(sweep, "baseline", "teacher", 0.9)
    add(sweep, "main", "foundry", 0.88, supertokens=16, loss=0.02, spread=2)

    assert judge(sweep, NEAR).verdict == "fails"
    assert judge(sweep, {**NEAR, "margins": {"accuracy": 3.0}}).verdict == "holds"


def test_other_sizes_and_a_missing_teacher_say_nothing(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    add(sweep, "main", "foundry", 0.9, supertokens=4, loss=0.02)
    assert judge(sweep, NEAR).verdict == "not run"

    add(sweep, "main", "foundry", 0.9, supertokens=16, loss=0.02)
    assert judge(sweep, NEAR).verdict == "not run"


def test_seeds_that_do_not_meet_say_nothing(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    sweep.trial("main", "foundry", 0, 0.9, supertokens=16, loss=0.02, config=settings())
    sweep.trial("baseline", "teacher", 1, 0.9, config=settings())

    assert judge(sweep, NEAR).verdict == "not run"


@pytest.mark.parametrize(
    ("fps", "kmeans", "verdict"),
    [(0.88, 0.76, "holds"), (0.92, 0.76, "fails"), (0.88, 0.8805, "undecided")],
)
def test_variants_stand_in_their_order(
    make_sweep: MakeSweep, fps: float, kmeans: float, verdict: str
) -> None:
    sweep = make_sweep()
    add(sweep, "main", "foundry", 0.9, supertokens=16, loss=0.02, spread=2)
    add(sweep, "ablation", "fps_student", fps, supertokens=16)
    add(sweep, "ablation", "kmeans_student", kmeans, supertokens=16)

    judged = judge(sweep, ORDER)

    assert judged.verdict == verdict
    assert [finding.what.partition(":")[0] for finding in judged.ruling.findings] == [  # type: ignore[union-attr]
        "foundry against fps student at s = 16",
        "fps student against kmeans student at s = 16",
    ]


def test_a_missing_variant_breaks_the_order(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    add(sweep, "main", "foundry", 0.9, supertokens=16, loss=0.02)
    add(sweep, "ablation", "kmeans_student", 0.7, supertokens=16)

    assert judge(sweep, ORDER).verdict == "not run"


def test_losses_are_held_against_each_other(make_sweep: MakeSweep) -> None:
    sweep = fill_losses(make_sweep())

    judged = judge(sweep, {"name": "losses", "margin": 0.5})

    assert judged.verdict == "holds"
    (finding,) = judged.ruling.findings  # type: ignore[union-attr]
    assert finding.asked == "above \N{MINUS SIGN}0.5 points"
    turned = {"name": "losses", "loss": "mse", "against": "smooth_l1", "margin": 0.5}
    assert judge(sweep, turned).verdict == "fails"
    assert judge(sweep, {**turned, "margin": 2.0}).verdict == "undecided"


def test_the_generalist_is_held_against_specialists_off_their_task(make_sweep: MakeSweep) -> None:
    check = {"name": "generalist", "results": ["accuracy", "miou_instance", "miou_class"]}

    judged = judge(fill_generalist(make_sweep()), check)

    assert judged.verdict == "holds"
    whats = [finding.what for finding in judged.ruling.findings]  # type: ignore[union-attr]
    assert len(whats) == 3
    assert not any("of classification: classification" in what for what in whats)


def test_the_same_numbers_in_two_sweeps_count_once(make_sweep: MakeSweep) -> None:
    several = []
    for name in ("one", "two"):
        sweep = make_sweep(name)
        add(sweep, "baseline", "teacher", 0.9)
        over_supertokens(sweep, {16: 0.895})
        several.append(sweep)

    judged = judge(several, NEAR)

    assert len(judged.ruling.findings) == 1  # type: ignore[union-attr]
    add(several[1], "main", "foundry", 0.894, supertokens=16, loss=0.02, tag="-b", teacher=VIT_S)
    assert len(judge(several, NEAR).ruling.findings) == 2  # type: ignore[union-attr]
