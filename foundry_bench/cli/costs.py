"""How `foundry-bench profile` shows counts: tables that a page in Markdown can take as they are."""

from collections.abc import Sequence

from rich.box import MARKDOWN
from rich.table import Table

from foundry_bench.cost.counting import PARTS
from foundry_bench.cost.rows import identity, operators
from foundry_bench.cost.weights import PRECISIONS
from foundry_bench.record import Record

MEGA, MIB = 1e6, 2**20
SHOWN_PARTS = PARTS[1:]
"""Of what has MACs: not grouping."""


def flops_table(records: Sequence[Record], title: str) -> Table:
    """A row a student: MACs by part and in all, and what else it computes."""
    gates = any("macs_p95" in record.metrics for record in records)
    tokens, macs = (("tokens", "p95"), ("MACs", "p95")) if gates else (("tokens",), ("MACs",))
    heads = ("s", "budget", *tokens, *SHOWN_PARTS, *macs, "FLOPs", "tok. %", "other", "geometry")
    table = markdown_table(f"{title}: millions a cloud", ("student",), heads)
    for record in records:
        table.add_row(*model_cells(record), *_costs(record, gates=gates))
    return table


def sizes_table(records: Sequence[Record]) -> Table:
    """Parameters, and the weights' bytes by precision, each size of a student once."""
    table = markdown_table(
        "size", ("student",), ("s", "parameters", "fp32 MiB", "bf16 MiB", "int8 MiB")
    )
    rows: dict[tuple[str, ...], None] = {}
    for record in records:
        metrics = record.metrics
        sizes = (metrics[f"weight_bytes_{name}"] / MIB for name in PRECISIONS)
        shown = (f"{metrics['parameters']:,.0f}", *(f"{size:.2f}" for size in sizes))
        rows[*model_cells(record)[:2], *shown] = None
    for row in rows:
        table.add_row(*row)
    return table


def operators_table(records: Sequence[Record]) -> Table:
    """A row an operator in a part of a student, those that cost nothing left out."""
    heads = ("MACs", "FLOPs", "other", "geometry")
    table = markdown_table(
        "operators, of a cloud", ("student", "s", "budget", "part", "operator"), heads
    )
    for record in records:
        for row in operators(record):
            numbers = (row[name] for name in ("macs", "flops", "other_ops", "geometry_ops"))
            shown = (f"{number:,.0f}" if number else "" for number in numbers)
            table.add_row(*model_cells(record), row["part"], row["operator"], *shown)
    return table


def paper_table(records: Sequence[Record]) -> Table:
    """The paper's figures, the same counted, and what this suite's own networks cost."""
    heads = ("s", "the paper's", "counted so", "own MACs", "own FLOPs", "tok. %")
    table = markdown_table("billions a batch of 128 clouds", ("model",), heads)
    for record in records:
        name, supertokens, _ = model_cells(record)
        metrics = record.metrics
        table.add_row(
            name,
            supertokens,
            f"{metrics['published_giga']:.0f}",
            f"{metrics['counted_giga']:.2f}",
            f"{metrics['own_giga']:.2f}",
            f"{2 * metrics['own_giga']:.2f}",
            _tokenizer_share(record),
        )
    return table


def model_cells(record: Record) -> tuple[str, str, str]:
    """Student, SuperTokens and budget, as words."""
    known = identity(record)
    student = known["student"] + (" (distilled)" if known["distilled"] else "")
    numbers = (known[name] for name in ("supertokens", "budget"))
    supertokens, budget = ("" if number is None else str(number) for number in numbers)
    return student, supertokens, budget


def _costs(record: Record, *, gates: bool) -> list[str]:
    metrics = record.metrics
    tokens, most = [f"{metrics['encoder_tokens']:.1f}"], [_mega(metrics["macs"])]
    if gates:
        is_gated = "macs_p95" in metrics
        tokens.append(f"{metrics['encoder_tokens_p95']:.1f}" if is_gated else "")
        most.append(_mega(metrics["macs_p95"]) if is_gated else "")
    return [
        *tokens,
        *(_mega(metrics.get(f"macs_{part}", 0)) for part in SHOWN_PARTS),
        *most,
        _mega(metrics["flops"]),
        _tokenizer_share(record),
        _mega(metrics["other_ops"]),
        _mega(metrics["geometry_ops"]),
    ]


def _tokenizer_share(record: Record) -> str:
    return f"{record.metrics['macs_tokenize'] / record.metrics['macs']:.0%}"


def _mega(number: float) -> str:
    return f"{number / MEGA:.2f}"


def markdown_table(title: str, words: Sequence[str], numbers: Sequence[str]) -> Table:
    """An empty table with columns of words and of numbers."""
    table = Table(title=title, title_justify="left", box=MARKDOWN)
    for head in words:
        table.add_column(head, no_wrap=True)
    for head in numbers:
        table.add_column(head, justify="right", no_wrap=True)
    return table
