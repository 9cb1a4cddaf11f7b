"""The preset `paper_count`: the paper's 478, 137 and 178 G, out of the counter.

The paper ("Foundry", arXiv 2511.20721) gives these as FLOPs and does not say of what. One reading
fits all three: MACs of a batch of 128 clouds, 128 patches of 16 points each, through a ViT-S;
linear layers alone, so that the products of attention are left out; a tokenizer that concatenates
the maximum to every point, as published; nothing for compression, and of upsampling its MLP.

B clouds, C patches, K points a patch, D width.
"""

import torch
from torch import Tensor

from foundry_bench.cost.counting import Counts, Part, count
from foundry_bench.cost.flops import FLOPS_VERSION, TASK
from foundry_bench.cost.metrics import metrics_of
from foundry_bench.models.tokenizer import PatchTokenizer
from foundry_bench.stage import Stage, StageContext, StageResult
from foundry_bench.students.foundry import Foundry, FoundrySettings
from foundry_bench.teachers.point_jepa import PointJepa
from foundry_bench.teachers.teacher import ViTSettings

NAME = "paper_count"
CLOUDS = 128
SIZE = ViTSettings(
    name="point_jepa", points=2048, patches=128, patch_size=16, width=384, depth=12, heads=6
)
PUBLISHED_GIGA: dict[int | None, float] = {None: 478.0, 1: 137.0, 16: 178.0}
"""By SuperTokens; None: the teacher."""
READ_PARTS: tuple[Part, ...] = ("tokenize", "encode", "upsample")


def paper_stage(supertokens: int | None) -> Stage:
    """The count behind one of the paper's figures; None: the teacher's.

    Its metrics are what `metrics_of` says of this suite's own network, one cloud, nothing left out,
    and `published_giga`, `counted_giga` (MACs under the reading above) and `own_giga` (all MACs of
    the own network) of the whole batch.
    """

    def run(context: StageContext) -> StageResult:
        read, own = (
            count(teacher if supertokens is None else _student(teacher, supertokens))
            for teacher in (_PublishedTeacher(SIZE), PointJepa(SIZE))
        )
        return StageResult(
            {
                "published_giga": PUBLISHED_GIGA[supertokens],
                "counted_giga": CLOUDS * _as_read(read) / 1e9,
                "own_giga": CLOUDS * own.total("macs") / 1e9,
                **metrics_of(own),
            }
        )

    config = {
        "profile": TASK,
        "preset": NAME,
        "teacher": SIZE.model_dump(mode="json"),
        "student": None
        if supertokens is None
        else FoundrySettings(supertokens=supertokens).model_dump(mode="json"),
    }
    return Stage("profile", FLOPS_VERSION, config, run, task=TASK)


def _student(teacher: PointJepa, supertokens: int) -> Foundry:
    return Foundry(teacher, FoundrySettings(supertokens=supertokens))


def _as_read(counts: Counts) -> float:
    return sum(
        row.macs for row in counts.work if row.operator == "linear" and row.part in READ_PARTS
    )


class PublishedTokenizer(PatchTokenizer):
    """The same function, computed as the published code does: with the concatenation."""

    def forward(self, neighbors_BCK3: Tensor) -> Tensor:
        """Tokens (B, C, D) of patches (B, C, K, 3), each relative to its centre."""
        lifted = self.lift_norm(self.lift(neighbors_BCK3.flatten(0, 2))).relu()
        local = self.pool(lifted).view(*neighbors_BCK3.shape[:3], -1)
        whole = local.amax(2, keepdim=True).expand_as(local)
        mixed = self.mix(torch.cat([whole, local], dim=-1)).flatten(0, 2)
        out = self.out(self.mix_norm(mixed).relu()).view(*neighbors_BCK3.shape[:3], -1)
        token: Tensor = self.reduce(out.amax(2))
        return token


class _PublishedTeacher(PointJepa):
    def make_tokenizer(self, settings: ViTSettings) -> PatchTokenizer:
        return PublishedTokenizer(settings.tokenizer, settings.width, bias=self.tokenizer_bias)
