"""Results of one sweep, as its figures, tables and claims need them."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from foundry_bench import results
from foundry_bench.results import ResultSet


@dataclass(frozen=True)
class SweepResults:
    """One sweep of a report.

    Attributes:
        name: of the sweep.
        records: its records, for arrays and histories.
        frame: its rows of the results frame, with results at other budgets (`inference_only`).
    """

    name: str
    records: ResultSet
    frame: pd.DataFrame

    @classmethod
    def of(cls, records: ResultSet, name: str) -> "SweepResults":
        """The sweep `name` of `records`."""
        own = records.of_sweep(name)
        frame = results.build_frame(own)
        attrs = frame.attrs
        frame = pd.concat([frame, results.inference_only(frame, own)], ignore_index=True)
        frame.attrs = attrs
        return cls(name, own, frame)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Mean and interval of each metric of each group of trials (`results.summarize`)."""
        return results.summarize(self.frame)

    @cached_property
    def costs(self) -> pd.DataFrame:
        """MACs, weights, latency and memory of the trials (`results.load_costs`)."""
        return results.load_costs(self.records, results.encoder_tokens_of(self.frame))
