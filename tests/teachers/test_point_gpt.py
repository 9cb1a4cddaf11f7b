import math
from pathlib import Path

import pytest
import torch

from foundry_bench.errors import FoundryError
from foundry_bench.geometry.chain import greedy_chain
from foundry_bench.geometry.patches import Patches
from foundry_bench.seeds import generator
from foundry_bench.teachers.loading import load_teacher
from foundry_bench.teachers.point_gpt import PointGpt, TurnPositions, causal_mask
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import TeacherContract, tiny_patches
from foundry_bench.testing.backbone import assert_close
from foundry_bench.testing.tiny import TINY
from tests.teachers.families import small
from tests.teachers.recordings import published, recorded, recorded_teacher


class TestPointGpt(TeacherContract):
    def teacher(self) -> Teacher:
        return PointGpt(TINY)

    def test_tokens_follow_the_order_of_patches(self) -> None:
        """As long as the first patch, where the sequence begins, stays the first."""
        teacher, patches = self.drawn(0).eval(), self.patches()
        order = torch.randperm(TINY.patches - 1, generator=generator(0, "order")) + 1
        order = torch.cat([torch.zeros(1, dtype=torch.long), order])
        mixed = Patches(patches.neighbors_BCK3[:, order], patches.centers_BC3[:, order])
        assert_close(teacher.tokens(mixed), teacher.tokens(patches)[:, order])

    def test_students_find_the_parts_that_they_copy(self) -> None:
        """The encoder alone attends everywhere; with the mask, it makes the teacher's tokens."""
        teacher, patches = self.drawn(0).eval(), self.patches()
        parts = teacher.tokenizer(patches.neighbors_BCK3), teacher.positions(patches.centers_BC3)
        mask_BCC = causal_mask(patches.centers_BC3)
        assert torch.equal(teacher.encoder(*parts, mask_BCC), teacher.tokens(patches))
        assert not torch.allclose(teacher.encoder(*parts), teacher.tokens(patches))


def test_the_chain_is_that_of_the_official_code() -> None:
    arrays = recorded("point_gpt")
    centers_BC3, first_B = arrays["centers"], torch.zeros(2, dtype=torch.long)
    assert torch.equal(greedy_chain(centers_BC3, first_B), arrays["order"])


def test_no_token_depends_on_a_patch_behind_it_in_the_chain() -> None:
    teacher, patches = small("point_gpt"), tiny_patches(1)
    (chain,) = greedy_chain(patches.centers_BC3, torch.zeros(1, dtype=torch.long)).tolist()
    before_CD = teacher.tokens(patches)[0]
    neighbors_BCK3 = patches.neighbors_BCK3.clone()
    neighbors_BCK3[0, chain[4]] *= 3
    after_CD = teacher.tokens(Patches(neighbors_BCK3, patches.centers_BC3))[0]
    moved = (after_CD - before_CD).abs().amax(1) > 1e-6
    assert [bool(moved[patch]) for patch in chain] == [False] * 4 + [True] * 4


def test_positions_are_one_sine_and_one_cosine_of_each_coordinate() -> None:
    found = TurnPositions(14)(torch.tensor([[[0.5, 0.25, -0.1]]]))[0, 0]
    angle = -0.2 * math.pi
    third = [math.sin(angle), math.cos(angle)]
    expected = torch.tensor([0.0, -1.0] * 2 + [1.0, 0.0] * 2 + third * 2 + [0.0] * 2)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def refusal(folder: Path, state: dict[str, torch.Tensor]) -> str:
    torch.save({"base_model": state}, folder / "published.pt")
    teacher = recorded_teacher("point_gpt")
    with pytest.raises(FoundryError) as caught:
        load_teacher(teacher, teacher.settings, folder / "published.pt")
    return str(caught.value)


def test_a_tensor_of_no_known_part_is_refused(tmp_path: Path) -> None:
    state = published("point_gpt") | {"GPT_Transformer.blocks.extra": torch.zeros(24)}
    assert "unexpected GPT_Transformer.blocks.extra" in refusal(tmp_path, state)


def test_a_fine_tuned_classifier_is_refused_by_name(tmp_path: Path) -> None:
    state = {
        name.removeprefix("GPT_Transformer."): value
        for name, value in published("point_gpt").items()
    }
    state["cls_token"] = torch.zeros(1, 1, 24)
    message = refusal(tmp_path, state)
    assert message.endswith("it is of a fine-tuned PointGPT classifier")
