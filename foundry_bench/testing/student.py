"""What every student must do. B clouds, C tokens, S SuperTokens, D width."""

from abc import abstractmethod
from typing import ClassVar

import torch

from foundry_bench.models.backbone import Backbone
from foundry_bench.seeds import seeded
from foundry_bench.students.student import Student, SupertokenSettings
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing.backbone import BackboneContract, random_mean
from foundry_bench.testing.tiny import SPEC, TINY, tiny_teacher

SUPERTOKENS = 4
DEPTH = TINY.depth


class StudentContract(BackboneContract):
    """Override `student`, and the two attributes where they do not hold. Where a student breaks a
    promise on purpose, override that test and say why.

    Attributes:
        counts: of SuperTokens that a student of the tiny teacher can have, to be tried; most tests
            take 4.
        has_supertokens: its settings say how many SuperTokens it has; without them there are as
            many as tokens.
    """

    counts: ClassVar[tuple[int, ...]] = (1, 2, SUPERTOKENS, SPEC.patches)
    has_supertokens: ClassVar[bool] = True

    @abstractmethod
    def student(self, teacher: Teacher, supertokens: int) -> Student:
        """The student of `teacher` with `supertokens` SuperTokens."""

    def backbone(self) -> Backbone:
        """The student of the tiny teacher."""
        return self.small(SUPERTOKENS)

    def small(self, supertokens: int) -> Student:
        """The student of the tiny teacher, always with the same weights."""
        with seeded(0, "student"):
            return self.student(tiny_teacher(), supertokens)

    def test_settings_refuse_more_supertokens_than_tokens(self) -> None:
        settings = type(self.small(SUPERTOKENS)).Settings
        if not self.has_supertokens:
            assert not issubclass(settings, SupertokenSettings)
            return
        assert issubclass(settings, SupertokenSettings)
        fits = settings(name="any", supertokens=SPEC.patches)
        fits.check(SPEC.patches, DEPTH)
        try:
            fits.check(SPEC.patches - 1, DEPTH)
        except ValueError as error:
            assert str(error).startswith("supertokens: "), error  # noqa: PT017
        else:
            raise AssertionError(f"{SPEC.patches} SuperTokens of fewer tokens were accepted")

    def test_any_number_of_supertokens_up_to_that_of_tokens_works(self) -> None:
        for supertokens in self.counts:
            for training in (True, False):
                student = self.small(supertokens).train(training)
                tokens_BCD = student.tokens(self.patches())
                assert tokens_BCD.shape == (3, SPEC.patches, student.width)
                assert tokens_BCD.isfinite().all()

    def test_compression_says_where_each_token_went(self) -> None:
        for supertokens in self.counts:
            student = self.small(supertokens).eval()
            compressed = student.compress(student.embed(self.patches()))
            places = compressed.super_BSD.shape[1]
            assert compressed.num_supertokens == supertokens
            assert compressed.assign_BCS.shape == (3, SPEC.patches, places)
            torch.testing.assert_close(compressed.assign_BCS.sum(-1), torch.ones(3, SPEC.patches))
            assert compressed.super_BSD.shape == (3, places, student.width)
            assert compressed.positions_BSD.shape == (3, places, student.width)
            if compressed.mask_BS is not None:
                assert torch.equal(compressed.mask_BS, compressed.assign_BCS.sum(1) > 0)

    def test_no_more_supertokens_are_in_use_than_there_are(self) -> None:
        student = self.small(SUPERTOKENS).eval()
        compressed = student.compress(student.embed(self.patches()))
        in_use_B = compressed.activity()["supertokens_in_use"]
        assert in_use_B.shape == (3,)
        assert ((in_use_B >= 1) & (in_use_B <= compressed.num_supertokens)).all()

    def test_training_a_student_leaves_its_teacher_alone(self) -> None:
        teacher = tiny_teacher()
        before = {name: value.clone() for name, value in teacher.state_dict().items()}
        student = self.student(teacher, SUPERTOKENS)
        student.train()
        student.freeze_all_but(student.parts)
        random_mean(student.tokens(self.patches())).backward()
        with torch.no_grad():
            for parameter in student.parameters():
                parameter.add_(1.0)
        assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
        assert all(parameter.grad is None for parameter in teacher.parameters())

    def test_annealing_from_start_to_end_is_possible(self) -> None:
        student = self.small(SUPERTOKENS).train()
        for progress in (0.0, 0.5, 1.0):
            student.anneal(progress)
            assert student.tokens(self.patches()).isfinite().all()
