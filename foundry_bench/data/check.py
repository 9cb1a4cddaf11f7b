"""What is in a dataset, against what is expected of any.

Legend: N clouds, P points a cloud.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foundry_bench.data.dataset import Dataset, Rows

CHUNK = 512
"""Clouds looked at together."""
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Finding:
    """One line of a check.

    Attributes:
        is_ok: None where nothing is expected and the finding is for information.
    """

    what: str
    found: str
    expected: str = ""
    is_ok: bool | None = None


def compare(what: str, found: int, expected: int) -> Finding:
    """A finding that is right if the two numbers are equal."""
    return Finding(what, f"{found:,}", f"{expected:,}", found == expected)


def inspect(dataset: Dataset, *, open_set: bool = False) -> list[Finding]:
    """The findings that make sense for any dataset; the first rows in question are named.

    With `open_set`, classes without train clouds are no fault.
    """
    return [
        *_sizes(dataset),
        *_classes(dataset, open_set=open_set),
        *_geometry(dataset),
        _duplicates(dataset),
        _repeated_points(dataset),
        up_axis(dataset),
    ]


def _sizes(dataset: Dataset) -> Iterator[Finding]:
    for name, rows in dataset.splits.items():
        is_needed = name in ("train", "test")
        is_ok = len(rows) > 0 if is_needed else None
        yield Finding(f"split {name}", f"{len(rows):,}", "> 0" if is_needed else "", is_ok)
    used = sum(len(rows) for rows in dataset.splits.values())
    yield Finding("in no split", f"{len(dataset.labels_N) - used:,}")
    yield Finding("shape of points", " × ".join(map(str, dataset.points_NP3.shape)))


def _classes(dataset: Dataset, *, open_set: bool) -> Iterator[Finding]:
    num_classes = len(dataset.class_names)
    for name in ("train", "test"):
        counts = class_counts(dataset, name)
        empty = [dataset.class_names[label] for label in np.flatnonzero(counts == 0)]
        found = f"{num_classes - len(empty)} of {num_classes}" + _some(empty, "none of")
        is_needed = name == "train" and not open_set
        is_ok = not empty if is_needed else None
        yield Finding(f"classes in {name}", found, "all" if is_needed else "", is_ok)
    if dataset.parts_NP is not None:
        yield Finding("part names", str(len(dataset.part_names)))


def class_counts(dataset: Dataset, split: str) -> NDArray[np.int64]:
    """Clouds of each class in `split`."""
    labels = dataset.labels_N[dataset.splits[split]]
    return np.bincount(labels[labels >= 0], minlength=len(dataset.class_names))


def _geometry(dataset: Dataset) -> Iterator[Finding]:
    radius, offset, is_finite = [], [], []
    for start in range(0, len(dataset.points_NP3), CHUNK):
        points = dataset.points_NP3[start : start + CHUNK].astype(np.float64)
        with np.errstate(invalid="ignore"):
            radius.append(np.linalg.norm(points, axis=-1).max(axis=1))
            offset.append(np.linalg.norm(points.mean(axis=1), axis=-1))
        is_finite.append(np.isfinite(points).all(axis=(1, 2)))
    broken = np.flatnonzero(~np.concatenate(is_finite))
    yield Finding(
        "clouds with NaN or infinity", f"{len(broken)}{_some(broken)}", "0", not len(broken)
    )
    radii, offsets = np.concatenate(radius), np.concatenate(offset)
    off = np.flatnonzero(~(np.abs(radii - 1) <= TOLERANCE))
    found = f"{radii.min():.3f} to {radii.max():.3f}{_some(off)}"
    yield Finding("unit sphere: radius", found, "1.000", not len(off))
    off = np.flatnonzero(~(offsets <= TOLERANCE))
    found = f"at most {offsets.max():.3f}{_some(off)}"
    yield Finding("unit sphere: offset of the centre", found, "0.000", not len(off))


def _duplicates(dataset: Dataset) -> Finding:
    known = {_content(dataset, row): row for row in dataset.pool.tolist()}
    pairs = [
        f"{row} = {known[content]}"
        for row in dataset.splits["test"].tolist()
        if (content := _content(dataset, row)) in known
    ]
    found = f"{len(pairs)}{_some(pairs)}"
    return Finding("test clouds that are also learned from", found, "0", not pairs)


def _repeated_points(dataset: Dataset) -> Finding:
    """Repeated points are no fault by themselves: small clouds are padded with them."""
    shares = []
    for points_P3 in dataset.points_NP3:
        ordered_P3 = points_P3[np.lexsort(points_P3.T)]
        shares.append(float((ordered_P3[1:] == ordered_P3[:-1]).all(axis=1).sum()) / len(points_P3))
    num, total = sum(share > 0 for share in shares), len(shares)
    most = f", up to {max(shares):.0%} of their points" if num else ""
    return Finding("clouds with duplicate points", f"{num:,} ({num / total:.0%}{most})")


def _content(dataset: Dataset, row: int) -> bytes:
    """A hash of a cloud's set of points, whatever their order."""
    points_P3 = np.asarray(dataset.points_NP3[row])
    ordered = points_P3[np.lexsort(points_P3.T)]
    return hashlib.blake2b(ordered.tobytes(), digest_size=16).digest()


def up_axis(dataset: Dataset, most: int = 512) -> Finding:
    """A guess at the up axis: things that stand are lopsided along it, and symmetric across it."""
    rows: Rows = dataset.pool[:: max(1, len(dataset.pool) // most)]
    points_BP3 = dataset.points_NP3[rows].astype(np.float64)
    centred_BP3 = points_BP3 - points_BP3.mean(axis=1, keepdims=True)
    spread_B3 = np.maximum(centred_BP3.std(axis=1), 1e-6)
    skew_3 = np.median(np.abs((centred_BP3**3).mean(axis=1) / spread_B3**3), axis=0)
    shares = ", ".join(f"{axis} {skew:.2f}" for axis, skew in zip("xyz", skew_3, strict=True))
    guess = "xyz"[int(skew_3.argmax())] if np.isfinite(skew_3).all() else "?"
    return Finding("up axis (a guess)", f"{guess} (median skewness {shares})", "y")


def _some(items: Iterable[object], label: str = "rows") -> str:
    names = [str(item) for item in items]
    if not names:
        return ""
    return f" ({label} {', '.join(names[:5])}{', …' if len(names) > 5 else ''})"
