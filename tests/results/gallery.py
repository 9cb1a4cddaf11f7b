"""The committed reports, as the results frame and as the CSVs that were published."""

from functools import cache
from pathlib import Path

import pandas as pd

from foundry_bench import results

GALLERY = Path(__file__).parents[2] / "reports" / "gallery"
LEVELS = ["supertokens", "budget", "gate_lambda"]


@cache
def frame_of(name: str) -> pd.DataFrame:
    return results.load(GALLERY / name)


def published(name: str, table: str = "results") -> pd.DataFrame:
    return pd.read_csv(GALLERY / name / f"{table}.csv")


def keyed(lines: pd.DataFrame, columns: list[str]) -> dict[tuple[object, ...], "pd.Series[float]"]:
    """Role, series and levels -> line; levels that no column has are left out."""
    keys = ["role", "series", *[name for name in LEVELS if name in columns]]
    return {
        tuple(
            None if pd.isna(line[key]) else float(line[key]) if key in LEVELS else line[key]
            for key in keys
        ): line
        for _, line in lines.iterrows()
    }
