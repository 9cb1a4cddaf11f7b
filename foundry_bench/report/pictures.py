"""Which figures a sweep gets, with the words under each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure

from foundry_bench.report.figure_data import (
    Line,
    Profile,
    Relation,
    Times,
    average_curves,
    profile,
    relate,
    sum_times,
)
from foundry_bench.report.figures.clouds import draw_painting
from foundry_bench.report.figures.curves import draw_curves
from foundry_bench.report.figures.profile import draw_profile
from foundry_bench.report.figures.relation import draw_relation
from foundry_bench.report.figures.times import draw_times
from foundry_bench.report.harvest import Evidence, trial_id
from foundry_bench.report.histories import collect_curves, collect_times
from foundry_bench.report.measures import DISTILL_LOSS, HELDOUT_NMSE
from foundry_bench.report.painting import Assignment, Painting, paint, read_assignment
from foundry_bench.report.series import Series
from foundry_bench.report.style import PAINT
from foundry_bench.report.summary import Summary
from foundry_bench.report.wording import DETERMINISTIC

ARRAYS = "arrays.npz"
_INTERVALS = "Bars and bands are 95 % Student-t intervals over seeds (from three seeds on)"


@dataclass(frozen=True)
class Picture:
    """A figure before it is drawn.

    Attributes:
        name: of its files.
        alt: what it shows, for those who cannot see it.
        lines: the data shown, for the CSV beside it.
    """

    name: str
    title: str
    caption: str
    alt: str
    lines: tuple[Line, ...]
    draw: Callable[[], Figure]


def fig2_data(summary: Summary, loss_name: str = "") -> Relation | None:
    """The paper's Fig. 2: distillation loss against the preferred result."""
    if not summary.results:
        return None
    return relate(summary, DISTILL_LOSS, summary.results[0], loss_name)


def collect_pictures(
    evidence: Evidence, summary: Summary, series: Mapping[str, Series], loss_name: str
) -> list[Picture]:
    """The figures that a sweep's records allow, the most telling first."""
    fig2 = fig2_data(summary, loss_name)
    found: list[Picture | None] = [_relation_picture(fig2, "Fig. 2 of the paper: ")]
    found.append(_painting_picture(find_painting(evidence, summary, series)))
    found += [_profile_picture(profile(summary, measure)) for measure in summary.results]
    if summary.results:
        found.append(_relation_picture(relate(summary, HELDOUT_NMSE, summary.results[0]), ""))
    found.append(_curves_picture(evidence, summary, series, loss_name))
    found.append(_times_picture(sum_times(collect_times(evidence))))
    return [picture for picture in found if picture is not None]


def find_painting(
    evidence: Evidence, summary: Summary, series: Mapping[str, Series]
) -> Painting | None:
    """The clouds of the first main series at its smallest seed that has arrays, if any."""
    name = next((group.series for group in summary.main()), None)
    by_seed: dict[int, dict[int, Assignment]] = {}
    for trial in sorted(evidence.trials, key=lambda trial: trial.seed):
        if (
            trial.role != "main"
            or series[trial_id(trial)].name != name
            or (by_seed and trial.seed not in by_seed)
        ):
            continue
        student = trial.config.get("student")
        count = student.get("supertokens") if isinstance(student, dict) else None
        for record in evidence.stages_of(trial):
            if record.stage == "distill" and record.status == "done" and isinstance(count, int):
                assignment = read_assignment(evidence.folders[record.key] / ARRAYS)
                if assignment is not None:
                    by_seed.setdefault(trial.seed, {})[count] = assignment
    seed = min(by_seed, default=None)
    return None if seed is None or name is None else paint(by_seed[seed], name, seed, len(PAINT))


def _relation_picture(data: Relation | None, lead: str) -> Picture | None:
    if data is None:
        return None
    what = (
        "mean training loss of the last epoch"
        if data.x == DISTILL_LOSS
        else "mean squared error on the task's test clouds over each token's own variance, so that"
        " 1 is a prediction of a token's channel mean"
    )
    several = len({centre.series for centre in data.centres if centre.role == "main"}) > 1
    runs = "the runs of each main series" if several else "the main runs"
    caption = (
        f"{lead}{data.x.label if lead else _capital(data.x.label)} ({what}) against"
        f" {data.y.label}. A small point is one run, a large"
        " one the mean of a"
        f" number of SuperTokens s (colour). {_INTERVALS} both ways; open markers are controls."
        f"{_anchor_words(data)} Spearman's ρ is over {runs}, its interval a bootstrap of"
        " seeds within each s"
        " (covers 91-96 % at n = 3 in simulations)."
    )
    name = f"{'loss' if data.x == DISTILL_LOSS else 'nmse'}_vs_{data.y.slug}"
    title = f"{_capital(data.x.label)} against {data.y.label}"
    alt = f"{title}: {len(data.points)} runs as points, coloured by SuperTokens."
    return Picture(name, title, caption, alt, tuple(data.lines()), partial(draw_relation, data))


def _profile_picture(data: Profile | None) -> Picture | None:
    if data is None:
        return None
    names = ", ".join(data.series)
    caption = (
        f"{_capital(data.y.label)} against the number of SuperTokens (log scale) of {names}; small"
        " points are runs."
        f" {_INTERVALS}.{_anchor_words(data)}"
    )
    title = f"{_capital(data.y.label)} against SuperTokens"
    alt = f"Lines of {data.y.label} over the number of SuperTokens, one per series: {names}."
    name = f"{data.y.slug}_vs_supertokens"
    return Picture(name, title, caption, alt, tuple(data.lines()), partial(draw_profile, data))


def _painting_picture(data: Painting | None) -> Picture | None:
    if data is None:
        return None
    caption = (
        f"The same clouds, each point coloured by the SuperToken its patch goes to ({data.series},"
        f" seed {data.seed})."
        " SuperTokens that touch have different colours; colours mean nothing across columns."
        " Above each column: SuperTokens in use,"
        " mean over the clouds shown."
    )
    counts = ", ".join(map(str, data.cells))
    alt = f"A grid of {len(data.classes)} point clouds painted by SuperToken at s = {counts}."
    return Picture(
        "supertokens_on_clouds",
        "Clouds painted by SuperToken",
        caption,
        alt,
        tuple(data.lines()),
        partial(draw_painting, data),
    )


def _curves_picture(
    evidence: Evidence, summary: Summary, series: Mapping[str, Series], loss_name: str
) -> Picture | None:
    name = next((group.series for group in summary.main()), "")
    curves = collect_curves(evidence, series, "distill", "loss")
    label = f"{DISTILL_LOSS.label} ({loss_name})" if loss_name else DISTILL_LOSS.label
    data = average_curves(curves, name, label)
    if data is None:
        return None
    of_series = f" of {name}" if len(summary.main_series()) > 1 else ""
    caption = (
        f"Training loss of distillation by epoch{of_series}, mean over seeds for each s."
        f" {_INTERVALS}. Controls are left out."
    )
    alt = f"Curves of the distillation loss over epochs, one per number of SuperTokens of {name}."
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
        "time_by_stage",
        "Time by stage",
        caption,
        alt,
        tuple(data.lines()),
        partial(draw_times, data),
    )


def _anchor_words(data: Relation | Profile) -> str:
    names = [
        f"{line.label} ({DETERMINISTIC}, no band)" if line.interval.is_constant else line.label
        for line in data.anchors
    ]
    mark = "; " if any("," in line.label for line in data.anchors) else ", "
    return f" Lines with bands: {mark.join(names)}." if names else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
