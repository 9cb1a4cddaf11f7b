"""What foundry-bench can be told to use, by name."""

from typing import TYPE_CHECKING

from foundry_bench.registry import Registry

if TYPE_CHECKING:
    from foundry_bench.data.loader import DatasetLoader
    from foundry_bench.students.assignments import Assignment
    from foundry_bench.students.student import Student
    from foundry_bench.tasks.task import Task
    from foundry_bench.teachers.teacher import Teacher

TEACHERS: "Registry[Teacher]" = Registry(
    "teachers",
    {
        "point_jepa": (
            "foundry_bench.teachers.point_jepa:PointJepa",
            "the paper's teacher: a plain ViT over patch tokens, JEPA pre-training",
        ),
    },
)
STUDENTS: "Registry[Student]" = Registry(
    "students",
    {
        "foundry": (
            "foundry_bench.students.foundry:Foundry",
            "compress to SuperTokens (DSO), encode, upsample by cross-attention (CAU)",
        ),
    },
)
ASSIGNMENTS: "Registry[Assignment]" = Registry(
    "assignments",
    {
        "dso": (
            "foundry_bench.students.assignments.dso:Dso",
            "hard cross-attention on content alone",
        ),
        "dso_pos": (
            "foundry_bench.students.assignments.dso:DsoPos",
            "the same with positions in q·k",
        ),
    },
)
TASKS: "Registry[Task]" = Registry(
    "tasks",
    {
        "classification": (
            "foundry_bench.tasks.classification:Classification",
            "accuracy after fine-tuning with a head on max + mean of the tokens",
        ),
        "probe": (
            "foundry_bench.tasks.probe:Probe",
            "accuracy of a linear classifier on frozen tokens",
        ),
    },
)
DATASETS: "Registry[DatasetLoader]" = Registry(
    "datasets",
    {
        "shapes": (
            "foundry_bench.data.shapes_loader:Shapes",
            "procedural clouds with class and part labels, the embedded default",
        ),
        "archive": (
            "foundry_bench.data.archive:Archive",
            "any .npz with points, labels and splits",
        ),
    },
)
