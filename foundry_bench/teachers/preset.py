"""A preset: a teacher's architecture and its weights, as a YAML file in `experiments/teachers/`."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, cast

from pydantic import PositiveInt

from foundry_bench.config.load import load_settings
from foundry_bench.config.paths import user_path
from foundry_bench.config.registered import Registered
from foundry_bench.config.settings import Geometry, NamedSettings, Settings, TeacherSettings
from foundry_bench.errors import FoundryError
from foundry_bench.files import file_digest
from foundry_bench.geometry.patches import PatchSpec
from foundry_bench.registries import TEACHERS
from foundry_bench.resources import shipped
from foundry_bench.seeds import seeded
from foundry_bench.teachers.loading import Coverage, load_teacher
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
    pretrained: Geometry | None = None
    """What weights were pre-trained with, where that is not the architecture's geometry (a file of
    64 patches, used with 128 of more points): files that tell theirs are checked by it.
    """


@dataclass(frozen=True)
class TeacherSource:
    """Where a teacher comes from: enough to build it, and to name it in a stage's key.

    Attributes:
        architecture: the settings of its class.
        weights: file to load, or None for random weights.
        fingerprint: sha256 over the architecture, the class's version and the weight file's bytes.
        pretrained: the geometry that the weights were pre-trained with, if not the architecture's.
    """

    architecture: TeacherArchitecture
    weights: Path | None
    fingerprint: str
    pretrained: PatchSpec | None = None

    def build(self, seed: int = 0) -> Teacher:
        """The teacher on the CPU, in eval mode; `seed` draws weights if there is no file."""
        return self.covered(seed)[0]

    def covered(self, seed: int = 0) -> tuple[Teacher, Coverage | None]:
        """`build`, and what became of the file's tensors (None without a file)."""
        with seeded(seed, "teacher"):
            teacher = TEACHERS.get(self.architecture.name)(self.architecture)
        coverage = None
        if self.weights is not None:
            coverage = load_teacher(teacher, self.architecture, self.weights, self.pretrained)
        return teacher.eval(), coverage


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
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    given = preset.pretrained
    pretrained = None if given is None else PatchSpec(**given.model_dump())
    return TeacherSource(size, weights, fingerprint, pretrained)


def fitting_source(name: str, weights: str) -> TeacherSource:
    """`teacher_source` of the first preset of the teacher `name` that the file `weights` fits.

    Raises:
        FoundryError: if there is none, with the reason for each.
    """
    TEACHERS.get(name)
    faults: dict[str, str] = {}
    for preset in presets_of(name):
        source = teacher_source(TeacherSettings(name=name, preset=preset, weights=weights))
        try:
            source.build()
        except FoundryError as error:
            faults[preset] = str(error)
        else:
            return source
    if not faults:
        raise FoundryError(f"'{name}' has no preset: give the path of one by --preset")
    if len(set(faults.values())) == 1:
        raise FoundryError(next(iter(faults.values())))
    raise FoundryError("\n  ".join(f"with preset {one}: {text}" for one, text in faults.items()))


def architecture(teacher: TeacherSettings) -> TeacherArchitecture:
    """Geometry and size of a teacher: they belong to it, not to a run."""
    preset = _read_preset(teacher, preset_path(teacher))
    return cast(TeacherArchitecture, preset.architecture)


def patch_spec(teacher: TeacherSettings) -> PatchSpec:
    """Points, patches and points a patch of a teacher."""
    return architecture(teacher).patch_spec


def _read_preset(teacher: TeacherSettings, path: Path) -> TeacherPreset:
    status = path.stat()
    preset = _preset_in(path.absolute(), status.st_size, status.st_mtime_ns)
    if preset.architecture.name != teacher.name:
        raise FoundryError(
            f"teacher.preset: {path} is of the teacher '{preset.architecture.name}', "
            f"not of '{teacher.name}'"
        )
    return preset


@lru_cache(maxsize=64)
def _preset_in(path: Path, size: int, mtime_ns: int) -> TeacherPreset:
    """A sweep of thousands of trials asks thousands of times."""
    return load_settings(path, TeacherPreset)


def preset_path(teacher: TeacherSettings) -> Path:
    """The file of a teacher's preset.

    Raises:
        FoundryError: if there is none, with those that there are.
    """
    given = user_path(teacher.preset)
    if given.suffix in {".yaml", ".yml"}:
        if not given.is_file():
            raise FoundryError(f"teacher.preset: there is no file {given}")
        return given
    path = shipped("experiments/teachers") / f"{teacher.name}_{teacher.preset}.yaml"
    if not path.is_file():
        raise FoundryError(
            f"teacher.preset: '{teacher.name}' has no preset '{teacher.preset}'; "
            f"it has: {', '.join(presets_of(teacher.name)) or 'none'}; or give the path of a "
            "preset's .yaml file"
        )
    return path


def presets_of(name: str) -> list[str]:
    """Presets that ship for the teacher `name`."""
    prefix = f"{name}_"
    files = shipped("experiments/teachers").glob(f"{prefix}*.yaml")
    return sorted(file.stem.removeprefix(prefix) for file in files)


def _weights_path(
    teacher: TeacherSettings, preset: TeacherPreset, preset_file: Path
) -> Path | None:
    if teacher.weights == "random":
        return None
    if teacher.weights != "shipped":
        path = user_path(teacher.weights)
    elif preset.weights is None:
        raise FoundryError(
            f"teacher.weights: no weights ship with preset '{teacher.preset}'; give the path of a "
            "safetensors file (`foundry-bench teacher pretrain` makes one) or `weights: random`"
        )
    else:
        path = preset_file.parent / user_path(preset.weights)
    if not path.is_file():
        raise FoundryError(f"teacher.weights: there is no file {path}")
    return path
