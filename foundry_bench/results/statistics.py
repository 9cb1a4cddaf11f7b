"""Statistics over seeds: mean, Student-t interval, paired tests, Holm's correction.

Seeds are the unit of replication. Fewer than three give a mean without interval. A value that
several seeds share (one stage key: nothing in it is random) is one measurement.
"""

import math
import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from foundry_bench.errors import FoundryError
from foundry_bench.registry import unknown

MIN_SEEDS = 3
CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE

GROUP = ("sweep", "role", "variant", "series", "supertokens", "budget", "gate_lambda", "eps")
"""Columns by which trials are grouped by default: those of a group differ in their seed only."""

METRIC = ("stage", "task", "metric")
_KEPT = ("context", "ground", "unit", "direction", "label")
"""Columns that are the same within a group, kept in results."""

Key = tuple[Hashable, ...]


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` seeds and its 95 % interval; NaN below three seeds.

    Attributes:
        sd: standard deviation; NaN below two seeds.
        p: two-sided, of a mean of zero; NaN below three seeds.
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float
    p: float

    @property
    def is_beyond(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Sample:
    """The values of one metric in one group.

    Attributes:
        by_seed: seed -> value; the mean if a seed has several.
        is_constant: whether several seeds share one value; it is listed at the first of them.
    """

    by_seed: Mapping[int, float] = field(default_factory=dict)
    is_constant: bool = False

    @property
    def estimate(self) -> Estimate:
        """Mean and interval over the seeds."""
        return estimate(list(self.by_seed.values()))


def estimate(values: Sequence[float]) -> Estimate:
    """Mean, standard deviation, 95 % Student-t interval and t-test of `values`.

    Values that are all equal have no width: p is then 1 if they are 0, else 0.
    """
    n = len(values)
    mean = math.fsum(values) / n if n else math.nan
    sd = float(np.std(values, ddof=1)) if n > 1 else math.nan
    if n < MIN_SEEDS:
        return Estimate(n, mean, sd, math.nan, math.nan, math.nan)
    if sd == 0:
        return Estimate(n, mean, sd, mean, mean, 1.0 if mean == 0 else 0.0)
    with warnings.catch_warnings():
        # Nearly equal values: scipy warns of lost digits, and the interval is narrow all the same.
        warnings.simplefilter("ignore", RuntimeWarning)
        test = stats.ttest_1samp(values, 0.0)
    interval = test.confidence_interval(CONFIDENCE)
    return Estimate(n, mean, sd, float(interval.low), float(interval.high), float(test.pvalue))


def difference(values: Sample, reference: Sample) -> tuple[Estimate, bool]:
    """`values - reference`, and whether it is paired by seed.

    A constant is compared with every seed of the other side.
    """
    mine, theirs = values.by_seed, reference.by_seed
    if not mine or not theirs:
        return estimate([]), False
    if reference.is_constant:
        theirs = dict.fromkeys(mine, next(iter(theirs.values())))
    elif values.is_constant:
        mine = dict.fromkeys(theirs, next(iter(mine.values())))
    seeds = sorted(mine.keys() & theirs.keys())
    is_paired = not (reference.is_constant or values.is_constant)
    # The same as ttest_rel, with a mean and an interval for fewer or equal differences, too.
    return estimate([mine[seed] - theirs[seed] for seed in seeds]), is_paired


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction of `p_values`; NaN stays NaN and does not count."""
    corrected = np.full(len(p_values), math.nan)
    known = np.isfinite(p_values)
    if known.any():
        corrected[known] = multipletests(np.asarray(p_values)[known], method="holm")[1]
    return [float(p) for p in corrected]


def summarize(frame: pd.DataFrame, by: Sequence[str] = GROUP) -> pd.DataFrame:
    """Mean, standard deviation, n and 95 % interval over seeds of each group and metric.

        results.summarize(frame[frame.metric == "accuracy"])
        results.summarize(frame, by=["variant", "student.assignment.init_std"])

    Args:
        frame: the results frame, or rows of it.
        by: columns that tell groups apart; stage, task and metric always do.

    Returns:
        a row per group and metric with `n`, `mean`, `sd`, `low`, `high` and `is_constant`, in the
        order of `frame`. `low` and `high` are missing below three seeds.
    """
    lines = []
    for key, rows in split(frame, [*by, *METRIC]):
        sample = sample_of(rows)
        found = sample.estimate
        lines.append(
            {
                **dict(zip([*by, *METRIC], key, strict=True)),
                **{name: rows[name].iloc[0] for name in _KEPT if name in rows and name not in by},
                "n": found.n,
                "mean": found.mean,
                "sd": found.sd,
                "low": found.low,
                "high": found.high,
                "is_constant": sample.is_constant,
            }
        )
    numbers = ["n", "mean", "sd", "low", "high", "is_constant"]
    summary = pd.DataFrame(lines, columns=None if lines else [*by, *METRIC, *numbers])
    return typed(summary, frame)


def sample_of(rows: pd.DataFrame) -> Sample:
    """The values by seed of one metric's rows; a stage that seeds share counts at the first."""
    rows = rows.sort_values("seed", kind="stable")
    stages = rows["stage_key"] if "stage_key" in rows else pd.Series(range(len(rows)))
    seeds = set(rows["seed"])
    by_stage = rows[~stages.duplicated().to_numpy()]
    values = by_stage.groupby("seed")["value"].agg(lambda each: math.fsum(each) / len(each))
    by_seed = {int(str(seed)): float(value) for seed, value in values.items()}
    return Sample(by_seed, is_constant=len(seeds) > 1 and stages.nunique() == 1)


def rows_of_metric(frame: pd.DataFrame, metric: str, task: str | None = None) -> pd.DataFrame:
    """The rows of `metric`, of `task` or of distillation.

    Raises:
        FoundryError: if there is none, or if it is a metric of several tasks and `task` is None.
    """
    if task is not None:
        if task not in set(frame["task"]):
            raise FoundryError(unknown("task", task, sorted(set(frame["task"]) - {""})))
        frame = frame[frame["task"].isin([task, ""])]
    rows = frame[frame["metric"] == metric]
    if rows.empty:
        raise FoundryError(unknown("metric", metric, sorted(set(frame["metric"]) - {""})))
    if len(tasks := sorted(set(rows["task"]))) > 1:
        raise FoundryError(f"{metric} is a metric of {', '.join(tasks)}: choose one with task=")
    return rows


def split(frame: pd.DataFrame, by: Sequence[str]) -> Iterator[tuple[Key, pd.DataFrame]]:
    """Groups of the rows with a finite value, in their order; missing values are None in keys."""
    finite = frame[np.isfinite(frame["value"]) & (frame["metric"] != "")]
    for key, rows in finite.groupby(list(by), sort=False, dropna=False, observed=True):
        yield tuple(None if pd.isna(part) else part for part in key), rows


def typed(lines: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """`lines` with the column types of `frame`, where both have a column."""
    shared = {name: frame[name].dtype for name in lines.columns if name in frame.columns}
    return lines.astype(shared)
