"""Checks say what is off, and only that."""

import numpy as np

from foundry_bench.data.check import Finding, class_counts, inspect, up_axis
from foundry_bench.data.dataset import Dataset


def cones(num: int = 40) -> Dataset:
    """Normalised clouds that are lopsided along y alone."""
    random = np.random.default_rng(0)
    points = random.normal(size=(num, 200, 3))
    points[..., 1] = random.exponential(size=(num, 200))
    points -= points.mean(axis=1, keepdims=True)
    points /= np.linalg.norm(points, axis=-1).max(axis=1)[:, None, None]
    return Dataset(
        name="cones",
        points_NP3=points.astype(np.float32),
        labels_N=np.arange(num) % 2,
        class_names=("a", "b"),
        splits={"train": np.arange(30), "test": np.arange(30, num)},
        fingerprint="f",
    )


def off(dataset: Dataset) -> list[Finding]:
    return [finding for finding in inspect(dataset) if finding.is_ok is False]


def test_nothing_is_off_in_a_good_dataset() -> None:
    assert off(cones()) == []
    assert class_counts(cones(), "train").tolist() == [15, 15]


def test_duplicates_between_test_and_train_are_found_in_any_order_of_points() -> None:
    dataset = cones()
    dataset.points_NP3[33] = dataset.points_NP3[4][::-1]
    (finding,) = off(dataset)
    assert finding.what == "test clouds that are also learned from"
    assert "33 = 4" in finding.found


def test_nan_is_found_with_its_row() -> None:
    dataset = cones()
    dataset.points_NP3[5, 6, 1] = np.nan
    findings = {finding.what: finding.found for finding in off(dataset)}
    assert findings["clouds with NaN or infinity"] == "1 (rows 5)"


def test_clouds_outside_the_unit_sphere_are_found() -> None:
    dataset = cones()
    dataset.points_NP3[7] *= 1.5
    dataset.points_NP3[8] += 0.25
    findings = {finding.what: finding.found for finding in off(dataset)}
    assert "(rows 7, 8)" in findings["unit sphere: radius"]
    assert "(rows 8)" in findings["unit sphere: offset of the centre"]


def test_a_class_without_train_clouds_is_found() -> None:
    dataset = cones()
    dataset.labels_N[:30] = 0
    (finding,) = off(dataset)
    assert finding.found == "1 of 2 (none of b)"
    assert [finding for finding in inspect(dataset, open_set=True) if finding.is_ok is False] == []


def test_the_up_axis_is_guessed_from_lopsidedness() -> None:
    dataset = cones()
    assert up_axis(dataset).found.startswith("y ")
    dataset.points_NP3[:] = dataset.points_NP3[..., [0, 2, 1]]
    assert up_axis(dataset).found.startswith("z ")
    assert up_axis(dataset).is_ok is None
