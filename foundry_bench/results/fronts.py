"""Pareto fronts: groups that no other beats in a result and in a cost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from foundry_bench.errors import FoundryError
from foundry_bench.results.frame import COSTS
from foundry_bench.results.statistics import (
    GROUP,
    MIN_SEEDS,
    Estimate,
    Sample,
    difference,
    holm,
    rows_of_metric,
    sample_of,
    split,
    typed,
)


@dataclass(frozen=True)
class _Point:
    """One group: its mean cost, and its result with the sign under which higher is better."""

    columns: dict[str, Any]
    cost: float
    result: Sample
    mean: float
    found: Estimate


def pareto(
    frame: pd.DataFrame,
    x: str = "macs",
    y: str = "accuracy",
    *,
    task: str | None = None,
    by: Sequence[str] = GROUP,
) -> pd.DataFrame:
    """Students by cost, and which of them no other beats on both `x` and `y`.

        front = results.pareto(frame, x="macs", y="accuracy")
        front[front.is_on_front]

    Args:
        frame: the results frame.
        x: a cost column (`macs`, `encoder_tokens`, `weight_mib`) or another numeric column, lower
            is better; or a metric, by its direction.
        y: a metric, by its direction.
        task: the label of their task; needed where several tasks have the metric.
        by: columns that tell groups apart.

    Returns:
        a row per group, by sweep and cost: `x` and `y` (means), `n`, `y_low`, `y_high`,
        `is_on_front`, `place` on the front and `p_holm`. Baselines are left out. Groups with fewer
        than three seeds are left out where others have three. A front is over one sweep and one
        ground (the same data and training). `p_holm` is of the contrary: on the front, of being no
        better than a student that costs no more; off it, of being no worse than each of those.

    Raises:
        FoundryError: if the frame has no such metric or column, or if `y` has no direction.
    """
    students = frame[frame["role"] != "baseline"]
    answers = rows_of_metric(students, y, task)
    sign = _sign(answers, y)
    is_column = x in COSTS or (x in students and pd.api.types.is_numeric_dtype(students[x]))
    others = None if is_column else rows_of_metric(students, x, task)
    other_sign = 1.0 if others is None else -_sign(others, x)
    lines: list[dict[str, Any]] = []
    keys = list(dict.fromkeys(["sweep", "ground", *by]))
    fronts: dict[tuple[object, ...], list[_Point]] = {}
    for key, rows in split(answers, keys):
        if others is None:
            # Trials that share a profile have the same cost: it is one measurement.
            cost = float(rows[x].astype("float64").drop_duplicates().mean())
        else:
            of_group = others[others["trial"].isin(rows["trial"])]
            cost = other_sign * sample_of(of_group).estimate.mean
        if math.isnan(cost):
            continue
        group = dict(zip(keys, key, strict=True))
        sample, columns = sample_of(rows), {**group, "label": rows["label"].iloc[0]}
        found = sample.estimate
        point = _Point(columns, cost, sample, sign * found.mean, found)
        fronts.setdefault((group["sweep"], group["ground"]), []).append(point)
    for points in fronts.values():
        lines += _front(points, other_sign)
    return typed(pd.DataFrame(lines), frame) if lines else pd.DataFrame(lines)


def _front(points: Sequence[_Point], cost_sign: float) -> list[dict[str, Any]]:
    enough = [point for point in points if point.found.n >= MIN_SEEDS]
    ordered = sorted(enough or points, key=lambda point: (point.cost, -point.mean))
    judged = [_judge(index, ordered) for index in range(len(ordered))]
    corrected = {
        kind: holm([p if is_on == kind else math.nan for is_on, p in judged])
        for kind in (True, False)
    }
    lines, place = [], 0
    for index, (point, (is_on_front, _)) in enumerate(zip(ordered, judged, strict=True)):
        place += is_on_front
        lines.append(
            {
                **point.columns,
                "n": point.found.n,
                "x": cost_sign * point.cost,
                "y": point.found.mean,
                "y_low": point.found.low,
                "y_high": point.found.high,
                "is_on_front": is_on_front,
                "place": place if is_on_front else math.nan,
                "p_holm": corrected[is_on_front][index],
            }
        )
    return lines


def _judge(index: int, points: Sequence[_Point]) -> tuple[bool, float]:
    """Whether a point is on the front by the means, and the p of the contrary.

    Among equals the first counts. To be on the front, a point must beat each rival: the largest p
    counts. To be off it, one better rival is enough: the least p counts, times their number.
    """
    point = points[index]
    rivals = [other for other in points if other is not point and other.cost <= point.cost]
    beating = [other for other in rivals if other.mean > point.mean]
    beating += [other for other in points[:index] if other.mean == point.mean]
    p_values = [difference(point.result, other.result)[0].p for other in beating or rivals]
    if not beating:
        is_unknown = any(math.isnan(p) for p in p_values)
        return True, math.nan if is_unknown else max(p_values, default=0.0)
    known = [p for p in p_values if math.isfinite(p)]
    return False, min(1.0, len(rivals) * min(known)) if known else math.nan


def _sign(rows: pd.DataFrame, metric: str) -> float:
    signs = {"higher": 1.0, "lower": -1.0}
    if (direction := str(rows["direction"].iloc[0])) not in signs:
        raise FoundryError(
            f"{metric} has the direction '{direction}': declare higher or lower in the task's"
            " metric_specs"
        )
    return signs[direction]
