"""How `foundry-bench profile` shows what it measured, in Markdown."""

from collections.abc import Sequence

from rich.table import Table

from foundry_bench.cli.costs import MIB, markdown_table, model_cells
from foundry_bench.cost.counting import PARTS
from foundry_bench.record import Record

WORDS = ("model", "batch", "way")
MEMORY = {
    "peak_rss_bytes": "peak RSS",
    "baseline_rss_bytes": "of it imports",
    "own_rss_bytes": "the rest",
    "activation_bytes": "activations",
    "peak_allocated_bytes": "allocated",
    "peak_reserved_bytes": "reserved",
}


def latency_table(records: Sequence[Record]) -> Table:
    """A row a record: milliseconds of a pass, against the teacher's, and by part."""
    heads = ("median", "quartiles", "n", "of teacher", *PARTS, "network")
    table = markdown_table(f"{_title(records)}: ms a batch", WORDS, heads)
    for record in records:
        metrics = record.metrics
        ratio = metrics.get("ratio_to_teacher")
        table.add_row(
            *_lane(record),
            _ms(metrics["latency_ms_median"]),
            f"{_ms(metrics['latency_ms_q1'])} to {_ms(metrics['latency_ms_q3'])}",
            f"{metrics['latency_n']:.0f}",
            "" if ratio is None else f"{ratio:.2f}",
            *(_ms(metrics.get(f"latency_ms_{part}")) for part in (*PARTS, "network")),
        )
    return table


def memory_table(records: Sequence[Record]) -> Table:
    """A row a record: MiB."""
    columns = {
        name: head
        for name, head in MEMORY.items()
        if any(name in record.metrics for record in records)
    }
    table = markdown_table(
        f"{_title(records)}: MiB of a fresh process", WORDS, tuple(columns.values())
    )
    for record in records:
        numbers = (record.metrics.get(name) for name in columns)
        shown = ("" if number is None else f"{number / MIB:.1f}" for number in numbers)
        table.add_row(*_lane(record), *shown)
    return table


def _title(records: Sequence[Record]) -> str:
    """Devices and threads; those that others used too are marked."""
    found = {
        f"{record.config['hardware']['name']}, {record.config['threads']} threads"
        + (" (shared)" if record.config.get("shared") else "")
        for record in records
    }
    return "; ".join(sorted(found)) or "nothing"


def _lane(record: Record) -> tuple[str, ...]:
    config = record.config
    way = f"{config['mode']} {config['precision']}"
    student, supertokens, budget = model_cells(record)
    sizes = [f"s={supertokens}"] if supertokens else []
    sizes += [f"budget={budget}"] if budget else []
    return " ".join([student, *sizes]), str(config["batch"]), way


def _ms(number: float | None) -> str:
    return "" if number is None else f"{number:.2f}" if number < 100 else f"{number:.0f}"
