"""Records of `profile` -> a section of the report: what models cost, apart from any sweep."""

import re
from collections.abc import Sequence
from functools import partial

from foundry_bench.record import Record
from foundry_bench.report.figures.latency import Bar, draw_latency
from foundry_bench.report.profiles.records import (
    PARTS,
    Measured,
    of_kind,
    read_profiles,
    side_by_side,
)
from foundry_bench.report.profiles.sentences import read_latencies, warn_of_measurements
from foundry_bench.report.profiles.tables import (
    latency_lines,
    latency_table,
    tabulate_counts,
    tabulate_memory,
    tabulate_ways,
)
from foundry_bench.report.records.harvest import SweepInfo
from foundry_bench.report.records.provenance import Fact, commits, package_versions
from foundry_bench.report.sections import Picture, SweepReport
from foundry_bench.report.wording import and_list, number

NAME = "profile"
QUESTION = "What do the teacher and its students cost on this machine?"
COMMANDS = (
    "foundry-bench profile latency --out DIR",
    "foundry-bench profile memory --out DIR",
    "foundry-bench profile flops --out DIR",
    "foundry-bench report DIR",
)


def profile_section(records: Sequence[Record], *, has_trials: bool) -> SweepReport | None:
    """The section; None without records, or where sweeps show all there is: counts alone."""
    measured = read_profiles(records)
    latencies = of_kind(measured, "latency")
    if not measured or (has_trials and not latencies and not of_kind(measured, "memory")):
        return None
    tables = (tabulate_ways(latencies), tabulate_memory(measured), tabulate_counts(measured))
    extras = [extra for extra in tables if extra is not None]
    return SweepReport(
        NAME,
        SweepInfo(QUESTION),
        tuple(read_latencies(measured)),
        tuple(warn_of_measurements(measured)),
        tuple(_pictures(latencies)),
        latency_table(latencies) if latencies else extras[0].tables[0],
        tuple(latency_lines(measured)),
        tuple(extras),
        tuple(_facts(measured)),
        commands=COMMANDS,
    )


def _pictures(latencies: Sequence[Measured]) -> list[Picture]:
    groups = side_by_side(latencies)
    machines = {several[0].machine for several in groups}
    return [_picture(several, with_machine=len(machines) > 1) for several in groups]


def _picture(shown: Sequence[Measured], *, with_machine: bool) -> Picture:
    first = shown[0]
    bars = [_bar(each) for each in shown]
    teacher = first.config["teacher"]
    size = f"{teacher['name']} {teacher['width']}x{teacher['depth']} {teacher['patches']} patches"
    words = f"{size} batch {first.batch}" + (f" {first.machine}" if with_machine else "")
    slug = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    return Picture(
        f"latency_{slug}",
        f"Latency by part, batch {first.batch}",
        f"{first.teacher}; {first.machine}; eager fp32. Bars: medians of the parts over rounds;"
        " the line: quartiles of whole passes, its tick the median. Beside it the median, and the"
        " share of FPS, kNN and the tokenizer.",
        f"Stacked bars of milliseconds by part, {len(bars)} models.",
        tuple(
            {"model": bar.model, **bar.parts_ms, "ms": bar.quartiles_ms[1], "floor": bar.floor}
            for bar in bars
        ),
        partial(draw_latency, bars, first.batch),
    )


def _bar(each: Measured) -> Bar:
    metrics = each.record.metrics
    low, middle, high = (metrics[f"latency_ms_{name}"] for name in ("q1", "median", "q3"))
    parts = {part: each.part_ms(part) for part in PARTS if each.part_ms(part)}
    return Bar(each.model, parts, (low, middle, high), each.floor)


def _facts(measured: Sequence[Measured]) -> list[Fact]:
    records = [each.record for each in measured]
    latencies = of_kind(measured, "latency")
    facts: list[Fact] = [("records", str(len(records)))]
    facts += [("machine", name) for name in sorted({each.machine for each in measured} - {""})]
    facts.append(("code", and_list(commits(records)) or "no commit recorded"))
    facts += [(name, and_list(versions)) for name, versions in package_versions(records).items()]
    moments = sorted({each.session[-1] for each in latencies})
    if moments:
        facts.append(("latencies measured", " to ".join(dict.fromkeys((moments[0], moments[-1])))))
        loads = [each.number("load_average") or 0 for each in latencies]
        facts.append(("load average before", f"{number(min(loads), 1)} to {number(max(loads), 1)}"))
        others = [cores for each in latencies if (cores := each.number("other_cores")) is not None]
        if others:
            words = f"{number(min(others), 2)} to {number(max(others), 2)}"
            facts.append(("cores that others used", words))
    return facts
