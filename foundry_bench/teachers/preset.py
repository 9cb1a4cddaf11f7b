"""A preset: a teacher's architecture and its weights, as a YAML file in `experiments/teachers/`."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import torch
from pydantic import PositiveInt

from foundry_bench.config.load import load_settings
from foundry_bench.config.registered import Registered
from foundry_bench.config.settings import NamedSettings, Settings, TeacherSettings
from foundry_bench.errors import FoundryError
from foundry_bench.files import file_digest
from foundry_bench.geometry.patches import PatchSpec
from foundry_bench.registries import TEACHERS
from foundry_bench.resources import shipped
from foundry_bench.seeds import seeded
from foundry_bench.teachers.checkpoint import read_state
from foundry_bench.teachers.teacher import Teacher, TeacherArchitecture


class TeacherPreset(Settings):
    """What a preset's file holds."""

    version: PositiveInt
    architecture: Annotated[NamedSettings, Registered(TEACHERS)]
    """`name` of the registered teacher and the settings of its class."""
    weights: str | None = None
    """safetensors file, relative to the preset's; none ship with a preset that has yet to be pre-
    trained.
    """


@dataclass(frozen=True)
class TeacherSource:
    """Where a teacher comes from: enough to build it, and to name it in a stage's key.

    Attributes:
        architecture: the settings of its class.
        weights: file to load, or None for random weights.
        fingerprint: sha256 over the architecture, the class's version and the weight file's bytes.
    """

    architecture: TeacherArchitecture
    weights: Path | None
    fingerprint: str

    def build(self, seed: int = 0) -> Teacher:
        """The teacher on the CPU, in eval mode; `seed` draws weights if there is no file."""
        with seeded(seed, "teacher"):
            teacher = TEACHERS.get(self.architecture.name)(self.architecture)
        if self.weights is not None:
            load_weights(teacher, self.weights)
        return teacher.eval()


def teacher_source(teacher: TeacherSettings) -> TeacherSource:
    """Resolve a sweep's `teacher` settings.

    Raises:
        FoundryError: for an unknown preset, an impossible architecture, or a weight file that is
            not there.
    """
    path = preset_path(teacher)
    preset = _read_preset(teacher, path)
    size = cast(TeacherArchitecture, preset.architecture)
    weights = _weights_path(teacher, preset, path)
    content = "random" if weights is None else file_digest(weights)
    version = TEACHERS.get(teacher.name).version
    text = f"{size.model_dump_json()} {version} {content}"
    return TeacherSource(size, weights, hashlib.sha256(text.encode()).hexdigest())


def architecture(teacher: TeacherSettings) -> TeacherArchitecture:
    """Geometry and size of a teacher: they belong to it, not to a run."""
    preset = _read_preset(teacher, preset_path(teacher))
    return cast(TeacherArchitecture, preset.architecture)


def patch_spec(teacher: TeacherSettings) -> PatchSpec:
    """Points, patches and points a patch of a teacher."""
    return architecture(teacher).patch_spec


def _read_preset(teacher: TeacherSettings, path: Path) -> TeacherPreset:
    preset = load_settings(path, TeacherPreset)
    if preset.architecture.name != teacher.name:
        raise FoundryError(
            f"teacher.preset: {path} is of the teacher '{preset.architecture.name}', "
            f"not of '{teacher.name}'"
        )
    return preset


def preset_path(teacher: TeacherSettings) -> Path:
    """The file of a teacher's preset.

    Raises:
        FoundryError: if there is none, with those that there are.
    """
    given = Path(teacher.preset)
    if given.suffix in {".yaml", ".yml"}:
        if not given.is_file():
            raise FoundryError(f"teacher.preset: there is no file {given}")
        return given
    folder = shipped("experiments/teachers")
    path = folder / f"{teacher.name}_{teacher.preset}.yaml"
    if not path.is_file():
        prefix = f"{teacher.name}_"
        known = sorted(file.stem.removeprefix(prefix) for file in folder.glob(f"{prefix}*.yaml"))
        raise FoundryError(
            f"teacher.preset: '{teacher.name}' has no preset '{teacher.preset}'; "
            f"it has: {', '.join(known)}; or give the path of a preset's .yaml file"
        )
    return path


def load_weights(module: torch.nn.Module, path: Path) -> None:
    """Fill `module` from a file; all of it, or an error.

    Raises:
        FoundryError: if the file is damaged, or its names or shapes are not exactly the module's.
    """
    found = read_state(path)
    wanted = module.state_dict()
    faults = [f"missing {name}" for name in wanted if name not in found]
    faults += [f"unexpected {name}" for name in found if name not in wanted]
    faults += [
        f"{name} is {tuple(found[name].shape)}, expected {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in found and found[name].shape != value.shape
    ]
    if faults:
        shown = "; ".join(faults[:5])
        raise FoundryError(
            f"{path} does not fit {type(module).__name__} ({len(faults)} faults, "
            f"the first: {shown}). Is the preset the one that the weights were made with?"
        )
    module.load_state_dict(found)


def _weights_path(
    teacher: TeacherSettings, preset: TeacherPreset, preset_file: Path
) -> Path | None:
    if teacher.weights == "random":
        return None
    if teacher.weights != "shipped":
        path = Path(teacher.weights)
    elif preset.weights is None:
        raise FoundryError(
            f"teacher.weights: no weights ship with preset '{teacher.preset}'; give the path of a "
            "safetensors file (`foundry-bench teacher pretrain` makes one) or `weights: random`"
        )
    else:
        path = preset_file.with_name(preset.weights)
    if not path.is_file():
        raise FoundryError(f"teacher.weights: there is no file {path}")
    return path
