"""The students of the paper's mechanism ablation: `foundry` with another assignment.

Paper: "Foundry" (arXiv 2511.20721) reports 89.68 for its own, 87.56 for FPS, 76.08 for k-means on
ShapeNet55.
"""

from typing import ClassVar

from foundry_bench.config.registered import AssignmentField
from foundry_bench.config.settings import NamedSettings
from foundry_bench.students.assignments.kmeans import KMeansSettings
from foundry_bench.students.foundry import Foundry, FoundrySettings


class FpsStudentSettings(FoundrySettings):
    """As of `foundry`."""

    name: str = "fps_student"
    assignment: AssignmentField = NamedSettings(name="fps")


class FpsStudent(Foundry):
    """SuperTokens are regions around farthest points."""

    Settings: ClassVar[type[FpsStudentSettings]] = FpsStudentSettings


class KMeansStudentSettings(FoundrySettings):
    """As of `foundry`."""

    name: str = "kmeans_student"
    assignment: AssignmentField = KMeansSettings(name="kmeans_xyz")


class KMeansStudent(Foundry):
    """SuperTokens are clusters of patch centres."""

    Settings: ClassVar[type[KMeansStudentSettings]] = KMeansStudentSettings


class RandomStudentSettings(FoundrySettings):
    """As of `foundry`."""

    name: str = "random_student"
    assignment: AssignmentField = NamedSettings(name="random")


class RandomStudent(Foundry):
    """SuperTokens are a random partition."""

    Settings: ClassVar[type[RandomStudentSettings]] = RandomStudentSettings
