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
TERMS = "the terms of use on its page, agreed to before the download; for research"
SOURCE = "its authors (h5_files.zip, hkust-vgd.github.io/scanobjectnn)"
FOLDERS = ("ScanObjectNN", "h5_files")


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
    publications = (
        Publication(
            form="variant: obj_bg",
            folders=FOLDERS,
            files="main_split/{training,test}_objectdataset.h5",
            counts={"train": 2309, "test": 581},
            num_classes=15,
            terms=TERMS,
            source=SOURCE,
        ),
        Publication(
            form="variant: obj_only",
            folders=FOLDERS,
            files="main_split_nobg/{training,test}_objectdataset.h5",
            counts={"train": 2309, "test": 581},
            num_classes=15,
            terms=TERMS,
            source=SOURCE,
        ),
        Publication(
            form="variant: pb_t50_rs",
            folders=FOLDERS,
            files="main_split/{training,test}_objectdataset_augmentedrot_scale75.h5",
            counts={"train": 11416, "test": 2882},
            num_classes=15,
            terms=TERMS,
            source=SOURCE,
        ),
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
