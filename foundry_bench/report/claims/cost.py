"""Checks of what students cost, over records of `foundry-bench profile`."""

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from foundry_bench.record import Record
from foundry_bench.report.claims.finding import Finding, find_fact
from foundry_bench.report.claims.material import Material
from foundry_bench.report.claims.places import place_of_profile
from foundry_bench.report.claims.settings import CostRatio, Fits
from foundry_bench.report.records.harvest import settings_of
from foundry_bench.report.records.provenance import LATENCY, measured_on
from foundry_bench.report.study.costs import SCENES
from foundry_bench.report.wording import number

GIB = 2**30
PEAKS = ("peak_reserved_bytes", "peak_allocated_bytes", "peak_rss_bytes")
"""What a scene needed: memory that the accelerator's allocator held, or used, beside its context,
else the process.
"""

_OF_ONE = ("student", "versions")
"""What settings of profiles say of one backbone; all else must be the same, the moment of a
measurement too: only then did student and teacher have turns with each other.
"""


def check_cost_ratio(material: Material, settings: CostRatio) -> Iterator[Finding]:
    """A student's cost over its teacher's, under the same conditions, the median of measurements:
    of clouds that get one answer each, as the paper's do, and not of scenes or of parts.

    Students of the name that differ in other settings are found by themselves.
    """
    alike: dict[str, list[Record]] = defaultdict(list)
    for record in material.profiles:
        cost = record.metrics.get(settings.metric, math.nan)
        is_of_clouds = record.task != SCENES and "parts" not in record.config
        if 0 < cost < math.inf and record.status == "done" and is_of_clouds:
            alike[_conditions(record, settings.metric)].append(record)
    pairs: dict[str, list[tuple[Record, Record]]] = defaultdict(list)
    for records in alike.values():
        teachers = [record for record in records if not settings_of(record.config, "student")]
        for record in records:
            if teachers and _is_meant(settings_of(record.config, "student"), settings):
                pairs[_thing(record, settings.metric)].append((record, teachers[0]))
    for several in pairs.values():
        ratio = median(
            mine.metrics[settings.metric] / its.metrics[settings.metric] for mine, its in several
        )
        first = several[0][0]
        yield find_fact(
            ratio <= settings.at_most,
            what=f"{settings.student} at s = {settings.supertokens} against its teacher:"
            f" {settings.metric}{_way(first) if _is_timed(settings.metric) else ''}",
            place=place_of_profile(first),
            observed=f"{number(100 * ratio, 1)} % of the teacher's",
            asked=f"at most {100 * settings.at_most:g} %",
            value=ratio,
            records=tuple(sorted({record.key for pair in several for record in pair})),
        )


def check_fits(material: Material, settings: Fits) -> Iterator[Finding]:
    """Scenes of enough points, each by itself: what it needed at most, or that it ran out.

    Running out of less memory than the claim allows says nothing, and neither does a larger scene
    that needs more than that.
    """
    for record in material.profiles:
        points = record.config.get("points", record.metrics.get("points"))
        if not isinstance(points, int | float) or not settings.points <= points < math.inf:
            continue
        student = settings_of(record.config, "student")
        if student.get("name") != settings.student:
            continue
        needed = _needed(record.metrics) / GIB
        is_out = record.metrics.get("oom") == 1
        limit = record.config.get("memory_limit")
        is_out_early = is_out and limit is not None and limit < settings.gib * GIB
        if is_out_early or (math.isnan(needed) and not is_out):
            continue
        fits = not is_out and needed <= settings.gib
        if points > settings.points and not fits:
            continue
        attention = record.config.get("attention")
        yield find_fact(
            fits,
            what=f"{settings.student} at s = {student.get('supertokens')}: a scene of"
            f" {points:,.0f} points{f', {attention} attention' if attention else ''}",
            place=place_of_profile(record),
            observed="out of memory" if is_out else f"{number(needed, 1)} GiB at the peak",
            asked=f"at most {settings.gib:g} GiB",
            value=needed,
            records=(record.key,),
        )


def _needed(metrics: Mapping[str, float]) -> float:
    """Bytes; NaN if nothing says so."""
    name = next((name for name in PEAKS if math.isfinite(metrics.get(name, math.nan))), None)
    if name is None:
        return math.nan
    return metrics[name] + (0.0 if "rss" in name else metrics.get("context_bytes", 0.0))


def _is_meant(student: Mapping[str, Any], settings: CostRatio) -> bool:
    return (
        student.get("name") == settings.student
        and student.get("supertokens") == settings.supertokens
        and student.get("budget") is None
    )


def _way(record: Record) -> str:
    config = record.config
    way = f", {config.get('mode')} {config.get('precision')}" if "mode" in config else ""
    batch = f", batch {config['batch']}" if "batch" in config else ""
    return f"{way}{batch} on {measured_on(record).get('name', 'an unknown device')}"


def _is_timed(metric: str) -> bool:
    return metric.startswith(LATENCY)


def _conditions(record: Record, metric: str) -> str:
    """All that must be the same for costs to be compared."""
    said = {key: value for key, value in record.config.items() if key not in _OF_ONE}
    return _text(said, record, metric)


def _thing(record: Record, metric: str) -> str:
    """What is the same in repeated measurements of one student."""
    said = {key: value for key, value in record.config.items() if key != "measured"}
    return _text(said, record, metric)


def _text(said: Mapping[str, Any], record: Record, metric: str) -> str:
    device = measured_on(record) if _is_timed(metric) else {}
    return json.dumps([said, device.get("kind"), device.get("name")], sort_keys=True, default=str)
