"""Clouds painted by SuperToken, from the arrays of distill stages."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from foundry_bench.report.plots.plot import Plot
from foundry_bench.report.plots.theme import SOFT, WIDTH, new_figure
from foundry_bench.report.sweep_results import SweepResults

MAX_CLOUDS, MAX_COLUMNS = 6, 5
NEIGHBOURS = 6
UNPAINTED = "#c8ccd1"
"""Points in no patch, and points whose token was kept as it is."""

AXES = (("supertokens", "{:g} SuperTokens"), ("gate_lambda", "λ = {:g}"), ("budget", "{:g} tokens"))
"""Levels along the columns: the first that has several values."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def plot(sweep: SweepResults) -> Iterator[Plot]:
    """The same clouds under the first main series, a column a level, of its lowest seed."""
    frame = sweep.frame
    if frame.empty:
        return
    main = frame[(frame["role"] == "main") & (frame["stage"] == "distill")]
    stages = main.drop_duplicates("stage_key")
    stages = stages[stages["series"] == stages["series"].head(1).squeeze()] if len(main) else stages
    if stages.empty:
        return
    level, text = max(AXES, key=lambda axis: stages[axis[0]].nunique())
    stages = stages[stages["seed"] == stages["seed"].min()].drop_duplicates(level)
    stages = stages.sort_values(level, kind="stable")
    found = {}
    for stage in stages.itertuples():
        table = read_cloud(sweep.records.arrays(str(stage.stage_key)))
        if table is not None:
            value = getattr(stage, level)
            found["" if pd.isna(value) else text.format(float(value))] = table
    if not found:
        return
    picked = np.linspace(0, len(found) - 1, min(MAX_COLUMNS, len(found))).round().astype(int)
    kept = {list(found)[place]: list(found.values())[place] for place in picked}
    points = pd.concat([table.assign(column=name) for name, table in kept.items()])
    series, seed = stages["series"].iloc[0], stages["seed"].iloc[0]
    used = points[points["supertoken"] >= 0].groupby(["column", "cloud", "class"], sort=False)
    yield Plot(
        name="supertoken_clouds",
        title="Clouds painted by SuperToken",
        caption=(
            f"Test clouds of {series}, seed {seed}: points of one colour belong to one SuperToken;"
            " SuperTokens that touch differ in colour while colours last. Grey points lie in no"
            " patch, or their token was kept as it is."
        ),
        data=used["supertoken"].nunique().rename("in_use").reset_index(),
        draw=partial(draw, points),
    )


def read_cloud(arrays: Mapping[str, NDArray[Any]]) -> pd.DataFrame | None:
    """A row per point: `cloud`, `class`, x, y (up), z, `supertoken` (-1: none); None if invalid.

    At most `MAX_CLOUDS` clouds: one of each class first.
    """
    try:
        points = arrays["points_MN3"].astype(np.float64)
        supertoken = arrays["supertoken_MN"].astype(np.int64)
        names = [str(name) for name in arrays["class_names"]]
        classes = [names[label] for label in arrays["labels_M"].tolist()]
    except (ValueError, TypeError, KeyError, IndexError):
        return None
    if points.shape != (*supertoken.shape, 3) or len(classes) != len(points):
        return None
    if not np.isfinite(points).all():
        return None
    first = pd.Series(classes).duplicated().sort_values(kind="stable").index
    chosen = sorted(first[:MAX_CLOUDS])
    return pd.concat(
        [
            pd.DataFrame(points[index], columns=["x", "y", "z"]).assign(
                supertoken=supertoken[index], cloud=index, **{"class": classes[index]}
            )
            for index in chosen
        ]
    )


def colour_supertokens(points_N3: Floats, supertoken_N: Integers, num: int) -> dict[int, int]:
    """SuperToken -> index of a colour, so that neighbours differ while colours last.

    Greedy from the SuperToken with most neighbours down; deterministic.
    """
    present = [int(name) for name in np.unique(supertoken_N) if name >= 0]
    inside = supertoken_N >= 0
    owners = np.searchsorted(present, supertoken_N[inside])
    contact = np.zeros((len(present), len(present)))
    if inside.sum() > NEIGHBOURS:
        tree = cKDTree(points_N3[inside])
        near = np.asarray(tree.query(points_N3[inside], NEIGHBOURS + 1)[1])[:, 1:]
        np.add.at(contact, (np.repeat(owners, NEIGHBOURS), owners[near].ravel()), 1.0)
        contact += contact.T
        np.fill_diagonal(contact, 0.0)
    colours: dict[int, int] = {}
    for index in np.argsort(-contact.sum(1), kind="stable").tolist():
        touching, used = np.zeros(num), np.zeros(num)
        for other, colour in colours.items():
            touching[colour] += contact[index, other]
            used[colour] += 1
        colours[index] = int(np.lexsort((used, touching))[0])
    return {present[index]: colour for index, colour in colours.items()}


def project(points_N3: Floats, azimuth: float = 0.65, elevation: float = 0.38) -> Floats:
    """Orthographic view from the front right, a little above: right, up and depth."""
    x, y, z = points_N3.T
    right = np.cos(azimuth) * x - np.sin(azimuth) * z
    away = -np.sin(azimuth) * x - np.cos(azimuth) * z
    up = np.cos(elevation) * y + np.sin(elevation) * away
    return np.stack([right, up, np.cos(elevation) * away - np.sin(elevation) * y], 1)


def draw(points: pd.DataFrame) -> Figure:
    """A row a cloud, a column a level; near points are drawn last."""
    columns, clouds = list(dict.fromkeys(points["column"])), sorted(set(points["cloud"]))
    cell = min(0.95, WIDTH / len(columns))
    figure = new_figure(0.3 + cell * len(clouds))
    grid = figure.subplots(len(clouds), len(columns), squeeze=False)
    for row, cloud in enumerate(clouds):
        for column, name in enumerate(columns):
            own = points[(points["cloud"] == cloud) & (points["column"] == name)]
            _draw_cell(grid[row, column], own)
            if row == 0:
                grid[row, column].set_title(name.replace(" ", "\n", 1), fontsize=6.5, pad=2)
        label = str(points.loc[points["cloud"] == cloud, "class"].iloc[0]).replace("_", " ")
        grid[row, 0].set_ylabel(label, fontsize=6.5, color=SOFT)
    return figure


def _draw_cell(axes: Axes, cloud: pd.DataFrame) -> None:
    palette = [*sns.color_palette("tab10", 7), *sns.color_palette("Dark2", 3)]
    positions, owners = cloud[["x", "y", "z"]].to_numpy(), cloud["supertoken"].to_numpy()
    colours = colour_supertokens(positions, owners, len(palette))
    screen = project(positions)
    painted = [palette[colours[name]] if name in colours else UNPAINTED for name in owners.tolist()]
    order = np.argsort(-screen[:, 2], kind="stable")
    shown = [painted[index] for index in order]
    axes.scatter(screen[order, 0], screen[order, 1], s=2.2, c=shown, linewidths=0, rasterized=True)
    axes.set(xticks=[], yticks=[], aspect="equal")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.margins(0.03)
