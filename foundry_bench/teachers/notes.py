"""What a safetensors file of weights says of their teacher beside the tensors, as metadata."""

import json
from collections.abc import Mapping
from pathlib import Path

from foundry_bench.errors import FoundryError
from foundry_bench.teachers.layouts import LAYOUTS
from foundry_bench.teachers.teacher import TeacherArchitecture

KEY = "foundry_bench"
"""One key, so that what other programs note is not taken for ours, and because safetensors shuffles
several: equal weights have to give equal files.
"""
TEACHER = "teacher"
NOTED = ("points", "patches", "patch_size", "heads")
"""Settings that no tensor's shape tells."""


def notes_of(architecture: TeacherArchitecture) -> dict[str, str]:
    """The metadata of weights that a teacher was pre-trained to: its registered name and NOTED."""
    notes = {name: getattr(architecture, name) for name in NOTED}
    return {KEY: json.dumps({TEACHER: architecture.name, **notes})}


def notes_from(settings: Mapping[str, object]) -> dict[str, str]:
    """The metadata of a published file's hyper-parameters: those of NOTED that it has."""
    sizes = {ours: value for layout in LAYOUTS for ours, value in layout.sizes_in(settings).items()}
    notes = {name: sizes[name] for name in NOTED if name in sizes}
    return {KEY: json.dumps(notes)} if notes else {}


def noted(metadata: Mapping[str, str], path: Path) -> dict[str, object]:
    """Our notes in the metadata of the file `path`: NOTED, and `teacher`, the registered name.

    Raises:
        FoundryError: if they are not what this module writes.
    """
    try:
        notes = json.loads(metadata.get(KEY, "{}"))
    except ValueError:
        notes = None
    if not isinstance(notes, dict):
        raise FoundryError(
            f"{path}: the metadata `{KEY}` are {metadata[KEY]!r}, expected a JSON object with any "
            f"of {', '.join((TEACHER, *NOTED))}"
        )
    return {name: notes[name] for name in (TEACHER, *NOTED) if name in notes}
