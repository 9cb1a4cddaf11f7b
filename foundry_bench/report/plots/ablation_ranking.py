"""Variants ranked by a result, beside their differences to the main student or the teacher."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from textwrap import wrap
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from foundry_bench import results
from foundry_bench.report.plots.answers import (
    SYMBOLS,
    Answer,
    capital,
    is_search,
    main_level,
    shown_answers,
)
from foundry_bench.report.plots.baselines import (
    draw_upright_baselines,
    interval_words,
    number_text,
    summarize_baselines,
)
from foundry_bench.report.plots.plot import Plot
from foundry_bench.report.plots.theme import (
    INK,
    SOFT,
    add_legend,
    baseline_style,
    level_palette,
    marker_key,
    new_figure,
    without_common,
)
from foundry_bench.report.sweep_results import SweepResults

MIN_VARIANTS = 4
"""Fewer series are told apart well enough along a setting, where they have lines."""

MAX_ROWS = 20
LABEL_LETTERS = 22
"""Letters in a line of a variant's name."""

AXIS_LETTERS = 19  # in a line of a panel's horizontal axis
NO_LEVEL = -1.0  # of students without such a number


@dataclass(frozen=True)
class Ranking:
    """A row per series and level, the best series first.

    Attributes:
        means: with `level` and, paired by seed, `change`, `change_low` and `change_high`.
        reference: what the differences are to, in words.
    """

    answer: Answer
    level: str
    means: pd.DataFrame
    baselines: pd.DataFrame
    reference: str


def plot(sweep: SweepResults) -> Iterator[Plot]:
    """Each headline result by variant, where there are enough variants."""
    if is_search(sweep):
        return
    for answer in shown_answers(sweep):
        if (ranking := rank(sweep.frame, answer)) is not None:
            yield _plot(ranking)


def rank(frame: pd.DataFrame, answer: Answer) -> Ranking | None:
    """Series by their result at the largest level of the main student.

    None below four series; below two, where each has one level. Baselines that are students of
    their own (another one, not distilled) are among the series.
    """
    rows = answer.rows(frame)
    level = main_level(rows)
    main = rows[rows["role"] == "main"]
    others = _other_students(rows)
    students = rows[(rows["role"] != "baseline") | rows["series"].isin(others)]
    levels = main[level].dropna().unique()
    students = students[students[level].isna() | students[level].isin(levels)]
    num_levels = students.groupby("series")[level].nunique()
    least = MIN_VARIANTS if num_levels.max() > 1 else 2
    if main.empty or not least <= len(num_levels) <= MAX_ROWS or level != "supertokens":
        return None
    means = results.summarize(students)
    reference, changes = _differences(rows, main)
    keys = ["role", "series", level]
    means = means.merge(changes, on=keys, how="left")
    means["level"] = means[level].astype("Float64").fillna(NO_LEVEL).astype(float)
    sign = -1 if answer.direction == "lower" else 1
    at_largest = means.sort_values("level", kind="stable").groupby("series")["mean"].last() * sign
    order = list(at_largest.sort_values(ascending=False, kind="stable").index)
    means["series"] = pd.Categorical(means["series"], order, ordered=True)
    baselines = summarize_baselines(frame[~frame["series"].isin(others)], answer)
    return Ranking(answer, level, means.sort_values("series"), baselines, reference)


def _other_students(rows: pd.DataFrame) -> set[str]:
    """Series of baselines that are another student than the main ones: ToMe not distilled."""
    main = rows[rows["role"] == "main"]
    own = set(zip(main["student"], main["assignment"], strict=True))
    baselines = rows[(rows["role"] == "baseline") & (rows["student"] != "teacher")]
    places = zip(baselines["student"], baselines["assignment"], strict=True)
    return {
        series for series, each in zip(baselines["series"], places, strict=True) if each not in own
    }


