"""The three figures of the paper, 478, 137 and 178 G, come out under one reading of it."""

import pytest

from tests.cost.closed_form import (
    encoder_macs,
    position_macs,
    tokenizer_macs,
    upsample_macs,
)

CLOUDS, TOKENS, PATCH_SIZE, WIDTH, DEPTH = 128, 128, 16, 384, 12
FLOOR = tokenizer_macs(TOKENS, PATCH_SIZE, (128, 256, 512), WIDTH) + position_macs(TOKENS, WIDTH)


def student_macs(supertokens: int) -> int:
    """A batch of 128 clouds of 128 tokens with 16 points a patch, in MACs (not FLOPs), without the
    products of attention, and with 2 D² a token for the upsampling MLP and nothing for the rest of
    compression and upsampling.
    """
    encoder = encoder_macs(supertokens, WIDTH, DEPTH, with_attention=False)
    return CLOUDS * (FLOOR + encoder + upsample_macs(TOKENS, WIDTH))


def test_the_teacher_has_478_giga_macs() -> None:
    encoder = encoder_macs(TOKENS, WIDTH, DEPTH, with_attention=False)
    assert CLOUDS * (FLOOR + encoder) == pytest.approx(477.65e9, rel=1e-5)


@pytest.mark.parametrize(("supertokens", "published"), [(1, 137.31e9), (16, 178.08e9)])
def test_the_students_have_137_and_178_giga_macs(supertokens: int, published: float) -> None:
    assert student_macs(supertokens) == pytest.approx(published, rel=5e-5)


def test_the_tokenizer_is_most_of_a_student() -> None:
    """The floor of every student that keeps the teacher's tokenizer."""
    assert CLOUDS * FLOOR / student_macs(1) > 0.94
