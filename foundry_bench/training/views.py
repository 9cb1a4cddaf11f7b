"""What training sees of the clouds: patches augmented anew each time, or fixed views whose tokens
are cached.

B clouds, N clouds of a set, C patches, D width, V views.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from foundry_bench.config.settings import ViewSettings
from foundry_bench.data.augment import Affine, random_affine
from foundry_bench.data.dataset import Dataset, subsample
from foundry_bench.errors import FoundryError
from foundry_bench.files import reserve
from foundry_bench.geometry.fps import farthest_points
from foundry_bench.geometry.patches import Patches, PatchSpec, group
from foundry_bench.models.backbone import Backbone, Embedding, Inputs
from foundry_bench.seeds import generator

CHUNK = 256
"""Clouds that are grouped or embedded at once."""

RESIDENT_SHARE = 0.25
"""Share of a GPU's free memory that cached tokens may take."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Inputs of a backbone, and what the teacher makes of them where that is known already.

    Attributes:
        targets_BCD: the teacher's final tokens.
        embedding_BCD: the tokens of its tokenizer.
        view: what the clouds' points went through to give this view; None: nothing.
    """

    inputs: Inputs
    targets_BCD: Tensor | None = None
    embedding_BCD: Tensor | None = None
    view: Affine | None = None


class Views(ABC):
    """N clouds as a backbone takes them."""

    @abstractmethod
    def __len__(self) -> int:
        """N."""

    @abstractmethod
    def draw(self, rows_B: Tensor, rng: torch.Generator | None = None) -> Batch:
        """A view of each of the clouds `rows_B`; augmented views are drawn from `rng` alone."""

    def chunks(self, size: int = CHUNK) -> Iterator[Batch]:
        """All clouds in order."""
        for rows_B in torch.arange(len(self)).split(size):
            yield self.draw(rows_B)

    def subset(self, rows: Tensor) -> "Views":
        """The clouds `rows` alone."""
        return _Subset(self, rows)


@dataclass(frozen=True)
class _Subset(Views):
    whole: Views
    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def draw(self, rows_B: Tensor, rng: torch.Generator | None = None) -> Batch:
        return self.whole.draw(self.rows[rows_B], rng)


@dataclass(frozen=True)
class PatchViews(Views):
    """Patches in memory, grouped once; augmented by a random similarity at each draw if `settings`
    are given.
    """

    patches: Patches
    settings: ViewSettings | None = None

    def __len__(self) -> int:
        return len(self.patches)

    def draw(self, rows_B: Tensor, rng: torch.Generator | None = None) -> Batch:
        """Patches of the clouds `rows_B`."""
        device = self.patches.centers_BC3.device
        patches = self.patches.select(rows_B.to(device))
        if self.settings is None:
            return Batch(patches)
        assert rng is not None, "augmented views need a generator"
        view = random_affine(len(rows_B), self.settings, rng)
        return Batch(patches.transformed(view.matrix_B33, view.shift_B3), view=view)


@dataclass(frozen=True)
class PointViews(Views):
    """Points in memory, augmented and then grouped at each draw: for augmentations that change
    neighbours.
    """

    points_NP3: Tensor
    spec: PatchSpec
    settings: ViewSettings

    def __len__(self) -> int:
        return len(self.points_NP3)

    def draw(self, rows_B: Tensor, rng: torch.Generator | None = None) -> Batch:
        """Patches of the clouds `rows_B`."""
        assert rng is not None, "augmented views need a generator"
        points_BP3 = self.points_NP3[rows_B.to(self.points_NP3.device)]
        view = _complete(random_affine(len(rows_B), self.settings, rng), points_BP3, self.settings)
        return Batch(group(view(points_BP3), self.spec), view=view)


@dataclass(frozen=True)
class FixedViews(Views):
    """Patches of V fixed views in memory; a draw picks a view for each cloud.

    Attributes:
        moves: what the clouds went through in each of the views.
    """

    views: tuple[Patches, ...]
    moves: tuple[Affine, ...] = ()

    def __len__(self) -> int:
        return len(self.views[0])

    def draw(self, rows_B: Tensor, rng: torch.Generator | None = None) -> Batch:
        """Patches of the clouds `rows_B`."""
        view_B = _choose_views(len(self.views), rows_B, rng)
        return Batch(self.pick(view_B, rows_B), view=_picked(self.moves, view_B, rows_B))

    def pick(self, view_B: Tensor, rows_B: Tensor) -> Patches:
        """Patches of the clouds `rows_B` in the views `view_B`."""
        device = self.views[0].centers_BC3.device
        picked = self.views[0].select(rows_B.to(device))
        for number, view in enumerate(self.views[1:], start=1):
            chosen = (view_B == number).nonzero().squeeze(1)  # on a GPU this would wait for it
            here = view.select(rows_B[chosen].to(device))
            chosen = chosen.to(device)
            picked.neighbors_BCK3[chosen] = here.neighbors_BCK3
            picked.centers_BC3[chosen] = here.centers_BC3
        return picked


@dataclass(frozen=True)
class CachedViews(Views):
    """Tokens of V fixed views, memory-mapped from stages of kind `tokens`; a draw picks a view for
    each cloud. On a GPU with room for them the tokens are there from the first draw on.

    Attributes:
        patches: of the same views; the inputs of a student whose tokenizer is not the teacher's.
        moves: what the clouds went through in each of the views.
    """

    shards: tuple["TokenFile", ...]
    device: torch.device
    patches: FixedViews | None = None
    moves: tuple[Affine, ...] = ()

    def __len__(self) -> int:
        return len(self.shards[0])

    def draw(self, rows_B: Tensor, rng: torch.Generator | None = None) -> Batch:
        """Cached embeddings and teacher's tokens, in float32."""
        view_B = _choose_views(len(self.shards), rows_B, rng)
        tokens, centers, targets = (self._pick(name, view_B, rows_B) for name in TokenFile.NAMES)
        view = _picked(self.moves, view_B, rows_B)
        if self.patches is not None:
            return Batch(self.patches.pick(view_B, rows_B), targets, tokens, view)
        return Batch(Embedding(tokens, centers), targets, tokens, view)

    def _pick(self, name: str, view_B: Tensor, rows_B: Tensor) -> Tensor:
        """An array's values in float32, on the device."""
        if self._is_resident:
            chosen = (view_B.to(self.device), rows_B.to(self.device))
            return self._resident[name][chosen].float()
        arrays = [shard.array(name) for shard in self.shards]
        picked = _gather(arrays, view_B.numpy(), rows_B.numpy())
        return torch.from_numpy(picked).float().to(self.device)

    @cached_property
    def _is_resident(self) -> bool:
        if self.device.type != "cuda":
            return False
        needed = sum(shard.array(name).nbytes for shard in self.shards for name in TokenFile.NAMES)
        return needed < RESIDENT_SHARE * torch.cuda.mem_get_info(self.device)[0]

    @cached_property
    def _resident(self) -> dict[str, Tensor]:
        """The arrays of all views (V, N, ...), in the types of the files."""
        return {
            name: torch.stack(
                [torch.from_numpy(np.array(shard.array(name))) for shard in self.shards]
            ).to(self.device)
            for name in TokenFile.NAMES
        }


