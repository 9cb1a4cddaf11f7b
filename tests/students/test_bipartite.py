import re
from typing import Any

import pytest
import torch
from torch import Tensor

from foundry_bench.config.settings import TrainSettings
from foundry_bench.models.backbone import Embedding
from foundry_bench.seeds import seeded
from foundry_bench.students.bipartite import Bipartite, BipartiteSettings, spread
from foundry_bench.students.pitome import Pitome, PitomeSettings
from foundry_bench.students.tome import Tome, TomeSettings
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import tiny_patches, tiny_teacher
from tests.teachers.families import FAMILIES, small


def tome(teacher: Teacher, supertokens: int, **changes: Any) -> Tome:
    with seeded(0):
        return Tome(teacher, TomeSettings(supertokens=supertokens, **changes)).eval()


def pitome(teacher: Teacher, supertokens: int, **changes: Any) -> Pitome:
    with seeded(0):
        return Pitome(teacher, PitomeSettings(supertokens=supertokens, **changes)).eval()


def embedding(teacher: Teacher) -> Embedding:
    return teacher.embed(tiny_patches(2))


def averaged(values_TD: Tensor, groups: list[list[int]]) -> Tensor:
    """Every row the mean of its group's rows."""
    means_TD = values_TD.clone()
    for group in groups:
        means_TD[group] = values_TD[group].mean(0)
    return means_TD


def slow_layers(student: Bipartite, tokens_CD: Tensor, positions_CD: Tensor) -> list[Tensor]:
    """The tokens of one cloud after each block if nothing is ever merged, but all of a group are
    set to their mean: to attend to a token of size n is to attend to n equal ones.
    """
    encoder, num = student.encoder, student.encoder.num_class_tokens
    tokens, positions, _ = encoder.enter(tokens_CD[None], positions_CD[None])
    groups, layers = [[number] for number in range(tokens.shape[1])], []
    for number, block in enumerate(encoder.blocks):
        entered = tokens + positions
        normed = block.norm1(entered)
        tokens = block.skipped(entered, normed) + block.attn(normed)
        keys = block.attn.project(normed)[1].mean(1)[:, [group[0] for group in groups]]
        num_merged = student.schedule[number]
        if num_merged:
            place = student.places(keys, num_merged, number)[0].tolist()
            joined: list[list[int]] = [[] for _ in range(len(groups) - num_merged)]
            for group, where in zip(groups, place, strict=True):
                joined[where] += group
            groups = joined
        tokens = averaged(tokens[0], groups)[None]
        positions = averaged(positions[0], groups)[None]
        tokens = block.transformed(tokens)
        layers.append(tokens[0, num:])
    return layers


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", [tome, pitome])
def test_a_merged_token_is_as_good_as_all_it_was_made_of(method: Any, family: str) -> None:
    teacher = small(family, depth=4)
    student = method(teacher, 2, upsample="copy")
    given = embedding(teacher)
    positions = student.positions(given.centers_BC3)
    found = student.layers(given, (0, 1, 2, 3))
    tokens = student.tokens(given)
    for cloud in range(2):
        expected = slow_layers(student, given.tokens_BCD[cloud], positions[cloud])
        for layer, wanted in zip(found, expected, strict=True):
            torch.testing.assert_close(layer[cloud], wanted, rtol=1e-4, atol=1e-5)
        last = student.encoder.norm(expected[-1])
        torch.testing.assert_close(tokens[cloud], last, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", [tome, pitome])
@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_merged_is_the_teacher(method: Any, family: str) -> None:
    teacher = small(family)
    student, given = method(teacher, 8, upsample="copy"), teacher.embed(tiny_patches())
    encoded = teacher.encoder(given.tokens_BCD, teacher.positions(given.centers_BC3))
    assert torch.equal(student.tokens(tiny_patches()), encoded)
    # The encoder that students copy from a causal teacher attends everywhere.
    assert torch.equal(encoded, teacher.tokens(tiny_patches())) == (family != "point_gpt")


@pytest.mark.parametrize("method", [tome, pitome])
def test_enough_blocks_leave_one_token(method: Any) -> None:
    teacher = small("point_bert", depth=3)
    student = method(teacher, 1)
    made = student.compress(embedding(teacher))
    assert made.super_BSD.shape == (2, 1, 24)
    assert student.tokens(tiny_patches()).isfinite().all()


def test_compression_says_what_was_made_of_each_token() -> None:
    student, given = tome(tiny_teacher(), 3, upsample="copy"), embedding(tiny_teacher())
    made = student.compress(given)
    where = made.supertoken_BC()
    tokens, positions = student.tokens(given), student.positions(given.centers_BC3)
    for cloud in range(2):
        for place in range(3):
            members = where[cloud] == place
            assert (tokens[cloud][members] == made.super_BSD[cloud, place]).all()
            mean = positions[cloud][members].mean(0)
            torch.testing.assert_close(made.positions_BSD[cloud, place], mean)
    assert made.activity()["supertokens_in_use"].tolist() == [3, 3]


def test_upsampling_adds_the_tokens_and_their_positions() -> None:
    student, given = tome(tiny_teacher(), 4), embedding(tiny_teacher())
    made = student.compress(given)
    routed = made.assign_BCS @ made.super_BSD
    expected = routed + given.tokens_BCD + student.positions(given.centers_BC3)
    assert student.upsample is not None
    torch.testing.assert_close(student.tokens(given), student.upsample.mlp(expected))
    assert tome(tiny_teacher(), 4, upsample="copy").upsample is None


def test_the_tokens_that_entered_are_a_mean_over_the_blocks() -> None:
    """8 enter the first block, 5 the second, and a class token that does not count."""
    teacher = small("point_bert")
    student = tome(teacher, 3, merge=(3, 2))
    activity = student.compress(embedding(teacher)).activity()
    assert activity["encoder_tokens"].tolist() == [6.5, 6.5]


def test_gradients_pass_through_merged_tokens() -> None:
    student, given = tome(tiny_teacher(), 2), embedding(tiny_teacher())
    tokens = given.tokens_BCD.detach().requires_grad_()
    student.layers(Embedding(tokens, given.centers_BC3), (-1,))[0].square().sum().backward()
    assert tokens.grad is not None
    assert (tokens.grad.abs().sum(-1) > 0).all()


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 12])
def test_the_spread_schedule_can_be_carried_out(depth: int) -> None:
    for patches in (1, 2, 7, 8, 32, 33, 64, 128):
        for supertokens in range(1, patches + 1):
            if supertokens << depth < patches:
                with pytest.raises(ValueError, match=r"^supertokens: "):
                    spread(patches, supertokens, depth)
                continue
            schedule = spread(patches, supertokens, depth)
            settings = BipartiteSettings(name="any", supertokens=supertokens, merge=schedule)
            assert settings.schedule(patches, depth) == schedule


