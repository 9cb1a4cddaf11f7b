from typing import Any

import pytest
import torch
from torch import Tensor

from foundry_bench.config.settings import DistillSettings
from foundry_bench.models.backbone import Embedding
from foundry_bench.seeds import seeded
from foundry_bench.students.assignments.dso import Dso, DsoSettings
from foundry_bench.students.foundry import Foundry, FoundryPaper, FoundrySettings
from foundry_bench.students.student import Student
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import StudentContract, tiny_patches, tiny_teacher


class TestFoundry(StudentContract):
    def student(self, teacher: Teacher, supertokens: int) -> Student:
        return Foundry(teacher, FoundrySettings(supertokens=supertokens))


class TestFoundryPaper(StudentContract):
    def student(self, teacher: Teacher, supertokens: int) -> Student:
        return FoundryPaper(teacher, FoundryPaper.Settings(supertokens=supertokens))


class TestFoundryOtherwise(StudentContract):
    """Everything that is open, the other way round."""

    def student(self, teacher: Teacher, supertokens: int) -> Student:
        settings = FoundrySettings(
            supertokens=supertokens,
            assignment=DsoSettings(name="dso", heads=3, temperature_end=0.1, noise="never"),
            residual=False,
            upsample_position=True,
            upsample_mlp_ratio=2.0,
            empty="zero",
        )
        return Foundry(teacher, settings)


def student(supertokens: int = 4, **changes: Any) -> Foundry:
    with seeded(0, "student"):
        made = Foundry(tiny_teacher(), FoundrySettings(supertokens=supertokens, **changes))
    return made.eval()


class Given(torch.nn.Module):
    """An assignment that is told where tokens go."""

    def __init__(self, where_BC: list[list[int]], supertokens: int) -> None:
        super().__init__()
        self.assign = torch.nn.functional.one_hot(torch.tensor(where_BC), supertokens).float()

    def forward(self, *given: Tensor) -> Tensor:
        return self.assign

    def values(self, tokens_BCD: Tensor) -> Tensor:
        return 2 * tokens_BCD


WHERE = [[0, 0, 1, 1, 1, 1, 3, 3], [2, 0, 1, 3, 3, 3, 3, 0]]


def told(supertokens: int = 4, **changes: Any) -> Foundry:
    made = student(supertokens, **changes)
    made.assignment = Given(WHERE, supertokens)
    return made


def embedding() -> Embedding:
    return tiny_teacher().embed(tiny_patches(2))


def test_it_starts_as_its_teacher() -> None:
    made, teacher = student(), tiny_teacher()
    for part in ("tokenizer", "positions", "encoder"):
        theirs = teacher.get_submodule(part).state_dict()
        mine = made.get_submodule(part).state_dict()
        assert all(torch.equal(mine[name], value) for name, value in theirs.items())


def test_a_supertoken_is_the_mean_of_the_values_assigned_to_it() -> None:
    given = embedding()
    made = told()
    compressed = made.compress(given)
    positions = made.positions(given.centers_BC3)
    for cloud, where in enumerate(WHERE):
        for number in range(4):
            members = [token for token, place in enumerate(where) if place == number]
            if members:
                mean = torch.stack([2 * given.tokens_BCD[cloud, one] for one in members]).mean(0)
                place = torch.stack([positions[cloud, one] for one in members]).mean(0)
                torch.testing.assert_close(compressed.super_BSD[cloud, number], mean)
                torch.testing.assert_close(compressed.positions_BSD[cloud, number], place)
    assert compressed.mask_BS.tolist() == [[True, True, False, True], [True] * 4]
    assert compressed.activity()["supertokens_in_use"].tolist() == [3, 4]


def test_empty_supertokens_are_as_good_as_absent() -> None:
    """SuperToken 2 of the first cloud is empty: with it or without it is the same."""
    given = embedding()
    first = Embedding(given.tokens_BCD[:1], given.centers_BC3[:1])
    made, short = told(), student(3)
    made.assignment = Given(WHERE[:1], 4)
    short.assignment = torch.nn.Identity()
    short.load_state_dict(made.state_dict())
    short.assignment = Given([[place if place < 3 else 2 for place in WHERE[0]]], 3)
    torch.testing.assert_close(made.tokens(first), short.tokens(first))
    torch.testing.assert_close(made.layers(first, (0,))[0], short.layers(first, (0,))[0])


def test_empty_supertokens_take_part_if_asked_to() -> None:
    zero = told(empty="zero")
    assert zero.compress(embedding()).mask_BS is None
    both = zero.tokens(embedding()), told().tokens(embedding())
    assert not torch.allclose(both[0][0], both[1][0])
    torch.testing.assert_close(both[0][1], both[1][1])


def test_positions_of_supertokens_may_be_none() -> None:
    given = embedding()
    made = told(positions="none")
    compressed = made.compress(given)
    assert not compressed.positions_BSD.any()
    nowhere = torch.zeros(2, 4, 24)
    encoded = made.encoder(compressed.super_BSD, nowhere, compressed.mask_BS)
    tokens, positions = given.tokens_BCD, made.positions(given.centers_BC3)
    expected = made.upsample.mlp(compressed.assign_BCS @ encoded + tokens + positions)
    torch.testing.assert_close(made.tokens(given), expected)
    assert not torch.allclose(made.tokens(given), told().tokens(given))


def test_without_the_residual_tokens_pass_through_supertokens_alone() -> None:
    """All tokens of a SuperToken come back alike, but for their positions."""
    made = told(residual=False, upsample_position=False)
    tokens = made.tokens(embedding())
    assert torch.equal(tokens[0, 0], tokens[0, 1])
    assert torch.equal(tokens[0, 2], tokens[0, 5])
    assert not torch.allclose(tokens[0, 0], tokens[0, 2])
    with_residual = told(upsample_position=False).tokens(embedding())
    assert not torch.allclose(with_residual[0, 0], with_residual[0, 1])


def test_layers_route_supertokens_back() -> None:
    layer = told().layers(embedding(), (0,))[0]
    assert torch.equal(layer[0, 0], layer[0, 1])
    assert not torch.allclose(layer[0, 0], layer[0, 2])


def test_as_many_supertokens_as_tokens_compress_nothing() -> None:
    """One SuperToken a token, identical values: the encoder gets the teacher's own sequence."""
    given, made = embedding(), student(8)
    made.assignment = Given([list(range(8))] * 2, 8)
    made.assignment.values = lambda tokens: tokens  # type: ignore[method-assign]
    torch.testing.assert_close(made.layers(given, (-1,))[0], tiny_teacher().layers(given, (-1,))[0])


def test_more_supertokens_than_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="supertokens: 9 is more than the teacher's 8 tokens"):
        student(9)


def test_annealing_reaches_the_assignment() -> None:
    made = student(assignment=DsoSettings(name="dso_pos", temperature_end=0.25))
    made.anneal(1.0)
    assert made.assignment.temperature == pytest.approx(0.25)


def test_the_papers_student_knows_no_positions_in_assignment_or_upsampling() -> None:
    settings = FoundryPaper.Settings()
    assert (settings.assignment.name, settings.supertokens) == ("dso", 16)
    assert (settings.residual, settings.upsample_position) == (True, False)
    assert DistillSettings().loss.name == "smooth_l1"
    made = FoundryPaper(tiny_teacher(), FoundryPaper.Settings(supertokens=4))
    assert type(made.assignment) is Dso
    assert not made.upsample.position
