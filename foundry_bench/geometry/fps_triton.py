"""Farthest point sampling as one Triton kernel: a program per cloud, the cloud in registers.

Imported only when a CUDA tensor comes and Triton is installed. Legend: B clouds, N points, C picks.
"""
# mypy: disable-error-code="no-untyped-def", allow-untyped-decorators

import torch
import triton
import triton.language as tl
from torch import Tensor


def farthest_points_triton(points_BN3: Tensor, num: int) -> Tensor:
    """The picks of `farthest_points`, for float32 points on a CUDA device."""
    num_clouds, num_points, _ = points_BN3.shape
    points_B3N = points_BN3.transpose(1, 2).contiguous()
    picks_BC = torch.empty((num_clouds, num), dtype=torch.int64, device=points_BN3.device)
    if num_clouds == 0:
        return picks_BC
    block = triton.next_power_of_2(num_points)
    with torch.cuda.device(points_BN3.device):
        _farthest_points_kernel[(num_clouds,)](
            points_B3N,
            picks_BC.new_zeros(num_clouds),
            picks_BC,
            num_points,
            num,
            block=block,
            num_warps=min(16, max(1, block // 256)),
            enable_fp_fusion=False,  # a fused multiply-add rounds otherwise, and so picks otherwise
        )
    return picks_BC


@triton.jit
def _farthest_points_kernel(points, starts, picks, num_points, num_picks, block: tl.constexpr):
    cloud = tl.program_id(0).to(tl.int64)
    xs = points + cloud * 3 * num_points
    ys = xs + num_points
    zs = ys + num_points
    index = tl.arange(0, block)
    inside = index < num_points
    x = tl.load(xs + index, mask=inside, other=0.0)
    y = tl.load(ys + index, mask=inside, other=0.0)
    z = tl.load(zs + index, mask=inside, other=0.0)
    distance = tl.where(inside, float("inf"), -1.0)  # padding stays below every distance
    pick = tl.load(starts + cloud).to(tl.int32)
    for step in range(num_picks):
        tl.store(picks + cloud * num_picks + step, pick.to(tl.int64))
        dx = x - tl.load(xs + pick)
        dy = y - tl.load(ys + pick)
        dz = z - tl.load(zs + pick)
        distance = tl.minimum(distance, dx * dx + dy * dy + dz * dz)
        pick = tl.argmax(distance, axis=0, tie_break_left=True)
