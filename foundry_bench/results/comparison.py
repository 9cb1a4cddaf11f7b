"""Differences between groups of one frame, or between two frames, paired by seed."""

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
from scipy import stats

from foundry_bench.errors import FoundryError
from foundry_bench.registry import unknown
from foundry_bench.results.statistics import (
    CONFIDENCE,
    GROUP,
    METRIC,
    MIN_SEEDS,
    Estimate,
    Key,
    Sample,
    difference,
    estimate,
    holm,
    sample_of,
    split,
    typed,
)

Reference = str | Mapping[str, object]
_NAMES = ("role", "variant", "series")
"""Columns in which a group and its reference differ."""


def compare(
    frame: pd.DataFrame, reference: Reference = "teacher", by: Sequence[str] = GROUP
) -> pd.DataFrame:
    """Differences of each group to the reference of its sweep and context, paired by seed.

        results.compare(frame)                                       # to the teacher
        results.compare(frame, reference={"variant": "foundry", "supertokens": 4})

    Args:
        frame: the results frame, or rows of it.
        reference: a variant, or values of columns that select the reference rows.
        by: columns that tell groups apart.

    Returns:
        a row per group and metric with `reference` (its series), `n`, `mean`, `sd`, `low`, `high`,
        `p`, `p_holm`, `is_paired`, `is_beyond` and `verdict` (better, worse, or empty within the
        interval or without direction). Holm's correction is over the groups of a sweep and metric.
        Where the reference has several groups, that with the same SuperTokens, budget and gate
        weight counts; `attrs["notes"]` names groups without one.

    Raises:
        FoundryError: if no row is of the reference.
    """
    mask = _selected(frame, reference)
    references: dict[Key, list[tuple[dict[str, Hashable], Sample, str]]] = defaultdict(list)
    shared = ["sweep", "context", *METRIC]
    for key, rows in split(frame[mask], [*dict.fromkeys([*by, *shared])]):
        group = dict(zip(dict.fromkeys([*by, *shared]), key, strict=True))
        place = tuple(group[name] for name in shared)
        references[place].append((group, sample_of(rows), str(rows["series"].iloc[0])))
    lines: list[dict[str, Any]] = []
    notes: list[str] = []
    for key, rows in split(frame[~mask], [*dict.fromkeys([*by, *shared])]):
        group = dict(zip(dict.fromkeys([*by, *shared]), key, strict=True))
        found = references[tuple(group[name] for name in shared)]
        levels = [name for name in by if name not in (*_NAMES, *shared)]
        if len(found) > 1:
            found = [each for each in found if all(each[0][name] == group[name] for name in levels)]
        if len(found) != 1:
            notes.append(f"{rows['series'].iloc[0]} has no single reference in {group['metric']}.")
            continue
        _, sample, series = found[0]
        change, is_paired = difference(sample_of(rows), sample)
        if change.n:
            lines.append(
                {
                    **group,
                    **{name: rows[name].iloc[0] for name in ("unit", "direction", "label")},
                    "reference": series,
                    **_columns(change, str(rows["direction"].iloc[0])),
                    "is_paired": is_paired,
                }
            )
    return _corrected(lines, frame, notes, ["sweep", *METRIC])


