"""That the contract catches what it is there to catch."""

import pytest
import torch
from torch import Tensor, nn

from foundry_bench.models.backbone import Embedding, Inputs
from foundry_bench.students.foundry import Foundry, FoundrySettings
from foundry_bench.students.student import Compressed, Student
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import StudentContract


class Shares(Foundry):
    def __init__(self, teacher: Teacher, settings: FoundrySettings) -> None:
        super().__init__(teacher, settings)
        self.encoder = teacher.encoder


class IsRandom(Foundry):
    def tokens(self, inputs: Inputs) -> Tensor:
        return super().tokens(inputs) + 0.1 * torch.rand(1)


class CountsPatches(Foundry):
    def tokens(self, inputs: Inputs) -> Tensor:
        tokens_BCD = super().tokens(inputs)
        return tokens_BCD + torch.arange(tokens_BCD.shape[1])[:, None]


class LooksAtOthers(Foundry):
    def tokens(self, inputs: Inputs) -> Tensor:
        tokens_BCD = super().tokens(inputs)
        return tokens_BCD - tokens_BCD.mean(0)


class Thaws(Foundry):
    def freeze_all_but(self, trained: object) -> None:
        self.requires_grad_(True)


class HasIdleWeights(Foundry):
    def __init__(self, teacher: Teacher, settings: FoundrySettings) -> None:
        super().__init__(teacher, settings)
        self.idle = nn.Linear(2, 2)


class NeedsPatches(Foundry):
    def embedding(self, inputs: Inputs) -> Embedding:
        embedding = super().embedding(inputs)
        if inputs is embedding:
            return Embedding(embedding.tokens_BCD * 1.01, embedding.centers_BC3)
        return embedding


class Overflows(Foundry):
    def tokens(self, inputs: Inputs) -> Tensor:
        tokens_BCD = super().tokens(inputs)
        return tokens_BCD / (self.settings.supertokens - 1)


class Forgets(Foundry):
    def compress(self, embedding: Embedding) -> Compressed:
        made = super().compress(embedding)
        return Compressed(made.assign_BCS / 2, made.super_BSD, made.positions_BSD, made.mask_BS)


class Unchecked(FoundrySettings):
    def check(self, patches: int, depth: int) -> None:
        pass


class TakesAny(Foundry):
    Settings = Unchecked


BROKEN = {
    Shares: "test_training_a_student_leaves_its_teacher_alone",
    IsRandom: "test_nothing_is_random_in_eval_mode",
    CountsPatches: "test_tokens_follow_the_order_of_patches",
    LooksAtOthers: "test_a_cloud_alone_gets_the_tokens_that_it_gets_among_others",
    Thaws: "test_what_is_frozen_gets_no_gradient_and_all_else_does",
    HasIdleWeights: "test_what_is_frozen_gets_no_gradient_and_all_else_does",
    NeedsPatches: "test_a_cached_embedding_gives_the_same_tokens_as_its_patches",
    Overflows: "test_any_number_of_supertokens_up_to_that_of_tokens_works",
    Forgets: "test_compression_says_where_each_token_went",
    TakesAny: "test_settings_refuse_more_supertokens_than_tokens",
}


def test_a_student_that_has_supertokens_does_not_pass_for_one_without() -> None:
    class Contract(StudentContract):
        has_supertokens = False

        def student(self, teacher: Teacher, supertokens: int) -> Student:
            return Foundry(teacher, FoundrySettings(supertokens=supertokens))

    with pytest.raises(AssertionError):
        Contract().test_settings_refuse_more_supertokens_than_tokens()


def test_only_the_counts_named_are_tried() -> None:
    """And 4, which all tests that try no others take."""
    tried = []

    class Contract(StudentContract):
        counts = (2, 3)

        def student(self, teacher: Teacher, supertokens: int) -> Student:
            tried.append(supertokens)
            return Foundry(teacher, FoundrySettings(supertokens=supertokens))

    Contract().test_any_number_of_supertokens_up_to_that_of_tokens_works()
    Contract().test_compression_says_where_each_token_went()
    assert set(tried) == {2, 3, 4}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_a_broken_student_is_caught(broken: type[Foundry]) -> None:
    class Contract(StudentContract):
        def student(self, teacher: Teacher, supertokens: int) -> Student:
            return broken(teacher, FoundrySettings(supertokens=supertokens))

    with pytest.raises(AssertionError):
        getattr(Contract(), BROKEN[broken])()
