"""Procedural shapes: the promises of `generate`, the sampler's uniformity, the perturbations."""

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundry_bench.data.shapes import (
    CLASSES,
    GENERATOR_VERSION,
    PARTS,
    STREAMS,
    Clouds,
    generate,
)
from foundry_bench.data.shapes import primitives as prim
from foundry_bench.data.shapes.catalogue import RECIPES
from foundry_bench.data.shapes.outlines import mirrored, smooth, turned
from foundry_bench.data.shapes.perturb import Strength, cut, normalise, roughen
from foundry_bench.data.shapes.pieces import Piece, sample
from foundry_bench.data.shapes.recipe import Dice, Recipe
from foundry_bench.data.shapes.vectors import Vec, cross, frame, length, subtract, unit

CHECKSUMS = {1: "c0aaead8bd351cec"}
"""Of one cloud a class, by generator version; add an entry when you raise the version."""

lengths = st.floats(0.1, 3.0)
coordinates = st.floats(-2.0, 2.0)
points = st.tuples(coordinates, coordinates, coordinates)


@pytest.fixture(scope="module")
def clouds() -> Clouds:
    """Six clouds of each class at the default difficulty."""
    return generate(range(6 * len(CLASSES)), seed=0, stream="train", num_points=512)


def test_shapes_types_and_unit_sphere(clouds: Clouds) -> None:
    num_clouds = 6 * len(CLASSES)
    assert clouds.points_NP3.shape == (num_clouds, 512, 3)
    assert clouds.points_NP3.dtype == np.float32
    assert clouds.labels_N.shape == (num_clouds,)
    assert clouds.labels_N.dtype == np.int64
    assert clouds.parts_NP.shape == (num_clouds, 512)
    assert clouds.parts_NP.dtype == np.uint8
    assert np.isfinite(clouds.points_NP3).all()
    np.testing.assert_allclose(clouds.points_NP3.mean(axis=1, dtype=np.float64), 0.0, atol=1e-6)
    radii_N = np.linalg.norm(clouds.points_NP3, axis=2).max(axis=1)
    np.testing.assert_allclose(radii_N, 1.0, atol=1e-6)


def test_parts_belong_to_the_class_of_their_cloud(clouds: Clouds) -> None:
    for label, parts_P in zip(clouds.labels_N, clouds.parts_NP, strict=True):
        owners = {PARTS[part].split("/")[0] for part in np.unique(parts_P)}
        assert owners == {CLASSES[label]}


def test_the_catalogue_is_large_and_every_part_occurs() -> None:
    assert len(set(CLASSES)) == len(CLASSES) >= 24
    assert 60 <= len(set(PARTS)) == len(PARTS) <= 256
    assert all(len(recipe.parts) >= 2 for recipe in RECIPES)
    some = generate(range(40 * len(CLASSES)), seed=1, stream="unlabelled", num_points=128)
    missing = set(range(len(PARTS))) - set(np.unique(some.parts_NP).tolist())
    assert not missing, [PARTS[part] for part in missing]


@pytest.mark.parametrize("recipe", RECIPES, ids=CLASSES)
def test_recipes_make_at_least_two_sound_parts(recipe: Recipe) -> None:
    for seed in range(20):
        shape = recipe.build(Dice(np.random.default_rng(seed), 1.0))
        assert set(shape) <= set(recipe.parts)
        assert sum(bool(pieces) for pieces in shape.values()) >= 2
        pieces = [piece for members in shape.values() for piece in members]
        assert all(piece.area > 0.0 for piece in pieces)


@pytest.mark.parametrize("num_clouds", [1, len(CLASSES), 3 * len(CLASSES) + 7])
def test_every_prefix_is_balanced(num_clouds: int) -> None:
    some = generate(range(num_clouds), seed=0, stream="test", num_points=16)
    counts = np.bincount(some.labels_N, minlength=len(CLASSES))
    assert counts.max() - counts.min() <= 1


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 239), min_size=1, max_size=8))
def test_a_cloud_is_the_same_in_any_batch_and_order(indices: list[int]) -> None:
    some = generate(indices, seed=0, stream="train", num_points=64)
    for row, index in enumerate(indices):
        alone = generate([index], seed=0, stream="train", num_points=64)
        np.testing.assert_array_equal(some.points_NP3[row], alone.points_NP3[0])
        np.testing.assert_array_equal(some.parts_NP[row], alone.parts_NP[0])
        assert some.labels_N[row] == alone.labels_N[0]


def test_streams_seeds_and_rounds_are_disjoint() -> None:
    indices = range(2 * len(CLASSES))
    variants = [(seed, stream) for seed in (0, 1) for stream in STREAMS]
    all_NP3 = np.concatenate(
        [generate(indices, seed=s, stream=t, num_points=16).points_NP3 for s, t in variants]
    )
    assert len({cloud.tobytes() for cloud in all_NP3}) == len(all_NP3)


