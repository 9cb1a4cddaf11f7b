"""What a teacher makes of a fixed cloud, as a checksum: the same weights give the same one."""

import hashlib

import torch

from foundry_bench.geometry.patches import group
from foundry_bench.seeds import generator
from foundry_bench.teachers.teacher import Teacher


@torch.inference_mode()
def feature_checksum(teacher: Teacher) -> str:
    """12 hex digits over the tokens of a random cloud, rounded to 3 decimals."""
    spec = teacher.patch_spec
    points_1N3 = torch.randn(1, spec.points, 3, generator=generator(0, "checksum"))
    points_1N3 /= points_1N3.norm(dim=-1).max()
    tokens_1CD = teacher.eval().tokens(group(points_1N3, spec))
    rounded = (tokens_1CD.double() * 1000).round().long().numpy()
    return hashlib.sha256(rounded.tobytes()).hexdigest()[:12]
