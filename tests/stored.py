"""Comparison of stored tables with computed ones, on whichever processor."""

import csv
import io
import math

RELATIVE = 1e-9
"""Processors differ in the last digits of a float; ten digits in a CSV add up to 5e-10."""


def differences(found: str, frozen: str) -> list[str]:
    """Cells of two CSVs that differ by more than the last digits, in words."""
    ours, theirs = (list(csv.reader(io.StringIO(text))) for text in (found, frozen))
    if ours[:1] != theirs[:1]:
        return [f"columns {ours[:1]} instead of {theirs[:1]}"]
    if len(ours) != len(theirs):
        return [f"{len(ours)} lines instead of {len(theirs)}"]
    return [
        f"line {number}, {column}: {ours_cell} instead of {theirs_cell}"
        for number, (our_line, their_line) in enumerate(zip(ours, theirs, strict=True))
        for column, ours_cell, theirs_cell in zip(ours[0], our_line, their_line, strict=True)
        if not same(ours_cell, theirs_cell)
    ]


def same(found: str, frozen: str) -> bool:
    if found == frozen:
        return True
    try:
        return math.isclose(float(found), float(frozen), rel_tol=RELATIVE, abs_tol=1e-12)
    except ValueError:
        return False
