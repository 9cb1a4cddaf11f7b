from pathlib import Path

import numpy as np
import pytest

from foundry_bench.report.figures.clouds import (
    MAX_CLOUDS,
    Assignment,
    choose_clouds,
    colour_supertokens,
    light,
    paint,
    project,
    read_assignment,
)
from foundry_bench.report.records.harvest import read_arrays
from tests.report.examples import ExampleSweep, simple_clouds


def _strip(num_parts: int) -> tuple["np.ndarray", "np.ndarray"]:
    """A strip of points along x, cut into parts of 40."""
    x = np.linspace(-1, 1, 40 * num_parts)
    points = np.stack([x, np.zeros_like(x), np.zeros_like(x)], 1)
    return points, np.repeat(np.arange(num_parts), 40)


def test_neighbours_differ_even_with_few_colours() -> None:
    points, parts = _strip(12)

    colours = colour_supertokens(points, parts, 3)

    assert all(colours[part] != colours[part + 1] for part in range(11))


def test_all_differ_while_colours_last() -> None:
    points, parts = _strip(8)

    assert len(set(colour_supertokens(points, parts, 16).values())) == 8


def test_points_outside_of_patches_have_no_colour() -> None:
    points, parts = _strip(2)
    parts[:5] = -1

    painting = paint({2: Assignment(points[None], parts[None], ("strip",))}, "foundry", 0, 16)

    assert painting is not None
    cell = painting.cells[2][0]
    assert cell.num_used == 2
    assert (cell.colour_N[:5] == -1).all()
    assert (cell.colour_N[5:] >= 0).all()


def test_other_clouds_are_not_put_beside_each_other() -> None:
    points, parts = _strip(2)
    one = Assignment(points[None], parts[None], ("strip",))
    other = Assignment(points[None] * 0.5, parts[None], ("strip",))

    painting = paint({1: one, 2: other}, "foundry", 0, 16)

    assert painting is not None
    assert list(painting.cells) == [1]
    assert paint({}, "foundry", 0, 16) is None


def test_clouds_of_many_classes_are_chosen() -> None:
    assert choose_clouds(["a", "a", "b"]) == [0, 1, 2]
    assert choose_clouds(["a"] * 10 + ["b"]) == [0, 1, 2, 3, 4, 10]
    assert len(choose_clouds([str(index) for index in range(20)])) == MAX_CLOUDS


def test_view_is_from_the_front_and_above() -> None:
    screen, depth = project(np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]]))

    assert screen[0, 1] > screen[1, 1]
    assert depth[0] < depth[1]
    assert depth.min() == 0
    assert depth.max() == 1


def test_light_follows_the_surface() -> None:
    random = np.random.default_rng(0)
    flat = np.stack([random.uniform(-1, 1, 200), np.zeros(200), random.uniform(-1, 1, 200)], 1)

    assert light(flat, (0.0, 1.0, 0.0)) == pytest.approx(np.ones(200))
    assert light(flat, (1.0, 0.0, 0.0)) == pytest.approx(np.zeros(200), abs=1e-6)


def test_arrays_are_read_as_the_stage_left_them(full_sweep: ExampleSweep) -> None:
    points, _, _ = simple_clouds()

    folder = full_sweep.out / "stages" / "distill-foundry-s4-seed0"
    found = read_assignment(read_arrays(folder / "arrays.npz"))

    assert found is not None
    assert found.classes == ("ball", "ring")
    np.testing.assert_array_equal(found.points_MN3, points.astype(np.float16).astype(np.float64))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04cut short"])
def test_broken_arrays_are_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "arrays.npz"
    path.write_bytes(content)

    assert read_arrays(path) == {}
    assert read_arrays(tmp_path / "missing.npz") == {}
    assert read_assignment({}) is None


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    np.savez(path, points_MN3=np.array([{}], dtype=object))

    assert read_arrays(path) == {}
