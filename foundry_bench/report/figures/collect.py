"""Which figures a sweep gets, the most telling first."""

from foundry_bench.report.analysis.corruptions import find_clean
from foundry_bench.report.analysis.fronts import Front
from foundry_bench.report.analysis.generality import Generality
from foundry_bench.report.analysis.relation import Relation, relate
from foundry_bench.report.figures.along_axis import (
    gate_profile,
    picture_gate_profile,
    picture_profile,
    profile,
)
from foundry_bench.report.figures.clouds import picture_clouds
from foundry_bench.report.figures.corruptions import gather_damage, picture_corruptions
from foundry_bench.report.figures.curves import picture_curves, picture_task_curves
from foundry_bench.report.figures.front import picture_front
from foundry_bench.report.figures.gates import picture_gates
from foundry_bench.report.figures.generality import arrange, picture_matrix
from foundry_bench.report.figures.ranking import picture_ranking, rank
from foundry_bench.report.figures.relation import picture_relation
from foundry_bench.report.figures.similarity import liken, picture_similarity
from foundry_bench.report.figures.times import picture_times
from foundry_bench.report.sections import Picture
from foundry_bench.report.study.levels import GATE_LAMBDA, LAMBDA_TO_EPS, SUPERTOKENS, Axis
from foundry_bench.report.study.measures import DISTILL_LOSS, HELDOUT_NMSE, Measure
from foundry_bench.report.study.study import Study
from foundry_bench.report.study.summary import Summary


def collect_pictures(
    study: Study, generality: Generality | None, fronts: list[Front]
) -> list[Picture]:
    """The figures that a sweep's records allow; of a search, of whose suggestions each is a series
    of its own, those that have room for them.
    """
    of_costs = [picture_front(each, study.costs, is_search=study.is_search) for each in fronts]
    if study.is_search:
        return [*of_costs, *_shown([picture_times(study.evidence)])]
    of_results, of_tasks = _picture_results(study), _picture_tasks(study, generality)
    pictures = [*of_tasks, *of_results] if generality else [*of_results, *of_tasks]
    return [*pictures, *of_costs]


def fig2_data(summary: Summary, loss_name: str = "") -> Relation | None:
    """The paper's Fig. 2: distillation loss against the preferred result."""
    if not summary.results or _is_matrix_only(summary):
        return None
    return relate(summary, DISTILL_LOSS, summary.results[0], loss_name)


def _picture_results(study: Study) -> list[Picture]:
    """The results, then what explains them."""
    summary, loss_name = study.summary, study.loss_name
    fig2 = fig2_data(summary, loss_name)
    is_over_supertokens = summary.axis == SUPERTOKENS
    lead = "Fig. 2 of the paper: " if is_over_supertokens else ""
    central = [picture_relation(fig2, lead), picture_clouds(study)]
    compared = _compare(study)
    is_trend = is_over_supertokens and fig2 is not None and rank(summary, fig2.y) is None
    found = [*central, *compared] if is_trend else [*compared, *central]
    if summary.results and not _is_matrix_only(summary):
        found.append(picture_relation(relate(summary, HELDOUT_NMSE, summary.results[0]), ""))
    return _shown([*found, picture_curves(study, loss_name), picture_times(study.evidence)])


def _shown(pictures: list[Picture | None]) -> list[Picture]:
    return [picture for picture in pictures if picture is not None]


def _is_matrix_only(summary: Summary) -> bool:
    """Whether a matrix of tasks shows all results that there are: nothing varies beside it."""
    return summary.is_many and not summary.has_levels


def _compare(study: Study) -> list[Picture | None]:
    """A result of each task along the axes and by variant, then what explains it."""
    summary = study.summary
    shown = summary.headlines
    if summary.is_many:
        shown = shown[:1] if summary.has_levels else []
    found: list[Picture | None] = [
        picture for measure in shown for picture in _result_pictures(summary, measure)
    ]
    if summary.results:
        found.append(picture_task_curves(study, summary.results[0]))
    return [*found, picture_gates(study)]


def _result_pictures(summary: Summary, measure: Measure) -> list[Picture]:
    ranking = rank(summary, measure)
    found = [] if ranking is None else [picture_ranking(ranking)]
    for axis in _axes(summary):
        gate = None if axis.is_count else gate_profile(summary, measure, axis)
        if gate is not None:
            found.append(picture_gate_profile(gate))
            continue
        data = profile(summary, measure, axis)
        if data is not None and (ranking is None or data.is_readable):
            found.append(picture_profile(data))
    return found


def _axes(summary: Summary) -> list[Axis]:
    """The axes that vary; λ over ε too, where both do."""
    several = {group.level.eps for group in summary.groups if group.role != "baseline"} - {None}
    is_related = GATE_LAMBDA in summary.axes and len(several) > 1
    return [*summary.axes, *([LAMBDA_TO_EPS] if is_related else [])]


def _picture_tasks(study: Study, generality: Generality | None) -> list[Picture]:
    """The matrix of backbones and tasks, and what corrupted clouds cost, where there are any."""
    matrix = None if generality is None else arrange(generality)
    found = [] if matrix is None else [picture_matrix(matrix)]
    similarity = liken(generality, matrix) if generality and matrix else None
    if similarity is not None:
        found.append(picture_similarity(similarity))
    corruptions = gather_damage(study.summary, find_clean(study.evidence))
    for data in corruptions:
        found.append(picture_corruptions(data, f"_{data.task}" if len(corruptions) > 1 else ""))
    return found
