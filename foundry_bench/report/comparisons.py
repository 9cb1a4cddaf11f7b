"""The pictures that put variants, losses, budgets and gates beside each other."""

from collections.abc import Sequence
from functools import partial

from foundry_bench.report.curves import TaskCurves, compare_curves
from foundry_bench.report.figures.curves import draw_task_curves
from foundry_bench.report.figures.gates import draw_gates
from foundry_bench.report.figures.profile import draw_gate_profile, draw_profile
from foundry_bench.report.figures.ranking import draw_ranking
from foundry_bench.report.gates import GateHistograms, gather_histograms
from foundry_bench.report.harvest import Evidence
from foundry_bench.report.histories import collect_curves
from foundry_bench.report.levels import BUDGET, GATE_LAMBDA, LAMBDA_TO_EPS, SUPERTOKENS, Axis
from foundry_bench.report.measures import Measure
from foundry_bench.report.picture import INTERVALS, Picture, anchor_words
from foundry_bench.report.profiles import GateProfile, Profile, gate_profile, profile
from foundry_bench.report.rankings import Ranking, rank
from foundry_bench.report.runs import INFERENCE_ONLY, Run
from foundry_bench.report.summary import Summary
from foundry_bench.report.wording import capital

_LEADS = {BUDGET: "Fig. 3 of the paper: ", GATE_LAMBDA: "Fig. 5 of the paper: "}


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


def _ranking_picture(data: Ranking) -> Picture:
    is_anchored = any(standing.role == "anchor" for standing in data.standings)
    squares = ", other students that were not distilled are squares" if is_anchored else ""
    caption = (
        f"{capital(data.y.label)} of each variant, and beside it its {data.error.label}, sorted by"
        " the result at the largest number of SuperTokens s (colour). The main student is filled"
        f" and bold{squares}. {INTERVALS}.{anchor_words(data.anchors)}"
    )
    names = ", ".join(standing.series for standing in data.standings)
    return Picture(
        f"{data.y.slug}_by_variant",
        f"{capital(data.y.label)} by variant",
        caption,
        f"Dots with intervals of {data.y.label}, a row a variant, from the best: {names}.",
        tuple(data.lines()),
        partial(draw_ranking, data),
    )


def _profile_picture(data: Profile) -> Picture:
    names = ", ".join(data.series)
    along = "the number of SuperTokens" if data.axis == SUPERTOKENS else data.axis.label
    scale = "log scale" if data.axis.is_count else "log scale, 0 apart"
    caption = (
        f"{_LEADS.get(data.axis, '')}{capital(data.y.label)} against {along} ({scale}) of {names};"
        f" small points are runs. {INTERVALS}.{_inference_words(data)}{anchor_words(data.anchors)}"
    )
    against = {SUPERTOKENS: "SuperTokens", BUDGET: "token budget"}.get(data.axis, data.axis.symbol)
    return Picture(
        f"{data.y.slug}_vs_{data.axis.name}",
        f"{capital(data.y.label)} against {against}",
        caption,
        f"Lines of {data.y.label} over {along}, one per series: {names}.",
        tuple(data.lines()),
        partial(draw_profile, data),
    )


def _gate_profile_picture(data: GateProfile) -> Picture:
    result, axis = data.result, data.result.axis
    names = ", ".join(result.series)
    of_all = "" if data.num_tokens is None else f" (of {data.num_tokens:g}: dashed)"
    why = " If only λ/ε mattered, the lines of all ε would be one." if axis == LAMBDA_TO_EPS else ""
    caption = (
        f"{_LEADS.get(axis, '')}{capital(result.y.label)} (above) and tokens that the gate keeps as"
        f" they are on a cloud{of_all} (below), against {axis.label} (log scale, 0 apart) of"
        f" {names}; small points are runs.{why} {INTERVALS}.{anchor_words(result.anchors)}"
    )
    return Picture(
        f"{result.y.slug}_vs_{axis.name}",
        f"{capital(result.y.label)} and kept tokens against {axis.symbol}",
        caption,
        f"Two panels over {axis.label}: {result.y.label}, and tokens kept; lines of {names}.",
        tuple(data.lines()),
        partial(draw_gate_profile, data),
    )


def _inference_words(data: Profile) -> str:
    name = INFERENCE_ONLY.replace("_", " ")
    if not any(series.startswith(name) for series in data.series):
        return ""
    return (
        f" {capital(name)}: the student fine-tuned at the largest budget, given a smaller one"
        " without further training; all others are fine-tuned at each budget."
    )


def _task_curves_picture(data: TaskCurves) -> Picture:
    names = ", ".join(curve.series for curve in data.curves)
    caption = (
        f"Fig. 4 of the paper: {data.label} by epoch of fine-tuning at {data.level}, mean over"
        f" seeds, of {names}. {INTERVALS}. The validation set is a fixed part of the training set."
    )
    return Picture(
        "validation_curves",
        "Validation accuracy while fine-tuning",
        caption,
        f"Curves of {data.label} over epochs, one per series: {names}.",
        tuple(data.lines()),
        partial(draw_task_curves, data),
    )


def _gates_picture(data: GateHistograms) -> Picture:
    caption = (
        "How the gate's π is spread over the tokens of test clouds, a row a λ"
        f" ({', '.join(data.series)}); each row has its own height. Tokens of high π are merged."
        " Shares are means over seeds."
    )
    return Picture(
        "gate_histograms",
        "What the gate says of tokens",
        caption,
        f"Histograms of π for {len(data.levels)} values of λ.",
        tuple(data.lines()),
        partial(draw_gates, data),
    )