def test_the_generator_changes_only_with_its_version() -> None:
    some = generate(range(len(CLASSES)), seed=7, stream="test", num_points=64)
    rounded = np.round(some.points_NP3.astype(np.float64) * 1e4).astype(np.int32)
    digest = hashlib.sha256(rounded.tobytes() + some.parts_NP.tobytes()).hexdigest()[:16]
    assert CHECKSUMS.get(GENERATOR_VERSION) == digest, (
        "The clouds changed: raise GENERATOR_VERSION and store this checksum for it."
    )


def test_no_indices_give_no_clouds() -> None:
    assert generate([], seed=0, stream="train").points_NP3.shape == (0, 1024, 3)


def test_difficulty_spreads_the_clouds_of_a_class() -> None:
    spreads = []
    for difficulty in (0.0, 0.5, 1.0):
        some = generate(
            range(12 * len(CLASSES)), seed=0, stream="train", num_points=256, difficulty=difficulty
        )
        profile_NP = np.sort(np.linalg.norm(some.points_NP3, axis=2), axis=1)
        spreads.append(
            np.mean(
                [profile_NP[some.labels_N == label].std(axis=0) for label in range(len(CLASSES))]
            )
        )
    assert spreads[0] < 0.7 * spreads[1] < 0.7 * spreads[2]


def test_difficulty_moves_points_off_the_clean_surface() -> None:
    surface_3P = np.random.default_rng(0).standard_normal((3, 512))
    surface_3P /= np.linalg.norm(surface_3P, axis=0)
    mean_distances = []
    for difficulty in (0.0, 0.5, 1.0):
        rough_3P = roughen(surface_3P, np.random.default_rng(1), Strength.of(difficulty))
        mean_distances.append(np.abs(np.linalg.norm(rough_3P, axis=0) - 1.0).mean())
    assert mean_distances[0] < 1e-12
    assert 1e-3 < mean_distances[1] < mean_distances[2] < 0.1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(16, 200), st.floats(1.0, 2.5))
def test_a_cut_keeps_the_asked_number_in_order(seed: int, num_points: int, extra: float) -> None:
    points_3M = np.random.default_rng(seed).standard_normal((3, math.ceil(num_points * extra)))
    kept_P = cut(points_3M, num_points, np.random.default_rng(seed))
    assert kept_P.shape == (num_points,)
    assert (np.diff(kept_P) > 0).all()


def test_a_cut_removes_a_region_and_not_points_at_random() -> None:
    rng = np.random.default_rng(0)
    shifts = []
    for _ in range(60):
        ball_3M = normalise(rng.standard_normal((3, 800)))
        shifts.append(np.linalg.norm(ball_3M[:, cut(ball_3M, 500, rng)].mean(axis=1)))
    assert np.median(shifts) > 0.05  # a random choice of 500 moves the mean by about 0.01


def _jacobian(piece: Piece, num: int = 64) -> np.ndarray:
    """Area of surface per area of (u, v) at random places, by central differences."""
    step = 1e-6
    uniforms_3M = np.random.default_rng(0).uniform(0.02, 0.98, (3, num))
    slopes = []
    for axis in (1, 2):
        shift = np.zeros((3, 1))
        shift[axis] = step
        ahead_3M, behind_3M = (sample([piece], uniforms_3M + s)[0] for s in (shift, -shift))
        slopes.append((ahead_3M - behind_3M) / (2.0 * step))
    area_M: np.ndarray = np.linalg.norm(np.cross(slopes[0], slopes[1], axis=0), axis=0)
    return area_M


def _assert_uniform(pieces: list[Piece]) -> None:
    """Uniform (u, v) give uniform points exactly if the Jacobian is the area everywhere."""
    for piece in pieces:
        np.testing.assert_allclose(_jacobian(piece), piece.area, rtol=1e-4, atol=1e-8)


@settings(max_examples=25, deadline=None)
@given(points, lengths, lengths, lengths, st.floats(0.0, 1.0))
def test_flat_pieces_are_sampled_uniformly(
    centre: Vec, x: float, y: float, z: float, taper: float
) -> None:
    _assert_uniform(prim.box(centre, (x, y, z)))
    _assert_uniform(prim.tapered_box(centre, (x, z), (x * taper, z * taper), y, 0.3))
    _assert_uniform(prim.slab(centre, (x, y, 0.1), (0.0, 0.2, z), (0.0, 0.1, 0.0), taper))
    _assert_uniform(prim.plate([(x, 0.0), (y, z)], centre, 0.1))


