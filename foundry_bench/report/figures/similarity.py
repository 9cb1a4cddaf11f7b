"""Results on all tasks against how near tokens are to the teacher's: a panel a measure."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foundry_bench.report.figures.backbones import add_legend, choose_looks, make_marker
from foundry_bench.report.figures.canvas import intervals_text, new_figure, note
from foundry_bench.report.measures import Measure
from foundry_bench.report.similarity import Similarity
from foundry_bench.report.style import INK


def draw_similarity(data: Similarity) -> Figure:
    """A column of small points a backbone, one a task, and their mean; a cross for the teacher."""
    figure = new_figure(2.5)
    panels = figure.subplots(1, len(data.measures), sharey=True, squeeze=False)[0]
    for axes, measure in zip(panels, data.measures, strict=True):
        _draw_panel(axes, data, measure)
    panels[0].set_ylabel("difference to the teacher (points)")
    counts = [each.n for likeness in data.students.values() for each in likeness.tokens.values()]
    note(panels[0], intervals_text(counts))
    add_legend(figure, choose_looks(list(data.students)))
    return figure


def _draw_panel(axes: Axes, data: Similarity, measure: Measure) -> None:
    looks = choose_looks(list(data.students))
    axes.axhline(0, color=INK, linewidth=0.6, zorder=1)
    for student, likeness in data.students.items():
        interval = likeness.tokens.get(measure)
        if interval is None:
            continue
        colour = looks[student][0]
        tasks = likeness.to_teacher
        axes.plot(
            [interval.mean] * len(tasks), tasks, color=colour, alpha=0.45, marker="o",
            markersize=2.2, markeredgewidth=0, linestyle="", zorder=2,
        )  # fmt: skip
        if interval.is_bounded:
            axes.hlines(
                likeness.mean, interval.low, interval.high, color=colour, linewidth=1.0, zorder=3
            )
        mark = make_marker(student, looks[student])
        mark.set_data([interval.mean], [likeness.mean])
        axes.add_line(mark)
    axes.plot([1], [0], color=INK, marker="X", markersize=4.2, linestyle="", zorder=3)
    axes.set_xlabel(measure.label)
