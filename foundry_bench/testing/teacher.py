"""What every teacher must do."""

from abc import abstractmethod
from typing import ClassVar

import torch

from foundry_bench.errors import FoundryError
from foundry_bench.models.backbone import Backbone
from foundry_bench.models.transformer import Encoder
from foundry_bench.seeds import seeded
from foundry_bench.teachers.teacher import PARTS, Teacher, TeacherArchitecture
from foundry_bench.testing.backbone import BackboneContract


class TeacherContract(BackboneContract):
    """Override `teacher`, and the attribute where it does not hold.

    Attributes:
        copyable: it has the parts that students copy; without them it can be evaluated, and
            distilled into students that copy nothing.
    """

    copyable: ClassVar[bool] = True

    @abstractmethod
    def teacher(self) -> Teacher:
        """A small teacher whose weights torch's global generator has just drawn."""

    def backbone(self) -> Backbone:
        """The teacher, always with the same weights."""
        return self.drawn(0)

    def drawn(self, seed: int) -> Teacher:
        """The teacher with the random weights of `seed`."""
        with seeded(seed, "teacher"):
            return self.teacher()

    def test_the_class_names_the_settings_of_its_architecture(self) -> None:
        assert issubclass(type(self.drawn(0)).Settings, TeacherArchitecture)

    def test_weights_are_drawn_from_the_seed(self) -> None:
        patches = self.patches()
        first, again, other = (self.drawn(seed).eval().tokens(patches) for seed in (0, 0, 1))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_students_find_the_parts_that_they_copy(self) -> None:
        teacher, patches = self.drawn(0).eval(), self.patches()
        if not self.copyable:
            _assert_parts_are_missing(teacher)
            return
        assert isinstance(teacher.encoder, Encoder)
        tokens_BCD = teacher.tokenizer(patches.neighbors_BCK3)
        positions_BCD = teacher.positions(patches.centers_BC3)
        assert torch.equal(tokens_BCD, teacher.embed(patches).tokens_BCD)
        assert torch.equal(teacher.encoder(tokens_BCD, positions_BCD), teacher.tokens(patches))

    def test_the_last_layer_is_what_the_last_norm_gets(self) -> None:
        teacher, patches = self.drawn(0).eval(), self.patches()
        last_BCD = teacher.layers(patches, (-1,))[0]
        if self.copyable:
            assert torch.equal(teacher.encoder.norm(last_BCD), teacher.tokens(patches))


def _assert_parts_are_missing(teacher: Teacher) -> None:
    """Asking for a part is an error that a user can read."""
    missing = [part for part in PARTS if not hasattr(teacher, part)]
    assert missing, f"all of {PARTS} are there: the teacher is copyable"
    for part in missing:
        try:
            getattr(teacher, part)
        except FoundryError as error:
            assert f"has no `{part}`" in str(error)  # noqa: PT017