@settings(max_examples=25, deadline=None)
@given(points, points.filter(lambda p: length(p) > 0.1), lengths, lengths)
def test_round_pieces_are_sampled_uniformly(start: Vec, axis: Vec, r0: float, r1: float) -> None:
    end = (start[0] + axis[0], start[1] + axis[1], start[2] + axis[2])
    _assert_uniform(prim.frustum(start, end, r0, r1))
    _assert_uniform(prim.capsule(start, end, r0))
    _assert_uniform(prim.disk(start, axis, r0 + r1, inner=r0))
    _assert_uniform(prim.sphere(start, r0))
    _assert_uniform(prim.torus(start, axis, r0 + r1, r1 * 0.7))
    _assert_uniform(prim.revolve([(r0, 0.0), (r1, 0.5)], start, unit(axis)))


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 1.5), st.floats(0.5, 1.5))
def test_stretched_pieces_have_nearly_the_right_area(x: float, z: float) -> None:
    ellipsoid = prim.ellipsoid((0.0, 0.0, 0.0), (x, 1.0, z))
    oval_side = prim.frustum((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), x, x, squash=z, capped="none")
    oval_tube = prim.arc((0.0, 0.0, 0.0), (x, 0.0, 0.0), (0.0, z, 0.0), 0.1)
    for pieces, tolerance in ((ellipsoid, 0.03), (oval_side, 0.03), (oval_tube, 0.2)):
        area = _jacobian(pieces[0], 4096).mean()
        assert area == pytest.approx(pieces[0].area, rel=tolerance)


@settings(max_examples=25, deadline=None)
@given(points, points.filter(lambda p: length(p) > 0.1), lengths)
def test_points_lie_on_the_surface(start: Vec, axis: Vec, radius: float) -> None:
    uniforms_3M = np.random.default_rng(0).random((3, 200))
    end = (start[0] + axis[0], start[1] + axis[1], start[2] + axis[2])
    capsule_3M, _ = sample(prim.capsule(start, end, radius), uniforms_3M)
    offset_3M = capsule_3M - np.array(start)[:, None]
    along_M = np.clip(np.array(axis) @ offset_3M / length(axis) ** 2, 0.0, 1.0)
    gap_M = np.linalg.norm(offset_3M - along_M * np.array(axis)[:, None], axis=0) - radius
    np.testing.assert_allclose(gap_M, 0.0, atol=1e-9)

    torus_3M, _ = sample(prim.torus(start, axis, radius, 0.3 * radius), uniforms_3M)
    offset_3M = torus_3M - np.array(start)[:, None]
    height_M = np.array(unit(axis)) @ offset_3M
    level_M = np.sqrt((offset_3M**2).sum(axis=0) - height_M**2)
    gap_M = np.hypot(level_M - radius, height_M) - 0.3 * radius
    np.testing.assert_allclose(gap_M, 0.0, atol=1e-9)


def test_pieces_receive_points_by_area() -> None:
    pieces = prim.box((0.0, 0.0, 0.0), (1.0, 2.0, 3.0))
    _, which_M = sample(pieces, np.random.default_rng(0).random((3, 60_000)))
    shares = np.bincount(which_M, minlength=6) / 60_000
    areas = np.array([piece.area for piece in pieces])
    assert areas.sum() == pytest.approx(22.0)
    np.testing.assert_allclose(shares, areas / 22.0, atol=0.01)


@settings(deadline=None)
@given(points.filter(lambda p: length(p) > 0.1))
def test_frames_are_orthonormal(axis: Vec) -> None:
    right, front = frame(unit(axis))
    assert length(right) == pytest.approx(1.0)
    assert length(subtract(cross(unit(axis), right), front)) == pytest.approx(0.0, abs=1e-9)


def test_turned_and_mirrored_pieces_move_their_points() -> None:
    pieces = prim.capsule((1.0, 0.0, 0.5), (2.0, 0.0, 0.5), 0.2)
    uniforms_3M = np.random.default_rng(0).random((3, 100))
    before_3M, _ = sample(pieces, uniforms_3M)
    turned_3M, _ = sample(turned(pieces, "z", math.pi / 2.0), uniforms_3M)
    np.testing.assert_allclose(
        turned_3M, np.stack((-before_3M[1], before_3M[0], before_3M[2])), atol=1e-12
    )
    flipped_3M, _ = sample(mirrored(pieces)[len(pieces) :], uniforms_3M)
    np.testing.assert_allclose(flipped_3M, before_3M * [[1.0], [1.0], [-1.0]], atol=1e-12)


def test_smooth_curves_pass_through_their_points() -> None:
    profile = [(0.5, 0.0), (1.0, 0.4), (0.2, 1.0)]
    curve = smooth(profile, steps=4)
    assert len(curve) == 9
    np.testing.assert_allclose(curve[::4], profile)