class TokenFile:
    """One view of a set of clouds as arrays: embeddings, centres and the teacher's tokens.

    Tokens are float16 (they are LayerNorm-sized, and it halves the file), centres float32.
    """

    NAMES = ("tokens", "centers", "targets")

    def __init__(self, folder: Path) -> None:
        self._arrays: dict[str, npt.NDArray[np.floating]] = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in self.NAMES
        }

    def __len__(self) -> int:
        return len(self._arrays["tokens"])

    def array(self, name: str) -> npt.NDArray[np.floating]:
        """`tokens`, `centers` or `targets`, memory-mapped."""
        return self._arrays[name]

    @staticmethod
    def num_bytes(num_clouds: int, patches: int, width: int) -> int:
        """Of the arrays: float16 tokens and targets, float32 centres."""
        return num_clouds * patches * (2 * 2 * width + 3 * 4)

    @classmethod
    @torch.inference_mode()
    def write(cls, folder: Path, teacher: Backbone, views: Views) -> None:
        """Compute and write the arrays for all clouds of `views`, chunk by chunk.

        Raises:
            FoundryError: for numbers that float16 cannot hold.
        """
        arrays: dict[str, np.memmap[tuple[int, ...], np.dtype[np.floating]]] = {}
        start = 0
        for batch in views.chunks():
            embedding = teacher.embedding(batch.inputs)
            values = (embedding.tokens_BCD, embedding.centers_BC3, teacher.tokens(embedding))
            for name, value in zip(cls.NAMES, values, strict=True):
                if name not in arrays:
                    kind = np.float32 if name == "centers" else np.float16
                    shape = (len(views), *value.shape[1:])
                    path = folder / f"{name}.npy"
                    arrays[name] = np.lib.format.open_memmap(path, "w+", kind, shape)
                    reserve(path)
                largest = value.abs().max().item()
                if not largest <= float(np.finfo(arrays[name].dtype).max):
                    raise FoundryError(
                        f"the teacher's {name} go up to {largest:.3g}, which cached tokens "
                        f"({arrays[name].dtype}) cannot hold: set `train.views.count: online`"
                    )
                arrays[name][start : start + len(value)] = value.cpu().numpy()
            start += len(values[0])
        for array in arrays.values():
            array.flush()


