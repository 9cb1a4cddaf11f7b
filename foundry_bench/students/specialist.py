"""The specialist: a student of one task's answers instead of the teacher's tokens.

Paper: "Foundry" (arXiv 2511.20721) reports task-specific distillation at 75.09 on ShapeNet55, where
the generalist has 89.87.
"""

from typing import ClassVar, Literal

from pydantic import PositiveFloat

from foundry_bench.config.settings import TrainSettings
from foundry_bench.students.foundry import Foundry, FoundrySettings


class SpecialistSettings(FoundrySettings):
    """As of `foundry`, and what it learns."""

    name: str = "specialist"
    task: Literal["classification", "part_segmentation"] = "classification"
    """The task whose answers it learns, as the teacher gives them once fine-tuned on it. Parts are
    learned from the training clouds that have some, classes from the unlabelled clouds too."""
    temperature: PositiveFloat = 4.0
    """That softens the answers."""

    def check_training(self, train: TrainSettings) -> None:
        """Its head has a batch norm."""
        if train.distill.batch < 2:
            raise ValueError("a specialist's head needs train.distill.batch of at least 2")


class Specialist(Foundry):
    """The net of `foundry`; tasks fine-tune it as they do any backbone, with a new head."""

    Settings: ClassVar[type[SpecialistSettings]] = SpecialistSettings
