"""What is known of a published set before it is on the disk, and where it is looked for."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from foundry_bench.config.paths import user_path

ROOT_VARIABLE = "FOUNDRY_BENCH_DATA"
DEFAULT_ROOT = "data"


@dataclass(frozen=True)
class Publication:
    """What is known of a published set before it is on the disk.

    Attributes:
        form: the settings that ask for it, where a dataset is published in several forms.
        folders: the published name of its folder, and others it is found under.
        files: what is in the folder.
        counts: clouds of each split.
        terms: licence, or what is known of it.
        source: who distributes it.
    """

    folders: tuple[str, ...]
    files: str
    counts: Mapping[str, int]
    num_classes: int
    terms: str
    source: str
    num_parts: int = 0
    form: str = ""

    @property
    def layout(self) -> str:
        """Where the files are expected under the root."""
        return f"{self.folders[0]}/{self.files}"

    def help(self, dataset: str, what: str) -> str:
        """A message that says `what` is wrong with `dataset`, what is expected, and what to do."""
        lines = [
            f"{dataset}: {what}",
            f"expected: {self.layout}",
            f"from: {self.source}",
            f"terms: {self.terms}",
            f"then name the folder that holds '{self.folders[0]}': data.root in a sweep file, "
            f"--root on the command line, or {ROOT_VARIABLE}",
        ]
        return "\n  ".join(lines)


def data_root(given: str) -> tuple[Path, str]:
    """The folder of published folders, and what said so."""
    if given:
        return user_path(given), "data.root"
    if from_environment := os.environ.get(ROOT_VARIABLE):
        return user_path(from_environment), ROOT_VARIABLE
    return Path(DEFAULT_ROOT), f"neither data.root nor {ROOT_VARIABLE} is set"
