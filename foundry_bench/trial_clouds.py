"""The clouds of one dataset as a trial's stages take them: from points, or as cached tokens."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import torch

from foundry_bench.config.settings import NamedSettings, ViewSettings
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.data.dataset import Dataset
from foundry_bench.data.loader import loader_of
from foundry_bench.geometry.patches import PatchSpec
from foundry_bench.stage import Stage, StageContext, StageResult
from foundry_bench.tasks.task import TaskData
from foundry_bench.teachers.preset import TeacherSource
from foundry_bench.training.views import (
    CachedViews,
    FixedViews,
    PatchViews,
    Rows,
    TokenFile,
    Views,
    farthest_views,
    fixed_move,
    fixed_view,
    patch_views,
)

TOKENS_VERSION = 1

Needs = Mapping[str, Stage]


class TrialClouds:
    """A dataset, how it is cut and augmented, and the teacher whose tokens of it are cached.

    The augmented clouds are those of train and, where the clouds are as students are distilled on
    them, the unlabelled ones after those.

    Attributes:
        spec: how clouds are cut into patches.
        fingerprints: of the teacher and the data, for keys.
    """

    def __init__(
        self,
        trial: TrialConfig,
        source: TeacherSource,
        data: NamedSettings,
        views: ViewSettings,
        spec: PatchSpec,
    ) -> None:
        self.spec = spec
        self._trial = trial
        self._source = source
        self._views = views
        usual = (trial.data, trial.train.views, source.architecture.patch_spec)
        self._augmented = "pool" if (data, views, spec) == usual else "train"
        self._device = torch.device(trial.device)
        self._loader = loader_of(data)
        self.fingerprints = {"teacher": source.fingerprint, "data": self._loader.fingerprint()}

    def load(self, context: StageContext) -> Dataset:
        """The dataset, from the store's cache if it is there."""
        return self._loader.load(context.cache)

    @property
    def has_fixed_views(self) -> bool:
        """Whether augmented clouds are the same few views every time."""
        return self._views.count != "online"

    def augmented_tokens(self) -> dict[str, Stage]:
        """One stage a fixed view."""
        count = self._views.count
        assert isinstance(count, int)
        return {f"view{view}": self._tokens(self._augmented, view) for view in range(count)}

    def plain_tokens(self, *splits: str) -> dict[str, Stage]:
        """One stage a split, of the clouds as they are."""
        return {split: self._tokens(split, None) for split in splits}

    def distill_views(
        self, context: StageContext, dataset: Dataset, *, on_patches: bool
    ) -> tuple[Views, Views]:
        """Clouds to distil on, and held-out ones. With `on_patches`, cached tokens come with the
        patches that they are of.
        """
        if not self.has_fixed_views:
            online = patch_views(dataset, dataset.pool, self.spec, self._views, self._device)
            return online, self._plain(dataset, "test")
        views, test = self._cached(context, dataset, "view"), self._cached(context, dataset, "test")
        if on_patches:
            plain = self._plain(dataset, "test")
            test = replace(test, patches=FixedViews((plain.patches,)))
            views = replace(views, patches=self._fixed(dataset))
        return views, test

    def cached_data(self, context: StageContext, dataset: Dataset) -> TaskData:
        """From the cached tokens in `context`; without augmented ones if it has none of those."""
        plain, test = (self._cached(context, dataset, split) for split in ("train", "test"))
        if "view0" not in context.inputs:
            return TaskData.from_views(dataset, plain, plain, test)
        views = self._cached(context, dataset, "view")
        return TaskData.from_views(dataset, _of_train(views, dataset), plain, test)

    def patch_data(self, dataset: Dataset, *, augmented: bool, fixed: bool) -> TaskData:
        """From points: for tokens that the teacher's tokenizer did not make. With `fixed` the
        augmented clouds are the fixed views, if there are any.
        """
        plain, test = (self._plain(dataset, split) for split in ("train", "test"))
        train: Views = plain
        if augmented and fixed and self.has_fixed_views:
            train = _of_train(self._fixed(dataset), dataset)
        elif augmented:
            rows = dataset.splits["train"]
            train = patch_views(dataset, rows, self.spec, self._views, self._device)
        return TaskData.from_views(dataset, train, plain, test)

    def farthest_test(self, dataset: Dataset) -> PatchViews:
        """Patches of the test clouds, of points chosen by FPS among all points stored."""
        return farthest_views(dataset, dataset.splits["test"], self.spec, self._device)

    def _tokens(self, split: str, view: int | None) -> Stage:
        """The teacher's embeddings and tokens for one view of a split; `view` None: as they are."""
        views = self._views

        def run(context: StageContext) -> StageResult:
            dataset = self.load(context)
            rows = _rows(dataset, split)
            teacher, spec = self._source.build().to(self._device), self.spec
            shown = (
                patch_views(dataset, rows, spec, None, self._device)
                if view is None
                else fixed_view(dataset, rows, spec, views, view, self._device)
            )
            TokenFile.write(context.directory, teacher, shown)
            return StageResult({"clouds": float(len(rows))})

        augmentation = (
            None if view is None else views.model_dump(mode="json", exclude={"count", "patches"})
        )
        return Stage(
            "tokens",
            TOKENS_VERSION,
            {
                "split": split,
                "view": view,
                "augmentation": augmentation,
                "geometry": asdict(self.spec),
                "threads": self._trial.threads,
                "device": self._trial.device,
            },
            run,
            fingerprints=self.fingerprints,
            num_bytes=self._num_bytes(split),
        )

    def _num_bytes(self, split: str) -> int | None:
        """Of the cached tokens of a view of a split, if that is known."""
        splits = ("train", "unlabelled") if split == "pool" else (split,)
        counts = [self._loader.num_clouds(each) for each in splits]
        known = [count for count in counts if count is not None]
        if len(known) < len(counts):
            return None
        width = self._source.architecture.width
        return TokenFile.num_bytes(sum(known), self.spec.patches, width)

    def _plain(self, dataset: Dataset, split: str) -> PatchViews:
        """Patches of a split's clouds as they are."""
        views = patch_views(dataset, dataset.splits[split], self.spec, None, self._device)
        assert isinstance(views, PatchViews)
        return views

    def _fixed(self, dataset: Dataset) -> FixedViews:
        """Patches of the fixed views."""
        views, spec, rows = self._views, self.spec, _rows(dataset, self._augmented)
        assert isinstance(views.count, int)
        return FixedViews(
            tuple(
                fixed_view(dataset, rows, spec, views, number, self._device).patches
                for number in range(views.count)
            ),
            tuple(fixed_move(dataset, rows, spec, views, number) for number in range(views.count)),
        )

    def _cached(self, context: StageContext, dataset: Dataset, prefix: str) -> CachedViews:
        folders: list[Path] = [
            path for name, path in context.inputs.items() if name.startswith(prefix)
        ]
        shards = tuple(TokenFile(folder) for folder in folders)
        if prefix != "view":
            return CachedViews(shards, self._device)
        rows = _rows(dataset, self._augmented)
        moves = tuple(
            fixed_move(dataset, rows, self.spec, self._views, number)
            for number in range(len(shards))
        )
        return CachedViews(shards, self._device, moves=moves)


def _rows(dataset: Dataset, split: str) -> Rows:
    """Rows of a split, or of the `pool`: train, then unlabelled."""
    return dataset.pool if split == "pool" else dataset.splits[split]


def _of_train(views: Views, dataset: Dataset) -> Views:
    """The training clouds come first among the augmented ones."""
    return views.subset(torch.arange(len(dataset.splits["train"])))
