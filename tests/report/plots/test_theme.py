"""The theme: deterministic bytes, the user's settings untouched, consistent series."""

import io
import math

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from PIL import Image

from foundry_bench.report.plots.errorbars import t_interval
from foundry_bench.report.plots.theme import (
    MAX_SERIES,
    PALETTE,
    level_palette,
    new_figure,
    render,
    series_styles,
    theme,
)
from foundry_bench.results.statistics import estimate


def draw() -> Figure:
    figure = new_figure(2.0)
    data = pd.DataFrame(
        {"x": [1, 2, 1, 2], "y": [1.0, 3.0, 2.0, 4.0], "hue": ["$a", "$a", "b$", "b$"]}
    )
    sns.lineplot(data, x="x", y="y", hue="hue", errorbar=t_interval, ax=figure.add_subplot())
    return figure


def test_the_same_figure_gives_the_same_bytes_whatever_the_users_settings():
    first = render(draw, 60)
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 20, "svg.hashsalt": "other"}):
        assert render(draw, 60) == first
        assert mpl.rcParams["font.size"] == 20


def test_dpi_sets_the_size_of_the_png():
    sizes = [Image.open(io.BytesIO(render(draw, dpi)[0])).size for dpi in (60, 120)]
    assert sizes == [(210, 120), (420, 240)]


def test_users_text_is_no_mathematics():
    with theme():
        assert mpl.rcParams["text.parse_math"] is False


def test_the_interval_is_students_from_three_seeds_on():
    values = [0.5, 0.7, 0.9]
    found = estimate(values)
    assert t_interval(values) == (found.low, found.high)
    assert all(map(math.isnan, t_interval([0.5, 0.7])))


def frame_of(*series: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(series, columns=["role", "series"])


def test_a_series_looks_the_same_in_all_figures():
    frame = frame_of(("baseline", "teacher"), ("ablation", "dso"), ("main", "foundry"))
    everything, one = series_styles(frame), series_styles(frame, ["dso"])
    assert everything.order == ["foundry", "dso"]
    assert everything.palette["foundry"] == PALETTE[0]
    assert one.palette == {"dso": everything.palette["dso"]}
    assert one.markers == {"dso": everything.markers["dso"]}


def test_shown_series_differ_where_the_sweep_has_too_many():
    frame = frame_of(*(("ablation", f"a{index}") for index in range(2 * MAX_SERIES)))
    shown = series_styles(frame, ["a0", f"a{MAX_SERIES}"])
    assert len(set(shown.palette.values())) == 2


def test_levels_have_distinct_colours():
    assert len(set(level_palette([1, 2, 4, 8, 16]).values())) == 5
