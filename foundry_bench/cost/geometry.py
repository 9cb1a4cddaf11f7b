"""Arithmetic of cutting a cloud into patches, by formula: FPS and kNN as they are defined, whatever
implementation runs.
"""

from foundry_bench.geometry.patches import PatchSpec

DISTANCE_OPS = 8
"""Of a squared distance in space: 3 differences, 3 squares, 2 additions."""


def fps_ops(spec: PatchSpec) -> int:
    """Of a cloud: after the first, each pick compares the distance of every point to the last pick
    with the least so far, and looks for the largest.
    """
    return (spec.patches - 1) * spec.points * (DISTANCE_OPS + 2)


def knn_ops(spec: PatchSpec) -> int:
    """Of a cloud: all distances between centres and points, one comparison each (the least that
    selection takes), and neighbours moved to their centre.
    """
    each = spec.points * (DISTANCE_OPS + 1) + 3 * spec.patch_size
    return spec.patches * each