def compare_frames(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Differences `after - before` of the same group and metric in two frames.

    Paired by the seeds that both have; with fewer than three of these, by Welch's t-test over all
    seeds of either side.

    Returns:
        a row per group and metric in either frame: `status` (`same`, `changed`, `removed`,
        `added`), means and numbers of seeds of both, the difference as in `compare`, and
        `num_pairs`. Sweeps of different names are the same if each frame has one.
    """
    by = list(GROUP)
    names = [set(each["sweep"]) for each in (before, after)]
    if names[0] != names[1] and all(len(each) == 1 for each in names):
        by.remove("sweep")
    # Records of earlier versions lack some settings: what one side does not know tells none apart.
    by = [name for name in by if before[name].isna().all() == after[name].isna().all()]
    keys = [*by, *METRIC]
    sides = [dict(split(each, keys)) for each in (before, after)]
    lines = []
    for key in dict.fromkeys([*sides[0], *sides[1]]):
        old, new = (side.get(key) for side in sides)
        rows = new if new is not None else old
        assert rows is not None
        samples = [Sample() if each is None else sample_of(each) for each in (old, new)]
        change, num_pairs = _change(*samples)
        means = [sample.estimate.mean for sample in samples]
        is_same = samples[0].by_seed == samples[1].by_seed
        status = (
            "added"
            if old is None
            else "removed"
            if new is None
            else "same"
            if is_same
            else "changed"
        )
        lines.append(
            {
                **dict(zip(keys, key, strict=True)),
                **{name: rows[name].iloc[0] for name in ("unit", "direction", "label")},
                "status": status,
                "before": means[0],
                "after": means[1],
                "n_before": len(samples[0].by_seed),
                "n_after": len(samples[1].by_seed),
                **_columns(change, str(rows["direction"].iloc[0])),
                "num_pairs": num_pairs,
            }
        )
    family = [name for name in ("sweep", *METRIC) if name in keys]
    return _corrected(lines, after, [], family)


def compare_variants(frame: pd.DataFrame, before: str, after: str) -> pd.DataFrame:
    """Differences between two variants of one frame, as `compare_frames` gives them.

    Groups match by series without the variant, and by SuperTokens, budget and gate weight.

    Raises:
        FoundryError: if a variant has no rows.
    """
    sides = []
    for variant in (before, after):
        rows = frame[_selected(frame, variant)].copy()
        rows["series"] = [series.partition(", ")[2] for series in rows["series"]]
        rows["role"], rows["variant"] = "", f"{after} against {before}"
        sides.append(rows)
    return compare_frames(*sides)


def _change(before: Sample, after: Sample) -> tuple[Estimate, int]:
    """The difference of two samples, and the number of pairs behind it; 0 if it is unpaired."""
    old, new = list(before.by_seed.values()), list(after.by_seed.values())
    if not old or not new:
        return estimate([]), 0
    if before.is_constant and after.is_constant:
        # Nothing in either is random: any difference is one.
        gap = new[0] - old[0]
        return Estimate(1, gap, 0.0, gap, gap, 1.0 if gap == 0 else 0.0), 0
    paired, is_paired = difference(after, before)
    if paired.n >= MIN_SEEDS:
        return paired, paired.n if is_paired else 0
    gap = math.fsum(new) / len(new) - math.fsum(old) / len(old)
    if min(len(old), len(new)) < MIN_SEEDS:
        found = paired if paired.n else Estimate(0, gap, *([math.nan] * 4))
        return found, paired.n if is_paired else 0
    if len({*old}) == len({*new}) == 1:
        return Estimate(min(len(old), len(new)), gap, 0.0, gap, gap, 0.0 if gap else 1.0), 0
    test = stats.ttest_ind(new, old, equal_var=False)
    interval = test.confidence_interval(CONFIDENCE)
    n = min(len(old), len(new))
    bounds = float(interval.low), float(interval.high)
    return Estimate(n, gap, math.nan, *bounds, float(test.pvalue)), 0


def _selected(frame: pd.DataFrame, reference: Reference) -> "pd.Series[bool]":
    """Mask of the rows of `reference`."""
    wanted = {"variant": reference} if isinstance(reference, str) else reference
    mask = pd.Series(True, index=frame.index)
    for name, value in wanted.items():
        if name not in frame:
            raise FoundryError(f"reference: {unknown('column', name, list(frame.columns))}")
        mask &= frame[name].isna() if value is None else (frame[name] == value).fillna(False)
        if not mask.any():
            known = sorted({str(each) for each in frame[name].dropna()})
            raise FoundryError(f"reference: {unknown(name, str(value), known)}")
    return mask.astype(bool)


def _columns(change: Estimate, direction: str) -> dict[str, object]:
    gain = {"higher": change.mean, "lower": -change.mean}.get(direction, 0.0)
    verdict = "better" if gain > 0 else "worse" if gain < 0 else ""
    return {
        "n": change.n,
        "mean": change.mean,
        "sd": change.sd,
        "low": change.low,
        "high": change.high,
        "p": change.p,
        "is_beyond": change.is_beyond,
        "verdict": verdict if change.is_beyond else "",
    }


def _corrected(
    lines: Sequence[dict[str, Any]], frame: pd.DataFrame, notes: list[str], family: Sequence[str]
) -> pd.DataFrame:
    """`lines` as a frame with `p_holm`, corrected within each `family`."""
    found = pd.DataFrame(lines)
    if lines:
        by_family = found.groupby(list(family), dropna=False)["p"]
        found["p_holm"] = by_family.transform(lambda p: holm(list(p)))
        found = typed(found, frame)
    found.attrs["notes"] = notes
    return found
