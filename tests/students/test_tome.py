import torch

from foundry_bench.geometry.patches import Patches
from foundry_bench.models.backbone import Backbone
from foundry_bench.seeds import generator, seeded
from foundry_bench.students.student import Student
from foundry_bench.students.tome import Tome, TomeSettings, alternate_matching
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import StudentContract, tiny_teacher
from tests.students.official import assert_as_recorded, cases


class TestTome(StudentContract):
    counts = (2, 3, 4, 8)

    def student(self, teacher: Teacher, supertokens: int) -> Student:
        return Tome(teacher, TomeSettings(supertokens=supertokens))

    def test_tokens_follow_the_order_of_patches(self) -> None:
        """As published, they need not: whether a token is in the first set or in the second depends
        on where it stands. They do follow an order that leaves each in its set.
        """
        with seeded(0, "student"):
            once = Tome(tiny_teacher(), TomeSettings(supertokens=4, merge=(4, 0))).eval()
        within, across = (
            torch.tensor([4, 3, 0, 7, 6, 1, 2, 5]),
            torch.tensor([1, 0, 2, 3, 4, 5, 6, 7]),
        )
        assert self._follows(once, within)
        assert not self._follows(once, across)

    def _follows(self, backbone: Backbone, order_C: torch.Tensor) -> bool:
        patches = self.patches()
        mixed = Patches(patches.neighbors_BCK3[:, order_C], patches.centers_BC3[:, order_C])
        expected_BCD = backbone.tokens(patches)[:, order_C]
        return torch.allclose(backbone.tokens(mixed), expected_BCD, rtol=1e-4, atol=1e-5)


class TestPublishedTome(StudentContract):
    """Without what upsampling adds."""

    counts = TestTome.counts
    test_tokens_follow_the_order_of_patches = TestTome.test_tokens_follow_the_order_of_patches
    _follows = TestTome._follows

    def student(self, teacher: Teacher, supertokens: int) -> Student:
        return Tome(teacher, TomeSettings(supertokens=supertokens, upsample="copy"))


def test_the_matching_is_that_of_the_official_code() -> None:
    found = list(cases("tome"))
    assert len(found) == 4
    for case in found:
        place_BT = alternate_matching(case["keys"], int(case["num_merged"]), int(case["num_class"]))
        assert_as_recorded(case, place_BT)


def test_several_class_tokens_merge_with_nothing() -> None:
    for num_class in (2, 3):
        keys = torch.randn(2, num_class + 8, 6, generator=generator(0, "keys"))
        place = alternate_matching(keys, 4, num_class)
        assert place[:, :num_class].tolist() == [list(range(num_class))] * 2
        assert place[:, num_class:].min() == num_class
        assert [len(row.unique()) for row in place] == [num_class + 4] * 2


def test_the_most_alike_merge() -> None:
    """Tokens 0 and 3 have one direction, 2 and 1 nearly one; 4 and 5 are alone."""
    angles = torch.tensor([0.0, 1.5, 1.6, 0.0, 3.0, 4.5])
    keys = torch.stack([angles.cos(), angles.sin()], dim=-1)[None] * 3
    assert alternate_matching(keys, 1, 0).tolist() == [[3, 2, 0, 3, 1, 4]]
    assert alternate_matching(keys, 2, 0).tolist() == [[2, 1, 1, 2, 0, 3]]
