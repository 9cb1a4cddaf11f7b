"""What was counted and measured of models -> tables."""

import math
from collections.abc import Callable, Sequence

from foundry_bench.report.profiles.records import PARTS, Measured, newest, of_kind, side_by_side
from foundry_bench.report.sections import Extra
from foundry_bench.report.table import Cell, Line, Table

MEGA, MIB = 1e6, 2**20
Column = tuple[str, Callable[[Measured], float | None], str]
"""Head, number, format."""

MEMORY: tuple[tuple[str, str], ...] = (
    ("peak_rss_bytes", "peak RSS MiB"),
    ("baseline_rss_bytes", "of it imports"),
    ("own_rss_bytes", "the rest"),
    ("activation_bytes", "activations"),
    ("peak_allocated_bytes", "allocated MiB"),
    ("peak_reserved_bytes", "reserved MiB"),
)


def latency_table(latencies: Sequence[Measured]) -> Table:
    """Eager fp32 by part: what was timed side by side, and what else was timed."""
    together = [each for several in side_by_side(latencies) for each in several]
    shown = newest([each for each in latencies if each.is_plain])
    models = {(*each.session[:-1], each.model) for each in together}
    shown = [*together, *(each for each in shown if (*each.session[:-1], each.model) not in models)]
    shown.sort(key=lambda each: each.rank)
    columns = [
        *_latency_columns(),
        *((part, _metric(f"latency_ms_{part}"), ".2f") for part in PARTS),
        ("tok. + geo. %", lambda each: 100 * each.floor, ".0f"),
    ]
    caption = (
        "Milliseconds of a batch of clouds on its way to logits, eager fp32: median, quartiles and"
        " number of rounds; “of teacher” is the median over rounds of the time over the teacher's"
        " in the same round. Parts are watched from inside a pass, each the median over rounds:"
        " group is FPS and kNN; compress has all that runs in no other part."
    )
    return _table(shown, columns, caption)


def tabulate_ways(latencies: Sequence[Measured]) -> Extra | None:
    """Models that ran in other ways too; None if all ran eagerly in fp32 alone."""
    several = {(*each.session, each.model) for each in latencies if not each.is_plain}
    shown = newest([each for each in latencies if (*each.session, each.model) in several])
    if not shown:
        return None
    eager = {(*each.session, each.model): each for each in latencies if each.is_plain}

    def against_eager(each: Measured) -> float | None:
        plain = eager.get((*each.session, each.model))
        own = each.number("latency_ms_median")
        its = None if plain is None else plain.number("latency_ms_median")
        return None if own is None or not its else own / its

    columns = [
        *_latency_columns(),
        ("of eager fp32", against_eager, ".2f"),
        ("network ms", _metric("latency_ms_network"), ".2f"),
        ("difference", _metric("output_difference"), ".1g"),
    ]
    caption = (
        "“Of teacher”: the teacher run in the same way; network is all but FPS and kNN, which run"
        " in torch everywhere; difference of logits to eager's, in the median cloud, relative to"
        " the largest. bf16 is torch's autocast, int8 ONNX Runtime's dynamic quantisation."
    )
    table = _table(shown, columns, caption)
    return Extra("ways", "Other ways to run", (table,), tuple(_lines(shown)))


def tabulate_memory(measured: Sequence[Measured]) -> Extra | None:
    """A row a fresh process; None without any."""
    shown = newest(of_kind(measured, "memory"))
    if not shown:
        return None
    columns = [
        (head, _metric(name, MIB), ".1f")
        for name, head in MEMORY
        if any(each.number(name) is not None for each in shown)
    ]
    caption = (
        "MiB of a process that loads one model and runs three batches; the imports of torch, or of"
        " numpy and ONNX Runtime, are told apart. Activations: what is left without imports and"
        " weights, which on a CPU includes what libraries keep for the next time."
    )
    table = _table(shown, columns, caption)
    return Extra("memory", "Memory", (table,), tuple(_lines(shown)))


def tabulate_counts(measured: Sequence[Measured]) -> Extra | None:
    """MACs and sizes; None if nothing was counted."""
    shown = newest(of_kind(measured, "flops"))
    if not shown:
        return None
    macs: list[Column] = [
        ("tokens", _metric("encoder_tokens"), ".1f"),
        *((part, _metric(f"macs_{part}", MEGA), ".2f") for part in PARTS[1:]),
        ("MACs", _metric("macs", MEGA), ".2f"),
        ("p95", _metric("macs_p95", MEGA), ".2f"),
        ("FLOPs", _metric("flops", MEGA), ".2f"),
        ("other", _metric("other_ops", MEGA), ".2f"),
        ("geometry", _metric("geometry_ops", MEGA), ".2f"),
    ]
    sizes: list[Column] = [
        ("parameters", _metric("parameters"), ",.0f"),
        *(
            (f"{name} MiB", _metric(f"weight_bytes_{name}", MIB), ".2f")
            for name in ("fp32", "bf16", "int8")
        ),
    ]
    counted = "Millions a cloud; FLOPs are 2 × MACs, other and geometry single operations."
    tables = (_table(shown, macs, counted), _table(shown, sizes, "Weights of the backbone."))
    return Extra("flops", "MACs and sizes", tables, tuple(_lines(shown)), is_folded=True)


def latency_lines(measured: Sequence[Measured]) -> list[Line]:
    """All latencies with every number."""
    return _lines(of_kind(measured, "latency"))


def _latency_columns() -> list[Column]:
    names = {"median": "ms", "q1": "q1", "q3": "q3"}
    return [
        *((head, _metric(f"latency_ms_{name}"), ".2f") for name, head in names.items()),
        ("n", _metric("latency_n"), ".0f"),
        ("of teacher", _metric("ratio_to_teacher"), ".2f"),
    ]


def _metric(name: str, unit: float = 1.0) -> Callable[[Measured], float | None]:
    def found(each: Measured) -> float | None:
        number = each.number(name)
        return None if number is None else number / unit

    return found


def _table(shown: Sequence[Measured], columns: Sequence[Column], caption: str) -> Table:
    """Words first, of these only those that tell rows apart."""
    kinds: dict[str, Callable[[Measured], str]] = {
        "model": lambda each: each.model,
        "head": lambda each: each.head,
        "way": lambda each: each.way,
        "teacher": lambda each: each.teacher,
        "machine": lambda each: each.machine,
    }
    words = {
        head: of
        for head, of in kinds.items()
        if head == "model" or len({of(each) for each in shown}) > 1
    }
    batches = any(each.config.get("batch") for each in shown)
    header = (*words, *(("batch",) if batches else ()), *(head for head, _, _ in columns))
    rows = [
        (
            *(Cell(of(each), of(each)) for of in words.values()),
            *((Cell(str(each.batch), each.batch),) if batches else ()),
            *(_cell(number(each), form) for _, number, form in columns),
        )
        for each in shown
    ]
    return Table(header, tuple(rows), caption, num_labels=len(words))


def _cell(number: float | None, form: str) -> Cell:
    if number is None or not math.isfinite(number):
        return Cell("", "")
    return Cell(f"{number:{form}}", number)


def _lines(shown: Sequence[Measured]) -> list[Line]:
    return [
        {
            "model": each.model,
            "teacher": each.teacher,
            "machine": each.machine,
            "batch": each.batch,
            "way": each.way,
            **each.record.metrics,
            "key": each.record.key,
        }
        for each in shown
    ]
