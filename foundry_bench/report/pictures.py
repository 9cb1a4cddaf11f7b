"""Which figures a sweep gets, with the words under each."""

import math
from collections.abc import Sequence
from functools import partial

from foundry_bench.report.arrays import ARRAYS
from foundry_bench.report.comparisons import compare
from foundry_bench.report.correlation import coverage_text
from foundry_bench.report.curves import average_curves
from foundry_bench.report.figure_data import Relation, Times, relate, sum_times
from foundry_bench.report.figures.clouds import draw_painting
from foundry_bench.report.figures.curves import draw_curves
from foundry_bench.report.figures.relation import draw_relation
from foundry_bench.report.figures.times import draw_times
from foundry_bench.report.harvest import Evidence
from foundry_bench.report.histories import collect_curves, collect_times
from foundry_bench.report.levels import BUDGET, GATE_LAMBDA, SUPERTOKENS, Axis
from foundry_bench.report.measures import DISTILL_LOSS, HELDOUT_NMSE
from foundry_bench.report.painting import Assignment, Painting, paint, read_assignment
from foundry_bench.report.picture import INTERVALS, Picture, anchor_words
from foundry_bench.report.rankings import rank
from foundry_bench.report.runs import Run
from foundry_bench.report.style import PAINT
from foundry_bench.report.summary import Summary
from foundry_bench.report.wording import capital

TIMES = "time_by_stage"
"""The picture of where the time of a sweep went."""

MAX_PAINTED = 6
"""Columns of painted clouds."""


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


def find_painting(evidence: Evidence, runs: Sequence[Run], summary: Summary) -> Painting | None:
    """The clouds of the first main series at its smallest seed that has arrays, if any."""
    main = summary.main()
    axis = _axis_of_distillation(summary)
    trials = {trial.trial: trial for trial in evidence.trials}
    by_seed: dict[int, dict[float, Assignment]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        level = run.level.on(axis)
        if (
            run.role != "main"
            or run.series.name != main[0].series
            or level is None
            or (by_seed and run.seed not in by_seed)
        ):
            continue
        for record in evidence.stages_of(trials[run.trial]):
            if record.stage == "distill" and record.status == "done":
                assignment = read_assignment(evidence.folders[record.key] / ARRAYS)
                if assignment is not None:
                    by_seed.setdefault(run.seed, {}).setdefault(level, assignment)
    seed = min(by_seed, default=None)
    if seed is None:
        return None
    levels = thin_out(sorted(by_seed[seed]), MAX_PAINTED)
    chosen = {level: by_seed[seed][level] for level in levels}
    return paint(chosen, main[0].series, seed, len(PAINT), axis)


def thin_out(values: Sequence[float], most: int) -> list[float]:
    """At most `most` of `values`, first and last among them, evenly spaced in their order."""
    if len(values) <= most:
        return list(values)
    return [values[round(index * (len(values) - 1) / (most - 1))] for index in range(most)]


def _is_matrix_only(summary: Summary) -> bool:
    """Whether a matrix of tasks shows all results that there are: nothing varies beside it."""
    return summary.is_many and not summary.has_levels


def _axis_of_distillation(summary: Summary) -> Axis:
    """What distillations differ in: a budget is of the task."""
    return SUPERTOKENS if summary.axis == BUDGET else summary.axis


def _relation_picture(data: Relation | None, lead: str) -> Picture | None:
    if data is None:
        return None
    what = (
        "mean training loss of the last epoch"
        if data.x == DISTILL_LOSS
        else "mean squared error on the task's test clouds over each token's own variance, so that"
        " 1 is a prediction of a token's channel mean"
    )
    level = "number of SuperTokens s" if data.axis == SUPERTOKENS else data.axis.symbol
    controls = "open markers are controls" if data.has_all else "controls, many here, are left out"
    several = len({centre.series for centre in data.centres if centre.role == "main"}) > 1
    runs = "the runs of each main series" if several else "the main runs"
    caption = (
        f"{lead}{data.x.label if lead else capital(data.x.label)} ({what}) against"
        f" {data.y.label}. A small point is one run, a large"
        f" one the mean of a {level} (colour). {INTERVALS} both ways; {controls}."
        f"{anchor_words(data.anchors)} Spearman's ρ is over {runs}, its interval a bootstrap of"
        f" seeds within each {data.axis.symbol}{_coverage(data)}."
    )
    name = f"{'loss' if data.x == DISTILL_LOSS else 'nmse'}_vs_{data.y.slug}"
    title = f"{capital(data.x.label)} against {data.y.label}"
    colours = "SuperTokens" if data.axis == SUPERTOKENS else data.axis.symbol
    alt = f"{title}: {len(data.points)} runs as points, coloured by {colours}."
    return Picture(name, title, caption, alt, tuple(data.lines()), partial(draw_relation, data))


def _coverage(data: Relation) -> str:
    """How often the interval of the rank correlation is right; empty where there is none."""
    seeds = [found.seeds for found in data.correlations.values() if math.isfinite(found.low)]
    return f" ({coverage_text(min(seeds))})" if seeds else ""


def _painting_picture(data: Painting | None) -> Picture | None:
    if data is None:
        return None
    kept = ", grey where it is kept as it is" if data.axis == GATE_LAMBDA else ""
    caption = (
        f"The same clouds, each point coloured by the SuperToken its patch goes to{kept}"
        f" ({data.series}, seed {data.seed})."
        " SuperTokens that touch have different colours; colours mean nothing across columns."
        " Above each column: SuperTokens in use,"
        " mean over the clouds shown."
    )
    levels = ", ".join(f"{level:g}" for level in data.cells)
    alt = (
        f"A grid of {len(data.classes)} point clouds painted by SuperToken at"
        f" {data.axis.symbol} = {levels}."
    )
    return Picture(
        "supertokens_on_clouds",
        "Clouds painted by SuperToken",
        caption,
        alt,
        tuple(data.lines()),
        partial(draw_painting, data),
    )


def _curves_picture(
    evidence: Evidence, runs: Sequence[Run], summary: Summary, loss_name: str
) -> Picture | None:
    name = next((group.series for group in summary.main()), "")
    curves = collect_curves(evidence, runs, "distill", "token_loss", "loss")
    label = f"{DISTILL_LOSS.label} ({loss_name})" if loss_name else DISTILL_LOSS.label
    axis = _axis_of_distillation(summary)
    data = average_curves(curves, name, label, axis)
    if data is None:
        return None
    of_series = f" of {name}" if len(summary.main_series()) > 1 else ""
    caption = (
        f"Training loss of distillation by epoch{of_series}, mean over seeds for each"
        f" {axis.symbol}. {INTERVALS}. Controls are left out."
    )
    level = "number of SuperTokens" if axis == SUPERTOKENS else axis.symbol
    alt = f"Curves of the distillation loss over epochs, one per {level} of {name}."
    return Picture(
        "distillation_curves",
        "Distillation curves",
        caption,
        alt,
        tuple(data.lines()),
        partial(draw_curves, data),
    )


def _times_picture(data: Times | None) -> Picture | None:
    if data is None:
        return None
    devices = sorted({kind.device for kind in data.kinds})
    caption = (
        "Seconds in the stages of each kind; beside each bar the number of stages and the median"
        " of one. A stage that"
        f" several trials share counts once. Measured on {', '.join(devices)}, trials side by side."
    )
    alt = "Bars of the total time of each kind of stage."
    return Picture(
        TIMES,
        "Time by stage",
        caption,
        alt,
        tuple(data.lines()),
        partial(draw_times, data),
    )
