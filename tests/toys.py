"""Small registered classes: tests of settings depend on no real student, task or dataset."""

from typing import Literal

import pytest
from pydantic import Field, PositiveFloat, PositiveInt

from foundry_bench import registries
from foundry_bench.config.registered import AssignmentField
from foundry_bench.config.settings import NamedSettings, Seq, TeacherSettings
from foundry_bench.registry import Entry, Registry


class ToyPatchSpec:
    """What a preset says about patches, as far as checks of settings read it."""

    def __init__(self, patches: int) -> None:
        self.patches = patches


class Hard:
    """An assignment."""

    class Settings(NamedSettings):
        """Of `hard` and of `soft`."""

        temperature: PositiveFloat = 1.0


class Toy:
    """A student."""

    class Settings(NamedSettings):
        """Of `toy`."""

        supertokens: int = Field(16, ge=1)
        assignment: AssignmentField = Hard.Settings(name="hard", temperature=2.0)
        residual: bool = True
        levels: Seq[int] = (1, 2)

        def check(self, num_patches: int) -> None:
            """Refuse more SuperTokens than tokens."""
            if self.supertokens > num_patches:
                raise ValueError(
                    f"supertokens: {self.supertokens} is more than {num_patches} tokens"
                )


class Other:
    """A student with other fields."""

    class Settings(NamedSettings):
        """Of `other`."""

        depth: PositiveInt = 1


class Blobs:
    """A dataset."""

    class Settings(NamedSettings):
        """Of `blobs`."""

        path: str | None = None
        clouds: PositiveInt = 100


class Quiz:
    """A task."""

    class Settings(NamedSettings):
        """Of `quiz` and of `exam`."""

        protocol: Literal["strict", "literature"] = "strict"


TABLES: dict[str, dict[str, str]] = {
    "students": {"toy": "Toy", "other": "Other"},
    "assignments": {"hard": "Hard", "soft": "Hard"},
    "tasks": {"quiz": "Quiz", "exam": "Quiz"},
    "datasets": {"blobs": "Blobs"},
}


def tokens_of(teacher: TeacherSettings) -> ToyPatchSpec:
    """Stands in for `patch_spec`: 32 tokens, but 64 for the preset `small`."""
    return ToyPatchSpec(64 if teacher.preset == "small" else 32)


def register_toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the classes of this module in the registries' place until the test ends."""
    for kind, table in TABLES.items():
        registry: Registry[object] = getattr(registries, kind.upper())
        entries = {
            name: Entry(f"{__name__}:{target}", f"a {target}") for name, target in table.items()
        }
        monkeypatch.setitem(registry.__dict__, "entries", entries)
    monkeypatch.setattr("foundry_bench.config.sweepcheck.num_patches", _num_patches)


def _num_patches(teacher: TeacherSettings) -> int:
    return tokens_of(teacher).patches
