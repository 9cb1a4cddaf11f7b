from collections.abc import Callable

import pytest
from matplotlib.figure import Figure

from foundry_bench.report.assemble import assemble
from foundry_bench.report.figures.canvas import PowerFormatter, new_figure, render
from foundry_bench.report.records.harvest import read_folders
from tests.report.examples import ExampleSweep


@pytest.mark.parametrize("text", ["$x_{$/1.npz", r"a \\$ and $\\alpha$", "$5 or 5$", "x^2_i"])
def test_text_of_users_is_drawn_as_text(text: str) -> None:
    def draw(shown: str, place: float) -> Figure:
        figure = new_figure(2.0)
        axes = figure.add_subplot()
        axes.set_xticks([0.5], [shown])
        axes.annotate(shown, (place, 0.5))
        axes.plot([0, 1], label=shown)
        axes.legend()
        return figure

    png, svg = render(lambda: draw(text, 0.1))

    assert png.startswith(b"\x89PNG")
    assert svg.count(f"<!-- {text} -->".encode()) == 3


@pytest.mark.parametrize(
    ("value", "text"), [(1e-3, "10⁻³"), (1.0, "10⁰"), (1e12, "10¹²"), (2e5, "2×10⁵")]
)
def test_powers_of_ten_need_no_mathematical_text(value: float, text: str) -> None:
    figure = new_figure(2.0)
    axes = figure.add_subplot(xscale="log", xlim=(0.9 * value, 1.2 * value))
    formatter = PowerFormatter(minor_thresholds=(2, 1))
    axes.xaxis.set_major_formatter(formatter)

    assert formatter(value) == text


def test_a_report_with_dollars_in_its_settings_is_drawn(
    make_sweep: Callable[..., ExampleSweep],
) -> None:
    sweep = make_sweep()
    for path in ("$x_{$/1.npz", "$x_{$/2.npz"):
        for count in (2, 4):
            varies = {"student.supertokens": count, "data.path": path}
            sweep.trial("main", "foundry", 0, 0.9, supertokens=count, varies=varies, tag=path[-5])

    (report,) = assemble(read_folders([sweep.out])).sweeps

    drawn = [render(picture.draw)[1] for picture in report.pictures]
    assert any(b"$x_{$/1.npz" in svg for svg in drawn)
