"""Contract tests: an author of a plug-in subclasses one, says how to build hers, and pytest does
the rest.

    from foundry_bench.testing import StudentContract

    class TestMine(StudentContract):
        def student(self, teacher, supertokens):
            return Mine(teacher, Mine.Settings(name="mine", supertokens=supertokens))

For readable failures, `pytest.register_assert_rewrite("foundry_bench.testing")` in `conftest.py`.
"""

from foundry_bench.testing.assignment import AssignmentContract
from foundry_bench.testing.backbone import BackboneContract
from foundry_bench.testing.student import StudentContract
from foundry_bench.testing.task import TaskContract
from foundry_bench.testing.teacher import TeacherContract
from foundry_bench.testing.tiny import (
    tiny_archive,
    tiny_dataset,
    tiny_patches,
    tiny_preset,
    tiny_teacher,
)

__all__ = [
    "AssignmentContract",
    "BackboneContract",
    "StudentContract",
    "TaskContract",
    "TeacherContract",
    "tiny_archive",
    "tiny_dataset",
    "tiny_patches",
    "tiny_preset",
    "tiny_teacher",
]
