"""Results of trials as one tidy pandas frame, with statistics over seeds.

    from foundry_bench import results

    frame = results.load("runs/supertokens")
    results.summarize(frame)                       # mean, sd, n, 95 % interval
    results.compare(frame, reference="teacher")    # paired by seed, Holm-corrected
    results.pareto(frame, x="macs", y="accuracy")

Imports neither torch nor ray nor mlflow.
"""

from foundry_bench.results import power
from foundry_bench.results.comparison import compare, compare_frames, compare_variants
from foundry_bench.results.correlation import RankCorrelation, correlation, rank_correlation
from foundry_bench.results.costs import load_costs
from foundry_bench.results.frame import (
    build_frame,
    encoder_tokens_of,
    inference_only,
    load,
    write_csv,
)
from foundry_bench.results.fronts import pareto
from foundry_bench.results.loader import ResultSet, read
from foundry_bench.results.packed import pack
from foundry_bench.results.statistics import summarize

__all__ = [
    "RankCorrelation",
    "ResultSet",
    "build_frame",
    "compare",
    "compare_frames",
    "compare_variants",
    "correlation",
    "encoder_tokens_of",
    "inference_only",
    "load",
    "load_costs",
    "pack",
    "pareto",
    "power",
    "rank_correlation",
    "read",
    "summarize",
    "write_csv",
]
