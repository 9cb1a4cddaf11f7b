"""Records of `profile` as rows for files and programs: all from the records alone."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foundry_bench.cost.counting import PARTS
from foundry_bench.cost.metrics import COLUMNS, work_of
from foundry_bench.files import replacing
from foundry_bench.record import Record

GEOMETRY = ("points", "patches", "patch_size", "width", "depth")
CONDITIONS = ("batch", "mode", "precision", "threads", "device")
OPERATOR_LEVEL = tuple(f"{column}_{part}_" for column in COLUMNS for part in PARTS)


def identity(record: Record) -> dict[str, Any]:
    """Which teacher, which student in which size; the `parts` that its head tells apart, if any;
    `distilled` is the key of its distillation.
    """
    teacher, student = record.config["teacher"], record.config["student"] or {}
    return {
        "teacher": teacher["name"],
        **{name: teacher[name] for name in GEOMETRY},
        "student": student.get("name", "teacher"),
        "supertokens": student.get("supertokens"),
        "budget": student.get("budget"),
        "parts": record.config.get("parts"),
        "distilled": record.inputs.get("distill"),
        "key": record.key,
    }


def totals(record: Record) -> dict[str, float]:
    """The metrics without those of single operators."""
    return {
        name: _exact(number)
        for name, number in record.metrics.items()
        if not name.startswith(OPERATOR_LEVEL)
    }


def operators(record: Record) -> list[dict[str, Any]]:
    """A row for each operator in each part."""
    return [
        {
            "part": work.part,
            "operator": work.operator,
            "macs": _exact(work.macs),
            "flops": _exact(work.flops),
            "other_ops": _exact(work.other_ops),
            "geometry_ops": _exact(work.geometry_ops),
        }
        for work in work_of(record.metrics)
    ]


def program_rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """An object a record of `profile flops`, for `--json`."""
    return [
        identity(record) | {"metrics": totals(record), "operators": operators(record)}
        for record in records
    ]


def measured_rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """An object a record of a latency or of memory, for `--json`: which model, under which
    conditions, and the numbers.
    """
    return [
        identity(record)
        | {name: record.config[name] for name in CONDITIONS}
        | {
            "hardware": record.config["hardware"],
            "shared": record.config.get("shared"),
            "measured": record.config.get("measured"),
            "metrics": record.metrics,
        }
        for record in records
    ]


def write_tables(folder: Path, records: Sequence[Record]) -> tuple[Path, Path]:
    """`flops.csv`, a row a record, and `flops_operators.csv`, a row an operator, in `folder`."""
    whole = [identity(record) | totals(record) for record in records]
    single = [identity(record) | row for record in records for row in operators(record)]
    paths = folder / "flops.csv", folder / "flops_operators.csv"
    for path, rows in zip(paths, (whole, single), strict=True):
        with replacing(path) as temporary:
            temporary.write_text(_csv(rows), encoding="utf-8")
    return paths


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _exact(number: float) -> float:
    return int(number) if float(number).is_integer() else number
