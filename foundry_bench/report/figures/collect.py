"""Which figures a sweep gets, with the words under each."""

from collections.abc import Sequence

from foundry_bench.report.analysis.relation import Relation, relate
from foundry_bench.report.figures.along_axis import (
    _gate_profile_picture,
    _profile_picture,
    gate_profile,
    profile,
)
from foundry_bench.report.figures.clouds import _painting_picture, find_painting
from foundry_bench.report.figures.corruptions import Corruptions, _corruption_picture
from foundry_bench.report.figures.curves import (
    _curves_picture,
    _task_curves_picture,
    collect_curves,
    compare_curves,
)
from foundry_bench.report.figures.gates import _gates_picture, gather_histograms
from foundry_bench.report.figures.generality import Matrix, _matrix_picture
from foundry_bench.report.figures.ranking import _ranking_picture, rank
from foundry_bench.report.figures.relation import _relation_picture
from foundry_bench.report.figures.times import _times_picture, collect_times, sum_times
from foundry_bench.report.records.harvest import Evidence
from foundry_bench.report.sections import Picture
from foundry_bench.report.study.levels import GATE_LAMBDA, LAMBDA_TO_EPS, SUPERTOKENS, Axis
from foundry_bench.report.study.measures import DISTILL_LOSS, HELDOUT_NMSE, Measure
from foundry_bench.report.study.runs import Run
from foundry_bench.report.study.summary import Summary


def fig2_data(summary: Summary, loss_name: str = "") -> Relation | None:
    """The paper's Fig. 2: distillation loss against the preferred result."""
    if not summary.results or _is_matrix_only(summary):
        return None
    return relate(summary, DISTILL_LOSS, summary.results[0], loss_name)


def collect_pictures(
    evidence: Evidence, runs: Sequence[Run], summary: Summary, loss_name: str
) -> list[Picture]:
    """The figures that a sweep's records allow, the most telling first."""
    fig2 = fig2_data(summary, loss_name)
    is_over_supertokens = summary.axis == SUPERTOKENS
    central: list[Picture | None] = [
        _relation_picture(fig2, "Fig. 2 of the paper: " if is_over_supertokens else ""),
        _painting_picture(find_painting(evidence, runs, summary)),
    ]
    compared = compare(evidence, runs, summary)
    is_trend = is_over_supertokens and fig2 is not None and rank(summary, fig2.y) is None
    found = [*central, *compared] if is_trend else [*compared, *central]
    if summary.results and not _is_matrix_only(summary):
        found.append(_relation_picture(relate(summary, HELDOUT_NMSE, summary.results[0]), ""))
    found.append(_curves_picture(evidence, runs, summary, loss_name))
    found.append(_times_picture(sum_times(collect_times(evidence))))
    return [picture for picture in found if picture is not None]


def _is_matrix_only(summary: Summary) -> bool:
    """Whether a matrix of tasks shows all results that there are: nothing varies beside it."""
    return summary.is_many and not summary.has_levels


def compare(evidence: Evidence, runs: Sequence[Run], summary: Summary) -> list[Picture]:
    """A result of each task along the axes and by variant, then what explains it."""
    shown = summary.headlines
    if summary.is_many:
        shown = shown[:1] if summary.has_levels else []
    found = [picture for measure in shown for picture in _result_pictures(summary, measure)]
    if summary.results:
        first = summary.results[0]
        curves = collect_curves(evidence, runs, "evaluate", "val_accuracy", task=first.task)
        if (data := compare_curves(curves, first, "validation accuracy")) is not None:
            found.append(_task_curves_picture(data))
    if (histograms := gather_histograms(evidence, runs)) is not None:
        found.append(_gates_picture(histograms))
    return found


def _result_pictures(summary: Summary, measure: Measure) -> list[Picture]:
    found = []
    ranking = rank(summary, measure)
    if ranking is not None:
        found.append(_ranking_picture(ranking))
    for axis in _axes(summary):
        gate = None if axis.is_count else gate_profile(summary, measure, axis)
        if gate is not None:
            found.append(_gate_profile_picture(gate))
            continue
        data = profile(summary, measure, axis)
        if data is not None and (ranking is None or data.is_readable):
            found.append(_profile_picture(data))
    return found


def _axes(summary: Summary) -> list[Axis]:
    """The axes that vary; λ over ε too, where both do."""
    several = {group.level.eps for group in summary.groups if group.role != "anchor"} - {None}
    is_related = GATE_LAMBDA in summary.axes and len(several) > 1
    return [*summary.axes, *([LAMBDA_TO_EPS] if is_related else [])]


def picture_tasks(matrix: Matrix | None, corruptions: Sequence[Corruptions]) -> list[Picture]:
    """The matrix of backbones and tasks, and what corrupted clouds cost, where there are any."""
    found = [] if matrix is None else [_matrix_picture(matrix)]
    for data in corruptions:
        found.append(_corruption_picture(data, f"_{data.task}" if len(corruptions) > 1 else ""))
    return found
