import torch

from foundry_bench.models.backbone import Embedding
from foundry_bench.seeds import seeded
from foundry_bench.students.foundry_gate import FoundryGate, FoundryGateSettings
from foundry_bench.students.light import LightSettings, LightTokenizer
from foundry_bench.students.light_tokenizer import LightTokenizerSettings, LightTokenizerStudent
from foundry_bench.students.student import Lesson, Student
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import StudentContract, tiny_patches, tiny_teacher

LIGHT = LightSettings(points=3, widths=(6, 12), match=0.5)
WHOLE = LightSettings(points=4, widths=(6, 12))
"""Looks at all points of the contract's patches: with fewer, their order matters on purpose."""


class TestLightTokenizerStudent(StudentContract):
    def student(self, teacher: Teacher, supertokens: int) -> Student:
        settings = LightTokenizerSettings(supertokens=supertokens, tokenizer=WHOLE)
        return LightTokenizerStudent(teacher, settings)


class TestGateWithLightTokenizer(StudentContract):
    def student(self, teacher: Teacher, supertokens: int) -> Student:
        settings = FoundryGateSettings(
            supertokens=supertokens, tokenizer=WHOLE, budget=supertokens + 2
        )
        return FoundryGate(teacher, settings)


def student() -> LightTokenizerStudent:
    with seeded(0):
        settings = LightTokenizerSettings(supertokens=3, tokenizer=LIGHT)
        return LightTokenizerStudent(tiny_teacher(), settings)


def test_only_the_nearest_points_are_looked_at() -> None:
    tokenizer, patches = LightTokenizer(LIGHT, 24).eval(), tiny_patches()
    moved_BCK3 = patches.neighbors_BCK3.clone()
    moved_BCK3[:, :, 3:] += 1
    assert torch.equal(tokenizer(moved_BCK3), tokenizer(patches.neighbors_BCK3))
    moved_BCK3[:, :, 2] += 1
    assert not torch.equal(tokenizer(moved_BCK3), tokenizer(patches.neighbors_BCK3))


def test_it_learns_the_teachers_embedding_too() -> None:
    made, given = student().eval(), tiny_patches()
    wanted = tiny_teacher().embed(given).tokens_BCD
    reconstruction = made.reconstruct(given)
    found = made.penalty(reconstruction, Lesson(lambda: wanted[..., 0], wanted))
    distance = (reconstruction.embedding.tokens_BCD - wanted).square().mean()
    torch.testing.assert_close(found, 0.5 * distance / wanted.var())


def test_without_a_weight_or_an_embedding_there_is_nothing_to_match() -> None:
    made, given = student().eval(), tiny_patches()
    reconstruction = made.reconstruct(given)
    assert made.penalty(reconstruction, Lesson(lambda: torch.zeros(3, 8))) is None


def test_settings_say_that_the_tokens_are_its_own() -> None:
    assert LightTokenizerSettings().own_tokenizer
    assert not FoundryGateSettings().own_tokenizer
    assert FoundryGateSettings(tokenizer=LIGHT).own_tokenizer


def test_it_learns_faster_until_it_is_settled() -> None:
    made = student()
    rates = {parameter.lr_scale for parameter in made.tokenizer.parameters()}
    made.settle(tiny_teacher())
    assert rates == {5.0}
    assert {parameter.lr_scale for parameter in made.tokenizer.parameters()} == {1.0}


def test_everything_but_the_tokenizer_starts_as_the_teachers() -> None:
    made, teacher = student().eval(), tiny_teacher()
    for part in ("encoder", "positions"):
        own, theirs = (getattr(each, part).state_dict() for each in (made, teacher))
        assert all(torch.equal(own[name], theirs[name]) for name in theirs)
    tokens = made.embed(tiny_patches()).tokens_BCD
    assert isinstance(made.embed(tiny_patches()), Embedding)
    assert tokens.shape == (3, 8, 24)
