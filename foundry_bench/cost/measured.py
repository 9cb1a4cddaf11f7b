"""Records of what was measured on a device, latencies and memory, as rows."""

from collections.abc import Sequence
from typing import Any

from foundry_bench.cost.rows import identity
from foundry_bench.record import Record

CONDITIONS = ("batch", "mode", "precision", "threads", "device")


def measured_rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """An object a record, for `--json`: which model, under which conditions, and the numbers."""
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
