from collections.abc import Mapping
from typing import Any

import pytest

from foundry_bench.record import Role, TrialRecord
from foundry_bench.report.study.series import Series, name_series


def _trial(role: Role, variant: str, varies: Mapping[str, Any]) -> TrialRecord:
    name = f"{variant} {sorted(varies.items())}"
    return TrialRecord(
        trial=name,
        sweep="x",
        role=role,
        variant=variant,
        seed=0,
        threads=1,
        status="done",
        varies=dict(varies),
        config={},
    )


def _series(*trials: TrialRecord) -> list[Series]:
    return list(name_series(trials).values())


def test_the_usual_sweep_has_no_context() -> None:
    varies = [{"student.supertokens": count, "student.residual": True} for count in (1, 16)]
    ablation = {"student.supertokens": 16, "student.residual": False}

    found = _series(
        *(_trial("main", "foundry", each) for each in varies),
        _trial("baseline", "not_distilled", varies[1]),
        _trial("baseline", "teacher", {}),
        _trial("ablation", "no_residual", ablation),
    )

    assert [each.name for each in found] == [
        "foundry", "foundry", "not distilled", "teacher", "no residual"
    ]  # fmt: skip
    assert {each.context for each in found} == {each.axes for each in found} == {""}
    assert [each.student for each in found] == [
        "residual True", "residual True", "residual True", "", "residual False"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "context"),
    [
        ("data.difficulty", "difficulty 0.2"),
        ("train.finetune.clip", "clip 0.2"),
        ("teacher", "teacher 0.2"),
        ("student.gate", ""),
        ("train.distill.clip", ""),
    ],
)
def test_the_context_is_what_baselines_follow(path: str, context: str) -> None:
    first, _ = _series(*(_trial("main", "foundry", {path: value}) for value in (0.2, 0.6)))

    assert first.context == context
    assert first.axes == first.detail == f"{path.rpartition('.')[2]} 0.2"


def test_an_baseline_or_a_ablation_at_one_value_of_an_axis_says_which() -> None:
    main = [_trial("main", "foundry", {"data.difficulty": value}) for value in (0.2, 0.6)]

    *_, baseline, ablation = _series(
        *main,
        _trial("baseline", "teacher", {"data.difficulty": 0.6}),
        _trial("ablation", "dso", {"data.difficulty": 0.2}),
    )

    assert (baseline.name, baseline.context) == ("teacher, difficulty 0.6", "difficulty 0.6")
    assert (ablation.name, ablation.axes) == ("dso, difficulty 0.2", "difficulty 0.2")


def test_what_an_baseline_alone_has_otherwise_is_no_context() -> None:
    main, baseline = _series(
        _trial("main", "foundry", {"train.finetune.epochs": 20}),
        _trial("baseline", "scratch", {"train.finetune.epochs": 40}),
    )

    assert main.context == baseline.context == ""


def test_choices_of_one_name_are_told_apart_by_their_settings() -> None:
    found = _series(
        *(
            _trial("main", "foundry", {"data": {"name": "shapes", "train": 9, "noise": noise}})
            for noise in ({"name": "white", "scale": 1}, {"name": "white", "scale": 2})
        )
    )

    assert [each.name for each in found] == [
        "foundry, data shapes (noise white (scale 1))",
        "foundry, data shapes (noise white (scale 2))",
    ]


def test_paths_of_one_ending_are_named_in_full() -> None:
    first, *_ = _series(
        *(
            _trial("main", "foundry", {"data.seed": a, "teacher.seed": b})
            for a, b in ((1, 2), (2, 1))
        )
    )

    assert first.context == "data.seed 1, teacher.seed 2"


def test_a_setting_that_says_too_little_is_named_with_its_group() -> None:
    first, second = _series(
        *(_trial("main", "foundry", {"train.views.count": value}) for value in ("online", 4))
    )

    assert (first.name, second.context) == ("foundry, views count online", "views count 4")


def test_students_in_whole_make_a_series_over_supertokens() -> None:
    found = _series(
        *(
            _trial("main", "foundry", {"student": {"name": "foundry", "supertokens": count}})
            for count in (1, 4)
        )
    )

    assert {each.name for each in found} == {"foundry"}


def test_numbers_along_an_axis_make_no_series() -> None:
    settings = [{"student.budget": 4, "student.gate_lambda": 0.1}, {"student.budget": 8}]

    found = _series(*(_trial("main", "foundry_gate", each) for each in settings))

    assert {each.name for each in found} == {"foundry gate"}


def test_a_choice_goes_by_what_is_chosen() -> None:
    losses = [("mse", "none"), ("smooth_l1", "layer")]

    found = _series(
        *(
            _trial(
                "main",
                "foundry",
                {"train.distill.loss.name": name, "train.distill.loss.target_norm": norm},
            )
            for name, norm in losses
        )
    )

    assert [each.name for each in found] == [
        "foundry, loss mse, target norm none",
        "foundry, loss smooth_l1, target norm layer",
    ]


def test_a_student_in_whole_is_told_from_those_of_its_variant_alone() -> None:
    dso, dso_pos = (
        {"name": "foundry", "assignment": {"name": name}} for name in ("dso", "dso_pos")
    )
    tome = {"name": "tome"}

    *_, first, second = _series(
        _trial("main", "foundry", {"student": dso_pos, "student.assignment": "dso_pos"}),
        _trial("ablation", "dso", {"student": dso, "student.assignment": "dso"}),
        _trial("baseline", "not_distilled", {"student": dso_pos, "student.assignment": "dso_pos"}),
        _trial("baseline", "not_distilled", {"student": tome}),
    )

    assert (first.name, second.name) == (
        "not distilled, student foundry",
        "not distilled, student tome",
    )


def test_nested_settings_name_the_series_that_they_make() -> None:
    choices = [
        {"name": name, "heads": 1, "init_std": spread}
        for name, spread in (("dso", 1.0), ("dso", 4.0), ("soft", 1.0))
    ]

    found = _series(*(_trial("main", "foundry", {"student.assignment": each}) for each in choices))

    assert [each.name for each in found] == [
        "foundry, assignment dso (init std 1.0)",
        "foundry, assignment dso (init std 4.0)",
        "foundry, assignment soft",
    ]