def test_the_schedule_is_even_where_halving_allows() -> None:
    assert spread(64, 16, 12) == (4,) * 12
    assert spread(8, 2, 4) == (1, 2, 1, 2)
    assert spread(32, 4, 4) == (7, 9, 8, 4)
    assert spread(32, 2, 4) == (16, 8, 4, 2)


def test_one_number_holds_for_all_blocks() -> None:
    settings = BipartiteSettings(name="any", supertokens=40, merge=2)
    assert settings.schedule(64, 12) == (2,) * 12


@pytest.mark.parametrize(
    ("supertokens", "merge", "message"),
    [
        (1, None, "supertokens: 1 is less than the 2 that 2 blocks leave of 8 tokens"),
        (9, None, "supertokens: 9 is more than the teacher's 8 tokens"),
        (2, (6, 0), "merge: block 1 cannot merge 6 of its 8 tokens away; at most half of them, 4"),
        (2, 3, "merge: block 2 cannot merge 3 of its 5 tokens away; at most half of them, 2"),
        (4, (1, 1), "merge: 6 of the teacher's 8 tokens are left at the end, and supertokens is 4"),
        (4, (2, 1, 1), "merge: 3 numbers for the teacher's 2 blocks"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(
    supertokens: int, merge: int | tuple[int, ...] | None, message: str
) -> None:
    settings = TomeSettings(supertokens=supertokens, merge=merge)
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        settings.check(8, 2)
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        Tome(tiny_teacher(), settings)


def test_no_block_leaves_no_token() -> None:
    settings = TomeSettings(supertokens=1, merge=(1, 1))
    with pytest.raises(ValueError, match="merge: block 2 cannot merge 1 of its 1 tokens away"):
        settings.check(2, 2)


def test_a_student_of_which_nothing_trains_cannot_be_distilled() -> None:
    nothing = TrainSettings.model_validate({"distill": {"trainable": []}})
    TomeSettings().check_training(nothing)
    TomeSettings(upsample="copy").check_training(TrainSettings())
    with pytest.raises(ValueError, match=r"^upsample: with 'copy' nothing trains"):
        TomeSettings(upsample="copy").check_training(nothing)