def patch_views(
    dataset: Dataset,
    rows: Rows,
    spec: PatchSpec,
    settings: ViewSettings | None,
    device: torch.device,
) -> PatchViews | PointViews:
    """The clouds `rows`, augmented as `settings` say, or as they are if None."""
    points_NP3 = torch.from_numpy(subsample(dataset, rows, spec.points))
    if settings is not None and settings.patches == "fresh":
        return PointViews(points_NP3.to(device), spec, settings)
    return PatchViews(_group_all(points_NP3, spec, device), settings)


def farthest_views(
    dataset: Dataset, rows: Rows, spec: PatchSpec, device: torch.device
) -> PatchViews:
    """The clouds `rows` as they are, of points chosen by FPS among all points stored."""
    all_NP3 = torch.from_numpy(subsample(dataset, rows, dataset.points_NP3.shape[1]))
    chosen = []
    for points_BP3 in all_NP3.split(CHUNK):
        index_BQ = farthest_points(points_BP3.to(device), spec.points).cpu()
        chosen.append(points_BP3.gather(1, index_BQ[..., None].expand(-1, -1, 3)))
    return PatchViews(_group_all(torch.cat(chosen), spec, device))


def fixed_view(
    dataset: Dataset,
    rows: Rows,
    spec: PatchSpec,
    settings: ViewSettings,
    view: int,
    device: torch.device,
) -> PatchViews:
    """View number `view` of the clouds `rows`: the same for everybody who asks with the same
    settings.
    """
    points_NP3 = torch.from_numpy(subsample(dataset, rows, spec.points))
    moved_NP3 = fixed_move(dataset, rows, spec, settings, view)(points_NP3)
    return PatchViews(_group_all(moved_NP3, spec, device))


def fixed_move(
    dataset: Dataset, rows: Rows, spec: PatchSpec, settings: ViewSettings, view: int
) -> Affine:
    """What the clouds `rows` go through in `fixed_view`."""
    move = random_affine(len(rows), settings, generator(settings.seed, "view", view))
    if not settings.normalize:
        return move
    return move.normalized(torch.from_numpy(subsample(dataset, rows, spec.points)))


def _complete(move: Affine, points_BP3: Tensor, settings: ViewSettings) -> Affine:
    return move.normalized(points_BP3) if settings.normalize else move


def _picked(moves: tuple[Affine, ...], view_B: Tensor, rows_B: Tensor) -> Affine | None:
    """For each of the clouds `rows_B` the move of its view."""
    if not moves:
        return None
    chosen = (view_B, torch.arange(len(rows_B)))
    matrix_B33 = torch.stack([move.matrix_B33[rows_B] for move in moves])[chosen]
    shifts = [move.shift_B3[rows_B] for move in moves if move.shift_B3 is not None]
    return Affine(matrix_B33, torch.stack(shifts)[chosen] if shifts else None)


def _choose_views(num: int, rows_B: Tensor, rng: torch.Generator | None) -> Tensor:
    if num == 1:
        return torch.zeros_like(rows_B)
    assert rng is not None, "a choice of views needs a generator"
    return torch.randint(num, rows_B.shape, generator=rng)


def _group_all(points_NP3: Tensor, spec: PatchSpec, device: torch.device) -> Patches:
    parts = [group(chunk.to(device), spec) for chunk in points_NP3.split(CHUNK)]
    return Patches(
        torch.cat([part.neighbors_BCK3 for part in parts]),
        torch.cat([part.centers_BC3 for part in parts]),
    )


def _gather(
    arrays: Sequence[npt.NDArray[np.floating]], view_B: npt.NDArray[np.int64], rows: Rows
) -> npt.NDArray[np.floating]:
    out: npt.NDArray[np.floating] = np.empty((len(rows), *arrays[0].shape[1:]), arrays[0].dtype)
    for view, array in enumerate(arrays):
        chosen = view_B == view
        out[chosen] = array[rows[chosen]]
    return out
