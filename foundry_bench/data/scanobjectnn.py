"""ScanObjectNN: scanned objects, in the three variants that are reported."""

from typing import Literal

from foundry_bench.data.hdf5 import hdf5_listing
from foundry_bench.data.listing import Listing
from foundry_bench.data.publication import Publication
from foundry_bench.data.published import LimitedSettings, Published

NAMES = (
    "bag", "bin", "box", "cabinet", "chair", "desk", "display", "door", "shelf", "table", "bed",
    "pillow", "sink", "sofa", "toilet",
)  # fmt: skip
FILES = (
    ("obj_bg", "main_split/{training,test}_objectdataset.h5", 2309, 581),
    ("obj_only", "main_split_nobg/{training,test}_objectdataset.h5", 2309, 581),
    ("pb_t50_rs", "main_split/{training,test}_objectdataset_augmentedrot_scale75.h5", 11416, 2882),
)
"""Variant, its two files, and their clouds."""


class ScanObjectNNSettings(LimitedSettings):
    """ScanObjectNN, 15 classes of scanned indoor objects, main split."""

    name: str = "scanobjectnn"
    variant: Literal["obj_bg", "obj_only", "pb_t50_rs"] = "pb_t50_rs"
    """`obj_bg`: objects with background; `obj_only`: without; `pb_t50_rs`: with background, shifted
    by up to half the box, turned and scaled (the hardest)."""


class ScanObjectNN(Published):
    """ScanObjectNN as its authors publish it. Up is y: the authors' code turns clouds about y."""

    Settings = ScanObjectNNSettings
    settings: ScanObjectNNSettings
    publications = tuple(
        Publication(
            form=f"variant: {variant}",
            folders=("ScanObjectNN", "h5_files"),
            files=files,
            counts={"train": num_train, "test": num_test},
            num_classes=15,
            terms="the terms of use on its page, agreed to before the download; for research",
            source="its authors (h5_files.zip, hkust-vgd.github.io/scanobjectnn)",
        )
        for variant, files, num_train, num_test in FILES
    )

    @property
    def form(self) -> str:
        """That of the setting `variant`."""
        return f"variant: {self.settings.variant}"

    def files(self) -> list[str]:
        """One for training, one for testing."""
        pattern = self.publication.files
        return [pattern.replace("{training,test}", word) for word in ("training", "test")]

    def listing(self) -> Listing:
        """The clouds of the two files."""
        train, test = (self.existing(name) for name in self.files())
        return hdf5_listing([train], [test], NAMES)
