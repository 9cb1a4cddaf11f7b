"""Costs of a cloud that figures set results against: MACs, weights, latency."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Cost:
    """A cost of a cloud.

    Attributes:
        column: of the frame, in the unit of `scale` 1.
        condition: device, batch and mode of a measurement; empty for a count.
    """

    column: str
    slug: str
    label: str
    axis: str
    scale: float = 1.0
    condition: str = ""


MACS = Cost("macs", "gmacs", "MACs", "GMACs a cloud", 1e-9)
WEIGHTS = Cost("weight_mib", "weight_mib_fp32", "weights", "weights (MiB, fp32)")


def with_latency(frame: pd.DataFrame, costs: pd.DataFrame) -> tuple[pd.DataFrame, list[Cost]]:
    """`frame` with `latency_ms` under the condition that most trials have; that cost, if any."""
    times = costs[costs["cost"] == "latency_ms"]
    if times.empty:
        return frame, []
    names = ["device", "batch", "mode", "precision", "threads"]
    _, chosen = max(times.groupby(names, dropna=False), key=lambda each: len(each[1]))
    latency = chosen.groupby(["sweep", "trial"])["value"].first()
    device, batch, mode, precision, threads = chosen[names].iloc[0]
    places = pd.MultiIndex.from_frame(frame[["sweep", "trial"]])
    where = f"{device}, batch {batch}, {mode}, {precision}"
    where += f", {threads} threads" if pd.notna(threads) else ""
    cost = Cost("latency_ms", "latency_ms", "latency", "latency (ms)", condition=where)
    return frame.assign(latency_ms=latency.reindex(places).to_numpy(dtype=float)), [cost]
