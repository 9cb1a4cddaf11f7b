"""Distillation of a student as the field's published code trains.

Written after Point-JEPA's and Point-MAE's public code, with nothing made slower: clouds in memory
behind a `DataLoader`; each batch augmented, then FPS and kNN over it; a PointNet of convolutions of
width 1 that concatenates its maximum with every point; attention by two products and a softmax; the
teacher asked at every step; float32. The networks hold the very weights of ours, so that both
compute the same.

B clouds, N points, C patches, K points a patch, H heads.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from foundry_bench.config.settings import DistillSettings, ViewSettings
from foundry_bench.geometry.patches import Patches, PatchSpec
from foundry_bench.models.backbone import Backbone
from foundry_bench.models.tokenizer import PatchTokenizer
from foundry_bench.models.transformer import Attention
from foundry_bench.students.student import Student
from foundry_bench.teachers.teacher import Teacher


class ConvTokenizer(nn.Module):
    """The mini-PointNet as convolutions of width 1, with the concatenation built."""

    def __init__(self, ours: PatchTokenizer) -> None:
        super().__init__()
        self.first_conv = nn.Sequential(
            _convolution(ours.lift), ours.lift_norm, nn.ReLU(inplace=True), _convolution(ours.pool)
        )
        self.second_conv = nn.Sequential(
            _convolution(ours.mix), ours.mix_norm, nn.ReLU(inplace=True), _convolution(ours.out)
        )

    def forward(self, neighbors_BCK3: Tensor) -> Tensor:
        """Tokens (B, C, D) of patches."""
        clouds, patches, size, _ = neighbors_BCK3.shape
        points = neighbors_BCK3.reshape(clouds * patches, size, 3)
        features = self.first_conv(points.transpose(2, 1))
        whole = torch.max(features, dim=2, keepdim=True).values
        features = torch.cat([whole.expand(-1, -1, size), features], dim=1)
        return torch.max(self.second_conv(features), dim=2).values.view(clouds, patches, -1)


class PlainAttention(nn.Module):
    """Self-attention with its matrix of weights built."""

    def __init__(self, ours: Attention) -> None:
        super().__init__()
        self.heads, self.qkv, self.proj = ours.heads, ours.qkv, ours.proj

    def forward(self, tokens_BCD: Tensor, mask_B11C: Tensor | None = None) -> Tensor:
        """Tokens of the same shape; `mask_B11C`: True where a token exists."""
        clouds, count, width = tokens_BCD.shape
        qkv = self.qkv(tokens_BCD).reshape(clouds, count, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        weights = (query @ key.transpose(-2, -1)) / math.sqrt(width // self.heads)
        if mask_B11C is not None:
            weights = weights.masked_fill(~mask_B11C, -torch.inf)
        mixed = (weights.softmax(-1) @ value).transpose(1, 2).reshape(clouds, count, width)
        out: Tensor = self.proj(mixed)
        return out


def as_published(backbone: Backbone) -> None:
    """Replace tokenizer and attention by the published kind, with the same weights."""
    tokenizer = backbone.tokenizer
    assert isinstance(tokenizer, PatchTokenizer)
    backbone.tokenizer = ConvTokenizer(tokenizer)
    blocks = backbone.get_submodule("encoder.blocks")
    for block in blocks.children():
        block.attn = PlainAttention(block.attn)  # type: ignore[arg-type]


def farthest_point_sample(points_BN3: Tensor, num: int) -> Tensor:
    """Indices (B, num) of farthest points from point 0 on: a loop over picks, clouds in batch."""
    clouds, count, _ = points_BN3.shape
    picked = torch.zeros(clouds, num, dtype=torch.long, device=points_BN3.device)
    distance = torch.full((clouds, count), torch.inf, device=points_BN3.device)
    farthest = torch.zeros(clouds, dtype=torch.long, device=points_BN3.device)
    rows = torch.arange(clouds, device=points_BN3.device)
    for pick in range(num):
        picked[:, pick] = farthest
        centre = points_BN3[rows, farthest].unsqueeze(1)
        distance = torch.minimum(distance, ((points_BN3 - centre) ** 2).sum(-1))
        farthest = distance.argmax(-1)
    return picked


def group(points_BN3: Tensor, spec: PatchSpec) -> Patches:
    """Patches of a batch: FPS, and the nearest points of each centre from a matrix of distances."""
    rows = torch.arange(len(points_BN3), device=points_BN3.device)
    centers = points_BN3[rows[:, None], farthest_point_sample(points_BN3, spec.patches)]
    nearest = torch.cdist(centers, points_BN3).topk(spec.patch_size, largest=False).indices
    neighbors = points_BN3[rows[:, None, None], nearest] - centers.unsqueeze(2)
    return Patches(neighbors, centers)


def augmented(points_BN3: Tensor, settings: ViewSettings) -> Tensor:
    """Turned about the up axis and scaled, each cloud in its own way."""
    clouds, on = len(points_BN3), points_BN3.device
    angle = torch.rand(clouds, device=on) * math.tau
    low, high = settings.scale
    scale = low + (high - low) * torch.rand(clouds, 1, 1, device=on)
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    turn = torch.stack([cos, zero, sin, zero, one, zero, -sin, zero, cos], -1).view(-1, 3, 3)
    return points_BN3 @ turn.transpose(1, 2) * scale


class Training:
    """One student against one teacher, epoch by epoch."""

    def __init__(
        self,
        student: Student,
        teacher: Teacher,
        points_NP3: Tensor,
        settings: DistillSettings,
        views: ViewSettings,
    ) -> None:
        self.student, self.teacher = student.train(), teacher.eval()
        self.views = views
        self.loader = DataLoader(
            TensorDataset(points_NP3), batch_size=settings.batch, shuffle=True, drop_last=True
        )
        trained = [weight for weight in student.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(
            trained, lr=settings.lr, weight_decay=settings.weight_decay
        )
        self.settings = settings
        self.device = next(student.parameters()).device

    def loss(self, patches: Patches) -> Tensor:
        """Smooth-L1 to the teacher's normed tokens."""
        with torch.no_grad():
            wanted = self.teacher.tokens(patches)
            wanted = F.layer_norm(wanted, wanted.shape[-1:])
        return F.smooth_l1_loss(self.student.tokens(patches), wanted, beta=self.settings.loss.beta)

    def epoch(self) -> float:
        """Train once over all clouds; returns the mean loss, which is read at every step."""
        total = 0.0
        for (points_BN3,) in self.loader:
            moved = augmented(points_BN3.to(self.device), self.views)
            loss = self.loss(group(moved, self.student.patch_spec))
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.student.parameters(), self.settings.clip)
            self.optimizer.step()
            total += loss.item()
        return total / len(self.loader)


def _convolution(linear: nn.Linear) -> nn.Conv1d:
    made = nn.Conv1d(linear.in_features, linear.out_features, 1, bias=linear.bias is not None)
    made.weight = nn.Parameter(linear.weight.detach().unsqueeze(-1).clone())
    if linear.bias is not None:
        made.bias = nn.Parameter(linear.bias.detach().clone())
    return made
