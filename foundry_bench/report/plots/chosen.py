"""Which trials a figure of several series shows, and how it names them."""

import textwrap
from collections.abc import Sequence

import pandas as pd

from foundry_bench.report.plots.theme import BASELINES, MAX_SERIES, baseline_style, series_styles
from foundry_bench.results.statistics import GROUP, METRIC

LEVELS = ["supertokens", "budget", "gate_lambda"]
_ROLES = ("main", "baseline", "ablation")


def comparable(frame: pd.DataFrame, limit: int = MAX_SERIES) -> pd.DataFrame:
    """Rows of one group of each series: that of most SuperTokens, largest budget and gate weight.

    Args:
        frame: rows of the results frame, of one sweep.
        limit: of series; main students come first, then baselines, then ablations.

    Only series in the context of the first main student are comparable.
    """
    if frame.empty:
        return frame
    first = frame.iloc[frame["role"].map(_ROLES.index).argsort(kind="stable")]
    frame = first[first["context"] == first["context"].iloc[0]]
    for level in LEVELS:
        largest = frame.groupby("series", sort=False)[level].transform("max")
        frame = frame[largest.isna() | (frame[level] == largest).fillna(False)]
    kept = list(dict.fromkeys(frame["series"]))[:limit]
    shown = frame[frame["series"].isin(kept)]
    # For seaborn's estimates: a stage that several seeds share is one measurement.
    columns = [*GROUP, *METRIC, "stage_key", *(["epoch"] if "epoch" in shown else [])]
    return shown.drop_duplicates(columns)


def palette_of(frame: pd.DataFrame, shown: pd.DataFrame) -> dict[str, str]:
    """Series -> colour: that of the sweep for students, grey for baselines.

    Args:
        frame: of the sweep.
        shown: rows of the figure, in the order of its legend.
    """
    series = shown.drop_duplicates("series")
    students = list(series.loc[series["role"] != "baseline", "series"])
    styles = series_styles(frame, students).palette
    return {
        str(row.series): styles.get(str(row.series)) or baseline_style(str(row.variant))[0]
        for row in series.itertuples()
    }


def series_text(series: str) -> str:
    """What a legend calls a series: baselines in words."""
    return BASELINES.get(series.replace(" ", "_"), (series, "", ""))[0]


def wrapped(texts: Sequence[str], width: int = 22, lines: int = 2) -> list[str]:
    """Labels of an axis, each in at most `lines` lines of `width` letters."""
    found = []
    for text in texts:
        parts = textwrap.wrap(text, width) or [""]
        if len(parts) > lines:
            parts = [*parts[: lines - 1], parts[lines - 1][: width - 1].rstrip(" ,") + "…"]
        found.append("\n".join(parts))
    return found


def axis_text(label: str, unit: str) -> str:
    """Label and unit of an axis; shares are in percent."""
    unit = "%" if unit == "share" else unit
    return f"{label} ({unit})" if unit else label


def shown_value(rows: pd.DataFrame) -> pd.Series:
    """The values of `rows` as figures show them: shares in percent."""
    scale = (rows["unit"] == "share").map({True: 100.0, False: 1.0}).astype(float)
    return rows["value"].astype(float) * scale
