"""Record `tests/teachers/parity/point_gpt.npz` from the official code of PointGPT.

python record_point_gpt.py CHECKOUT OUT: CHECKOUT holds github.com/CGuangyan-BIT/PointGPT.

CUDA-only or absent packages are stood in for: `knn_cuda` (not called: patches are given),
`extensions.chamfer_dist` (losses, not called), `timm`'s initialiser (torch's). In memory, not on
disk: `.to('cuda')` and `.cuda()` are dropped, the widths 128, 256, 512 of `Encoder_small` become
16, 32, 64, and width 24 is let through. Tokens come from `GPT_Transformer.forward` itself, with no
random mask, on the patches in the order of `Group.simplied_morton_sorting`, and one more patch
behind them: the code drops the last patch and puts the start token before the first.
"""

import re
import sys
import types
from pathlib import Path

import numpy as np
import torch
from torch import nn

COMMIT = "9c56432a7b7dc4a071ef681f3ca6cd0f7babba0f"
B, C, K, D = 2, 8, 4, 24


def module(name: str, **content: object) -> None:
    made = types.ModuleType(name)
    made.__dict__.update(content)
    sys.modules[name] = made


class Unused(nn.Module):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()


class Config(dict):
    __getattr__ = dict.__getitem__


class Registered:
    def register_module(self):
        return lambda cls: cls


root, out = Path(sys.argv[1]), Path(sys.argv[2])
module("knn_cuda", KNN=Unused)
module("extensions")
module("extensions.chamfer_dist", ChamferDistanceL1=Unused, ChamferDistanceL2=Unused)
module("timm")
module("timm.models")
module("timm.models.layers", DropPath=Unused, trunc_normal_=nn.init.trunc_normal_)
module("matplotlib", pyplot=None)
module("matplotlib.pyplot")
module("utils", misc=None)
module(
    "utils.checkpoint", get_missing_parameters_message=None, get_unexpected_parameters_message=None
)
module("utils.logger", print_log=lambda *args, **kwargs: None)
module("models")
module("models.build", MODELS=Registered())
for name in ("z_order", "GPT", "PointGPT"):
    text = (root / "models" / f"{name}.py").read_text()
    if name == "PointGPT":
        head, rest = text.split("class Encoder_small", 1)
        small, rest = rest.split("class Group", 1)
        for wide, narrow in ((128, 16), (256, 32), (512, 64)):
            small = re.sub(rf"\b{wide}\b", str(narrow), small)
        text = head + "class Encoder_small" + small + "class Group" + rest
        text = text.replace(".to('cuda')", "").replace(".cuda()", "")
        text = text.replace("[384, 768, 1024]", f"[{D}]").replace("== 384", f"== {D}")
    made = types.ModuleType(f"models.{name}")
    made.__package__ = "models"
    sys.modules[f"models.{name}"] = made
    exec(compile(text, name, "exec"), made.__dict__)
official = sys.modules["models.PointGPT"]

torch.manual_seed(0)
model = official.PointGPT(
    Config(
        cls_dim=40,
        group_size=K,
        num_group=C + 1,
        loss="cdl12",
        weight_center=1,
        transformer_config=Config(
            mask_ratio=0.0,
            mask_type="rand",
            trans_dim=D,
            encoder_dims=D,
            depth=2,
            drop_path_rate=0.1,
            num_heads=3,
            decoder_depth=1,
            decoder_num_heads=3,
        ),
    )
).eval()
model.GPT_Transformer.keep_attend = 0  # fewer patches than the 10 that are never masked
with torch.no_grad():
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            noise = torch.randn_like(value)
            wide = value.dim() > 1
            if name.endswith("running_var") or (name.endswith("weight") and not wide):
                value.copy_(1 + 0.2 * noise.abs())
            elif wide and name.endswith("weight"):
                value.copy_(noise / value[0].numel() ** 0.5)
            else:
                value.copy_(0.3 * noise)

    cloud = torch.rand(B, 64, 3) * 2 - 1
    centers = cloud[:, :C].clone()
    near = torch.cdist(centers, cloud).topk(K, largest=False).indices
    neighbors = cloud[torch.arange(B)[:, None, None], near] - centers[:, :, None]

    group = official.Group(num_group=C, group_size=K)
    flat = group.simplied_morton_sorting(cloud, centers)
    order = flat.view(B, C) - torch.arange(B)[:, None] * C

    def arranged(values: torch.Tensor) -> torch.Tensor:
        picked = values.flatten(0, 1)[flat].view_as(values)
        return torch.cat([picked, torch.randn_like(values[:, :1])], 1)

    def in_patch_order(values: torch.Tensor) -> torch.Tensor:
        """The start token out, the patches where they were."""
        places = order.argsort(1)
        return values[:, 1:].gather(1, places[..., None].expand(-1, -1, D))

    extractor = model.GPT_Transformer.blocks
    seen: dict[str, torch.Tensor] = {}
    extractor.register_forward_hook(lambda _m, _i, made: seen.update(tokens=made))
    for number, layer in enumerate(extractor.layers):
        layer.register_forward_hook(
            lambda _m, _i, made, number=number: seen.update({f"{number}": made.transpose(0, 1)})
        )
    model.GPT_Transformer(arranged(neighbors), arranged(centers))

arrays = {f"state/{name}": value.numpy() for name, value in model.state_dict().items()}
np.savez_compressed(
    out,
    source=f"github.com/CGuangyan-BIT/PointGPT at commit {COMMIT}",
    neighbors=neighbors.numpy(),
    centers=centers.numpy(),
    order=order.numpy(),
    tokens=in_patch_order(seen["tokens"]).numpy(),
    layers=torch.stack([in_patch_order(seen[str(n)]) for n in range(2)]).numpy(),
    **arrays,
)