def _differences(rows: pd.DataFrame, main: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """What rows are compared with, in words, and the paired differences by series and level.

    The main student at the same level; the teacher, where there are several main series.
    """
    names = main["series"].unique()
    columns = ["role", "series", "supertokens", "change", "change_low", "change_high", "p_holm"]
    if len(names) == 1:
        reference: Any = {"series": names[0], "role": "main"}
        words = str(names[0])
    else:
        reference, words = "teacher", "teacher"
    if reference == "teacher" and "teacher" not in set(rows["variant"]):
        return "", pd.DataFrame(columns=columns).astype({"supertokens": "Int64"})
    changes = results.compare(rows, reference)
    if changes.empty:
        return "", pd.DataFrame(columns=columns).astype({"supertokens": "Int64"})
    renamed = {"mean": "change", "low": "change_low", "high": "change_high"}
    return words, changes.rename(columns=renamed)[columns]


def _plot(data: Ranking) -> Plot:
    answer = data.answer
    beside = (
        f" Beside it the difference to {data.reference}, paired by seed." if data.reference else ""
    )
    colours = " Colour: SuperTokens s." if (data.means["level"].nunique()) > 1 else ""
    intervals = interval_words(data.means["n"])
    caption = (
        f"{capital(answer.label)} of each variant, the best at the largest s on top.{beside}"
        f" {intervals}.{colours} Main students are bold; grey lines are baselines."
    )
    table = pd.concat([data.means.astype({"series": "object"}), data.baselines])
    return Plot(
        name=f"{answer.slug}_by_variant",
        title=f"{capital(answer.label)} by variant",
        caption=caption,
        data=table.drop(columns="level").dropna(axis="columns", how="all"),
        draw=partial(draw, data),
    )


def draw(data: Ranking) -> Figure:
    """A row a series; at the left the result, at the right the difference."""
    order = list(data.means["series"].cat.categories)
    labels = ["\n".join(wrap(name, LABEL_LETTERS)) for name in without_common(order)]
    row = max(0.24, 0.04 + 0.125 * max(label.count("\n") + 1 for label in labels))
    figure = new_figure(1.1 + row * max(2.2, len(order)) + 0.14 * len(data.baselines))
    has_changes = bool(data.reference)
    panels = figure.subplots(1, 1 + has_changes, sharey=True, squeeze=False)[0]
    levels = sorted(set(data.means["level"]))
    numbers = [level for level in levels if level != NO_LEVEL]
    palette = {**level_palette(numbers), NO_LEVEL: SOFT}
    _draw_panel(panels[0], data.means, ("mean", "low", "high"), order, palette)
    near = draw_upright_baselines(
        panels[0], data.baselines, data.means[["mean", "low", "high"]].to_numpy(dtype=float)
    )
    panels[0].set_xlabel(_wrapped(data.answer.axis))
    if has_changes:
        changed = data.means[data.means["change"].notna()]
        _draw_panel(panels[1], changed, ("change", "change_low", "change_high"), order, palette)
        panels[1].axvline(0, color=SOFT, linewidth=0.9, zorder=1.5)
        unit = "points" if data.answer.unit == "%" else data.answer.unit
        words = f"difference to {data.reference}"
        panels[1].set_xlabel(_wrapped(f"{words} ({unit})" if unit else words))
    panels[0].set_yticks(range(len(order)), labels)
    panels[0].set_ylim(len(order) - 0.5, -0.5)
    is_main = set(data.means.loc[data.means["role"] == "main", "series"])
    for text, name in zip(panels[0].get_yticklabels(), order, strict=True):
        text.set_fontweight("bold" if name in is_main and len(is_main) < len(order) else "normal")
    _put_legends(figure, data, numbers, palette, near)
    return figure


def _wrapped(text: str) -> str:
    return "\n".join(wrap(text, AXIS_LETTERS))


def _draw_panel(
    axes: Axes,
    means: pd.DataFrame,
    columns: tuple[str, str, str],
    order: Sequence[str],
    palette: dict[float, str],
) -> None:
    """Points with intervals, levels of a series beneath each other."""
    mean, low, high = columns
    levels = sorted(level for level in palette if level in set(means["level"]))
    numbers = [level for level in levels if level != NO_LEVEL]
    step = min(0.24, 0.6 / max(1, len(numbers)))
    shifts = {level: step * (i - (len(numbers) - 1) / 2) for i, level in enumerate(numbers)}
    rows = means["series"].cat.codes.to_numpy(dtype=float)
    shift = means["level"].map({**shifts, NO_LEVEL: 0.0}).to_numpy(dtype=float)
    placed = means.assign(row=rows + shift)
    for level, several in placed.groupby("level"):
        axes.hlines(several["row"], several[low], several[high], color=palette[float(str(level))],
                    linewidth=1.1, zorder=3)  # fmt: skip
    sns.scatterplot(
        placed, x=mean, y="row", hue="level", palette=palette, style="role", s=26, zorder=4,
        markers={"main": "o", "ablation": "o", "baseline": "s"}, edgecolor="white",
        linewidth=0.5, legend=False, ax=axes,
    )  # fmt: skip
    axes.set_ylabel("")
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(4))


def _put_legends(
    figure: Figure,
    data: Ranking,
    numbers: Sequence[float],
    palette: dict[float, str],
    near: "pd.Series[bool]",
) -> None:
    if len(palette) > 2 or (numbers and NO_LEVEL in set(data.means["level"])):
        keys = [marker_key(palette[level]) for level in numbers]
        names = [f"{SYMBOLS[data.level]} = {level:g}" for level in numbers]
        if NO_LEVEL in set(data.means["level"]):
            keys.append(marker_key(palette[NO_LEVEL]))
            names.append(f"without {SYMBOLS[data.level]}")
        add_legend(figure, "outside upper left", keys, names, len(names))
    keys, names = [], []
    line: Any
    for line, is_drawn in zip(data.baselines.itertuples(), near, strict=True):
        grey, dash = baseline_style(line.variant)
        keys.append(Line2D([], [], color=grey, linestyle=dash, linewidth=1.1))
        off = "" if is_drawn else ", off scale"
        names.append(f"{line.name} {number_text(line, data.answer.decimals)}{off}")
    if keys:
        figure.legend(keys, names, loc="outside lower left", ncols=1, borderaxespad=0.0,
                      labelcolor=INK)  # fmt: skip
