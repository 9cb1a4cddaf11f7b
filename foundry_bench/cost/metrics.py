"""Counts as the numbers of a record, and back."""

from collections.abc import Mapping

from torch import nn

from foundry_bench.cost.counting import PARTS, Column, Counts, Work
from foundry_bench.cost.weights import num_parameters, weight_bytes

COLUMNS: tuple[Column, ...] = ("macs", "other_ops", "geometry_ops")


def metrics_of(counts: Counts) -> dict[str, float]:
    """A record's numbers for one cloud: `macs`, `flops`, `other_ops` and `geometry_ops` in all, by
    part (`macs_encode`) and by operator in a part (`macs_encode_linear`).
    """
    metrics: dict[str, float] = {"flops": counts.total("flops")}
    for column in COLUMNS:
        metrics[column] = counts.total(column)
        for part in PARTS:
            metrics[f"{column}_{part}"] = counts.total(column, part)
        for row in counts.work:
            metrics[f"{column}_{row.part}_{row.operator}"] = getattr(row, column)
    named = {name: number for name, number in metrics.items() if number or name in COLUMNS}
    return named | {"silent_modules": float(len(counts.silent))}


def work_of(metrics: Mapping[str, float]) -> list[Work]:
    """The operators that `metrics_of` told of."""
    found: dict[tuple[int, str], Work] = {}
    for column in COLUMNS:
        for place, part in enumerate(PARTS):
            opening = f"{column}_{part}_"
            for name, number in metrics.items():
                if name.startswith(opening):
                    operator = name.removeprefix(opening)
                    found[place, operator] = Work(part, operator, **{column: number})
    return [found[key] for key in sorted(found)]


def size_of(backbone: nn.Module) -> dict[str, float]:
    """`parameters`, and `weight_bytes_fp32`, `_bf16`, `_int8`."""
    sizes = {f"weight_bytes_{name}": float(size) for name, size in weight_bytes(backbone).items()}
    return {"parameters": float(num_parameters(backbone)), **sizes}
