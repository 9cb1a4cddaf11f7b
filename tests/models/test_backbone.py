import pytest
import torch

from foundry_bench.errors import FoundryError
from foundry_bench.models.backbone import Embedding
from foundry_bench.testing import tiny_patches, tiny_teacher


def trainable(parts: list[str]) -> set[str]:
    teacher = tiny_teacher()
    teacher.freeze_all_but(parts)
    named = teacher.named_parameters()
    return {name.split(".")[0] for name, parameter in named if parameter.requires_grad}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], set()),
        (["tokenizer"], {"tokenizer"}),
        (["encoder"], {"encoder", "positions"}),
        (["tokenizer", "encoder"], {"tokenizer", "encoder", "positions"}),
    ],
)
def test_only_the_named_parts_train(parts: list[str], expected: set[str]) -> None:
    assert trainable(parts) == expected


def test_what_was_frozen_can_train_again() -> None:
    teacher = tiny_teacher().train()
    teacher.freeze_all_but([])
    teacher.freeze_all_but(["tokenizer"])
    assert teacher.tokenizer.training
    assert not teacher.encoder.training
    assert all(parameter.requires_grad for parameter in teacher.tokenizer.parameters())


def test_frozen_parts_stay_in_eval_through_train() -> None:
    teacher = tiny_teacher()
    teacher.freeze_all_but(["encoder"])
    teacher.train()
    assert teacher.encoder.training
    assert not teacher.tokenizer.lift_norm.training
    before = teacher.tokenizer.lift_norm.running_mean.clone()
    teacher.tokens(tiny_patches())
    assert torch.equal(teacher.tokenizer.lift_norm.running_mean, before)


def test_a_trained_tokenizer_does_learn_statistics() -> None:
    teacher = tiny_teacher()
    teacher.freeze_all_but(["tokenizer"])
    before = teacher.train().tokenizer.lift_norm.running_mean.clone()
    teacher.tokens(tiny_patches())
    assert not torch.equal(teacher.tokenizer.lift_norm.running_mean, before)


def test_freezing_in_eval_mode_leaves_it_so() -> None:
    teacher = tiny_teacher()
    teacher.freeze_all_but(["encoder"])
    assert not any(module.training for module in teacher.modules())


def test_an_embedding_is_used_as_it_is() -> None:
    embedding = Embedding(torch.zeros(1, 8, 24), torch.zeros(1, 8, 3))
    assert tiny_teacher().embedding(embedding) is embedding


def test_frozen_parts_may_follow_the_mode_of_the_rest() -> None:
    teacher = tiny_teacher().train()
    teacher.freeze_all_but([], frozen_mode="train")
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    before = teacher.tokenizer.lift_norm.running_mean.clone()
    teacher.tokens(tiny_patches())
    assert not torch.equal(teacher.tokenizer.lift_norm.running_mean, before)
    teacher.freeze(frozen_mode="train")
    assert teacher.train().encoder.training
    teacher.freeze()
    assert not teacher.train().encoder.training


def test_drop_path_is_refused_where_no_path_can_drop() -> None:
    teacher = tiny_teacher()
    teacher.encoder = torch.nn.Identity()  # type: ignore[assignment]
    teacher.set_drop_path(0.0)
    with pytest.raises(FoundryError, match="no encoder whose paths drop"):
        teacher.set_drop_path(0.1)
