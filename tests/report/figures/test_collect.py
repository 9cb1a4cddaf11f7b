from collections.abc import Callable

import pytest
from matplotlib import style

from foundry_bench.report.assemble import assemble
from foundry_bench.report.figures.canvas import render
from foundry_bench.report.figures.style import STYLE
from foundry_bench.report.records.harvest import read_folders
from foundry_bench.report.sections import SweepReport
from tests.report.example_sweeps import (
    fill_baselines,
    fill_budget,
    fill_gate,
    fill_losses,
    fill_teachers,
    leave_histograms,
)
from tests.report.examples import ExampleSweep

MakeSweep = Callable[..., ExampleSweep]

FIGURES = {
    fill_baselines: [
        "accuracy_by_variant",
        "accuracy_vs_supertokens",
        "loss_vs_accuracy",
        "nmse_vs_accuracy",
        "distillation_curves",
    ],
    fill_losses: [
        "accuracy_by_variant",
        "validation_curves",
        "nmse_vs_accuracy",
        "distillation_curves",
    ],
    fill_gate: [
        "accuracy_vs_gate_lambda",
        "loss_vs_accuracy",
        "nmse_vs_accuracy",
        "distillation_curves",
    ],
    fill_budget: ["accuracy_vs_budget", "probe_accuracy_vs_budget"],
    fill_teachers: [
        "loss_vs_accuracy",
        "accuracy_vs_supertokens",
        "nmse_vs_accuracy",
        "distillation_curves",
    ],
}


def _assemble(sweep: ExampleSweep) -> SweepReport:
    return assemble(read_folders([sweep.out])).sweeps[0]


@pytest.mark.parametrize("fill", list(FIGURES))
def test_each_sweep_has_its_figures_drawn_in_full(
    make_sweep: MakeSweep, fill: Callable[[ExampleSweep], ExampleSweep]
) -> None:
    report = _assemble(fill(make_sweep()))

    assert [picture.name for picture in report.pictures] == [*FIGURES[fill], "time_by_stage"]
    for picture in report.pictures:
        with style.context(STYLE, after_reset=True):
            figure = picture.draw()
            figure.canvas.draw()
        assert figure.get_figwidth() == 3.5
        for legend in figure.legends:
            assert legend.get_window_extent().x1 <= figure.bbox.x1, picture.name
        assert picture.lines


def test_epsilons_have_a_second_figure_over_the_ratio(make_sweep: MakeSweep) -> None:
    report = _assemble(fill_gate(make_sweep(), (1e-3, 1e-2)))

    pictures = {picture.name: picture for picture in report.pictures}
    assert list(pictures)[:2] == ["accuracy_vs_gate_lambda", "accuracy_vs_lambda_to_eps"]
    assert "lines of all ε would be one" in pictures["accuracy_vs_lambda_to_eps"].caption
    above, below = pictures["accuracy_vs_gate_lambda"].draw().axes
    assert [text.get_text() for text in below.get_xticklabels()][-1] == "0"
    assert above.get_xlim() == below.get_xlim()


def test_many_decades_have_few_ticks(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for power in range(-14, 1):
        weight = 10.0**power
        sweep.trial(
            "main",
            "foundry_gate",
            0,
            0.9,
            supertokens=4,
            student={"gate_lambda": weight},
            varies={"student.gate_lambda": weight},
            tag=str(power),
        )

    axes = _assemble(sweep).pictures[0].draw().axes[0]

    assert list(axes.get_xticks()) == [-14, -12, -10, -8, -6, -4, -2, 0]


def test_gates_that_left_histograms_have_them_drawn(make_sweep: MakeSweep) -> None:
    sweep = fill_gate(make_sweep())
    leave_histograms(sweep)

    report = _assemble(sweep)

    picture = next(each for each in report.pictures if each.name == "gate_histograms")
    labels = [axes.get_ylabel() for axes in picture.draw().axes]
    assert labels == ["λ = 0", "λ = 0.001", "λ = 0.01", "λ = 0.1"]


def test_the_main_variant_is_marked(make_sweep: MakeSweep) -> None:
    picture = _assemble(fill_baselines(make_sweep())).pictures[0]

    labels = picture.draw().axes[0].get_yticklabels()

    assert [label.get_text() for label in labels if label.get_fontweight() == "bold"] == ["foundry"]
    assert "Lines with bands: teacher, not distilled, from scratch" in picture.caption


def test_what_inference_only_means_is_said(make_sweep: MakeSweep) -> None:
    pictures = {each.name: each for each in _assemble(fill_budget(make_sweep())).pictures}

    assert "without further training" in pictures["accuracy_vs_budget"].caption
    assert "without further training" not in pictures["probe_accuracy_vs_budget"].caption


@pytest.mark.parametrize("fill", [fill_baselines, fill_losses, fill_gate])
def test_the_same_records_draw_the_same_bytes(
    make_sweep: MakeSweep, fill: Callable[[ExampleSweep], ExampleSweep]
) -> None:
    sweep = fill(make_sweep())

    first, second = (_assemble(sweep).pictures[0] for _ in range(2))

    assert render(first.draw) == render(second.draw)
    assert first.lines == second.lines


def test_records_without_the_new_fields_are_drawn(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for weight in (None, 0.0, 0.1):
        student = {"name": "foundry_gate", "gate_lambda": weight}
        varies = {"student.gate_lambda": weight}
        sweep.trial(
            "main",
            "foundry_gate",
            0,
            0.9,
            supertokens=4,
            student=student,
            varies=varies,
            tag=str(weight),
        )

    report = _assemble(sweep)

    assert report.pictures[0].name == "accuracy_vs_gate_lambda"
    for picture in report.pictures:
        picture.draw()
