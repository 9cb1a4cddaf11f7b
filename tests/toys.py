"""Small registered classes: tests of settings depend on no real student, task or dataset."""

from types import SimpleNamespace
from typing import Literal

import pytest
from pydantic import Field, PositiveFloat, PositiveInt

from foundry_bench import registries
from foundry_bench.config.registered import AssignmentField
from foundry_bench.config.settings import NamedSettings, Seq, TeacherSettings
from foundry_bench.config.tasks import TaskSettings
from foundry_bench.registry import Entry, Registry


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

        def check(self, patches: int, depth: int) -> None:
            """Refuse more SuperTokens than tokens."""
            if self.supertokens > patches:
                raise ValueError(f"supertokens: {self.supertokens} is more than {patches} tokens")


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

    class Settings(TaskSettings):
        """Of `quiz` and of `exam`."""

        protocol: Literal["strict", "literature"] = "strict"

    metrics = ("score",)


TABLES: dict[str, dict[str, str]] = {
    "students": {"toy": "Toy", "other": "Other"},
    "assignments": {"hard": "Hard", "soft": "Hard"},
    "tasks": {"quiz": "Quiz", "exam": "Quiz"},
    "datasets": {"blobs": "Blobs"},
}


def register_toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the classes of this module in the registries' place until the test ends."""
    for kind, table in TABLES.items():
        registry: Registry[object] = getattr(registries, kind.upper())
        entries = {
            name: Entry(f"{__name__}:{target}", f"a {target}") for name, target in table.items()
        }
        monkeypatch.setitem(registry.__dict__, "entries", entries)
    monkeypatch.setattr("foundry_bench.teachers.preset.architecture", _architecture)


def _architecture(teacher: TeacherSettings) -> SimpleNamespace:
    """32 tokens, but 64 for the preset `small`; 2 blocks."""
    return SimpleNamespace(patches=64 if teacher.preset == "small" else 32, depth=2)
