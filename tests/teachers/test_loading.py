"""Published files fill a teacher as a whole, or say what is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from foundry_bench.errors import FoundryError
from foundry_bench.geometry.patches import PatchSpec
from foundry_bench.teachers.layouts import family_of
from foundry_bench.teachers.loading import Coverage, load_teacher
from foundry_bench.teachers.notes import notes_from, notes_of
from foundry_bench.teachers.teacher import Teacher, TeacherArchitecture, ViTTeacher
from foundry_bench.testing import tiny_patches
from tests.teachers.families import FAMILIES, small
from tests.teachers.recordings import published, recorded_teacher

IGNORED = {
    "point_jepa": {"mask_token": 1, "predictor": 25, "teacher": 54},
    "point2vec": {"decoder": 14, "mask_token": 1, "regressor": 2, "teacher": 54},
    "point_mae": {"MAE_decoder": 13, "decoder_pos_embed": 4, "increase_dim": 2, "mask_token": 1},
    "pcp_mae": {
        "MAE_decoder": 13,
        "MAE_encoder": 1,
        "increase_dim": 2,
        "mask_token": 1,
        "pred_pos_proj": 6,
    },
    "point_bert": {"transformer_k": 57, "transformer_q": 7},
    "point_gpt": {"GPT_Transformer": 21},
    "recon": {
        "MAE_decoder": 13,
        "MAE_encoder": 30,
        "decoder_pos_embed": 4,
        "increase_dim": 2,
        "mask_token": 1,
    },
}


def load(
    teacher: ViTTeacher, folder: Path, content: object, pretrained: PatchSpec | None = None
) -> Coverage:
    torch.save(content, folder / "published.pt")
    return load_teacher(teacher, teacher.settings, folder / "published.pt", pretrained)


def refusal(teacher: ViTTeacher, folder: Path, content: object) -> str:
    """The message; and nothing of the teacher has changed."""
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    with pytest.raises(FoundryError) as caught:
        load(teacher, folder, content)
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    return str(caught.value)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_not_the_encoder_is_counted(tmp_path: Path, family: str) -> None:
    teacher = recorded_teacher(family)
    coverage = load(teacher, tmp_path, published(family))
    assert coverage.num_filled == len(teacher.state_dict())
    assert coverage.ignored == IGNORED[family]
    used = len(published(family)) - sum(coverage.ignored.values())
    assert used == coverage.num_filled


WRAPPINGS: dict[str, Callable[[dict[str, Tensor]], object]] = {
    "bare": lambda state: state,
    "lightning": lambda state: {"state_dict": state, "epoch": 3},
    "base_model": lambda state: {
        "base_model": state,
        "optimizer": {},
        "best_metrics": {"acc": 1.0},
    },
    "data parallel": lambda state: {
        "base_model": {f"module.{name}": value for name, value in state.items()}
    },
    "wrapped twice": lambda state: {
        "model": {f"module.model.{name}": value for name, value in state.items()}
    },
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("family", ["point_bert", "point2vec"])
def test_wrappers_make_no_difference(tmp_path: Path, family: str, wrapping: str) -> None:
    first, second = recorded_teacher(family), recorded_teacher(family, seed=1)
    load(first, tmp_path, published(family))
    load(second, tmp_path, WRAPPINGS[wrapping](published(family)))
    assert torch.equal(first.tokens(tiny_patches()), second.tokens(tiny_patches()))


class Outside(nn.Module):
    """A teacher from outside, as far as loading goes, with parts called as wrappers are."""

    layout = None

    def __init__(self) -> None:
        super().__init__()
        self.model, self.module = nn.Linear(2, 2), nn.Linear(2, 2)


def test_parts_that_are_called_as_wrappers_are_stay_apart(tmp_path: Path) -> None:
    first, second = Outside(), Outside()
    save_file(first.state_dict(), tmp_path / "own.safetensors")
    load_teacher(
        cast(Teacher, second),
        TeacherArchitecture(
            name="outside", points=8, patches=2, patch_size=4, width=2, depth=1, heads=1
        ),
        tmp_path / "own.safetensors",
    )
    assert torch.equal(first.model.weight, second.model.weight)
    assert torch.equal(first.module.weight, second.module.weight)


def test_a_file_that_fits_as_it_is_is_not_unwrapped(tmp_path: Path) -> None:
    state, teacher = published("point_mae"), recorded_teacher("point_mae")
    wrapped = {f"module.{name}": torch.zeros_like(value) for name, value in state.items()}
    coverage = load(teacher, tmp_path, state | wrapped)
    assert coverage.ignored["module"] == len(state)
    assert torch.equal(teacher.encoder.norm.weight, state["MAE_encoder.norm.weight"])


def test_two_names_that_differ_by_wrappers_are_refused(tmp_path: Path) -> None:
    state = {f"module.{name}": value for name, value in published("point_mae").items()}
    state["model.MAE_encoder.norm.bias"] = state["module.MAE_encoder.norm.bias"] + 1
    message = refusal(recorded_teacher("point_mae"), tmp_path, state)
    assert "module.MAE_encoder.norm.bias and model.MAE_encoder.norm.bias would be one" in message


def test_converted_files_load_as_their_originals_do(tmp_path: Path) -> None:
    first, second = recorded_teacher("recon"), recorded_teacher("recon", seed=1)
    load(first, tmp_path, published("recon"))
    save_file(published("recon"), tmp_path / "published.safetensors")
    load_teacher(second, second.settings, tmp_path / "published.safetensors")
    assert torch.equal(first.tokens(tiny_patches()), second.tokens(tiny_patches()))


@pytest.mark.parametrize("shape", [(24,), (1, 24), (1, 1, 24)])
def test_a_class_token_may_be_squeezed(tmp_path: Path, shape: tuple[int, ...]) -> None:
    state, teacher = published("point_bert"), recorded_teacher("point_bert")
    token = state["transformer_q.cls_token"]
    load(teacher, tmp_path, state | {"transformer_q.cls_token": token.reshape(shape)})
    assert torch.equal(teacher.encoder.class_tokens, token[0])


def test_a_fine_tuned_point_bert_loads_too(tmp_path: Path) -> None:
    state = {
        name.removeprefix("transformer_q."): value
        for name, value in published("point_bert").items()
        if name.startswith("transformer_q.")
    }
    coverage = load(recorded_teacher("point_bert"), tmp_path, {"base_model": state})
    assert set(coverage.ignored) == {"mask_token", "lm_head", "cls_head"}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_of_another_family_is_called_by_its_name(tmp_path: Path, family: str) -> None:
    assert family_of(published(family)) == family
    for other in FAMILIES:
        if other != family:
            message = refusal(recorded_teacher(other), tmp_path, published(family))
            assert message.endswith(f"by the names in it, it is of {family}")


def test_a_fine_tuned_classifier_whose_class_token_is_new_is_no_teacher(tmp_path: Path) -> None:
    state = {
        name.removeprefix("MAE_encoder."): value for name, value in published("point_mae").items()
    }
    message = refusal(recorded_teacher("point_mae"), tmp_path, state)
    assert message.endswith("it is of a fine-tuned Point-MAE or PCP-MAE classifier")


def test_missing_tensors_are_named_with_what_comes_nearest(tmp_path: Path) -> None:
    state = published("point_mae")
    for part in ("norm1", "attn.qkv", "attn.proj", "norm2"):
        state[f"MAE_encoder.blocks.blocks.1.{part}.wight"] = state.pop(
            f"MAE_encoder.blocks.blocks.1.{part}.weight"
        )
    del state["MAE_encoder.norm.bias"], state["MAE_encoder.norm.weight"]
    message = refusal(recorded_teacher("point_mae"), tmp_path, state)
    assert message.count("missing encoder.") == 5
    assert (
        "missing encoder.blocks.1.norm1.weight "
        "(nearest in the file: MAE_encoder.blocks.blocks.1.norm1.wight)"
    ) in message
    assert "10 faults" in message


def test_one_missing_parameter_is_enough_to_refuse(tmp_path: Path) -> None:
    state = published("point_jepa")
    del state["student.blocks.0.mlp.fc2.bias"]
    message = refusal(recorded_teacher("point_jepa"), tmp_path, state)
    assert "(1 faults, the first: missing encoder.blocks.0.mlp.2.bias" in message


def test_what_would_be_two_tensors_for_one_is_refused(tmp_path: Path) -> None:
    state = published("point2vec")
    state["encoder.norm.bias"] = state["student.norm.bias"]
    assert "two tensors for encoder.norm.bias" in refusal(
        recorded_teacher("point2vec"), tmp_path, state
    )


@pytest.mark.parametrize(
    ("family", "changes", "expected"),
    [
        ("point_mae", {"width": 48}, "width: 24 in the file, 48 in the preset"),
        ("point_mae", {"depth": 3}, "depth: 2 in the file, 3 in the preset"),
        ("recon", {"tokenizer": (16, 32, 80)}, "tokenizer[2]: 64 in the file, 80 in the preset"),
        ("recon", {"position_hidden": 64}, "position_hidden: 128 in the file, 64 in the preset"),
        ("point_bert", {"tokenizer_width": 22}, "tokenizer_width: 20 in the file, 22 in the pre"),
        ("point_mae", {"patch_size": 5}, "patch_size: 4 in the file, 5 in the preset"),
        ("pcp_mae", {"patch_size": 5}, "patch_size: 4 in the file, 5 in the preset"),
    ],
)
def test_sizes_that_disagree_are_both_named(
    tmp_path: Path, family: str, changes: dict[str, object], expected: str
) -> None:
    assert expected in refusal(recorded_teacher(family, **changes), tmp_path, published(family))


LIGHTNING = {
    "transformation_subsample_points": 32,
    "tokenizer_num_groups": 8,
    "tokenizer_group_size": 4,
    "encoder_heads": 3,
}


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("transformation_subsample_points", "points: 33 in the file, 32 in the preset"),
        ("tokenizer_num_groups", "patches: 9 in the file, 8 in the preset"),
        ("tokenizer_group_size", "patch_size: 5 in the file, 4 in the preset"),
        ("encoder_heads", "heads: 4 in the file, 3 in the preset"),
    ],
)
def test_hyper_parameters_beside_the_tensors_are_compared(
    tmp_path: Path, setting: str, expected: str
) -> None:
    content = {"state_dict": published("point_jepa"), "hyper_parameters": LIGHTNING}
    load(recorded_teacher("point_jepa"), tmp_path, content)
    content["hyper_parameters"] = LIGHTNING | {setting: LIGHTNING[setting] + 1}
    assert expected in refusal(recorded_teacher("point_jepa"), tmp_path, content)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokenizer_group_radius", 0.15),
        ("encoder_add_pos_at_every_layer", False),
        ("encoder_dim", 7),
        ("cls_head_pooling", "mean+max+cls_token"),
        ("tokenizer_num_groups", "8"),
        ("val_transformations", ["center", "height_norm"]),
        ("never_heard_of", 1),
        ("teacher", "ema"),
    ],
)
def test_hyper_parameters_that_change_the_encoder_or_are_unknown_are_refused(
    tmp_path: Path, name: str, value: object
) -> None:
    content = {
        "state_dict": published("point_jepa"),
        "hyper_parameters": LIGHTNING | {name: value},
    }
    message = refusal(recorded_teacher("point_jepa"), tmp_path, content)
    assert ("width" if name == "encoder_dim" else name) in message


def test_hyper_parameters_of_no_consequence_are_no_hindrance(tmp_path: Path) -> None:
    aside = {
        "tokenizer_group_radius": None,
        "encoder_add_pos_at_every_layer": True,
        "encoder_drop_path_rate": 0.25,
        "predictor_embed_dim": 192,
        "predictor_add_pos_at_every_layer": False,
        "token_seq_method": "iterative_nearest_min_start",
        "num_targets_per_sample": 4,
        "target_sample_ratio": (0.15, 0.2),
        "context_sample_method": "contiguous",
        "ema_tau_max": 0.99,
        "loss_beta": 2,
        "d2v_masking_ratio": 0.65,
        "optimizer_adamw_weight_decay": 0.05,
        "lr_scheduler_cosine_eta_min": 1e-6,
        "train_transformations": ["subsample", "scale"],
        "val_transformations": ["subsample", "center", "unit_sphere"],
        "transformation_rotate_degs": None,
        "transformation_height_normalize_dim": 1,
        "svm_validation": {},
        "svm_validation_C": 0.012,
        "fix_estimated_stepping_batches": None,
        "pretrained_ckpt_path": None,
    }
    content = {"state_dict": published("point_jepa"), "hyper_parameters": LIGHTNING | aside}
    load(recorded_teacher("point_jepa"), tmp_path, content)


def test_missing_weights_list_the_keys_of_the_file(tmp_path: Path) -> None:
    content = {"state_dict": {"alpha.weight": torch.ones(2), "beta.bias": torch.ones(2)}}
    message = refusal(recorded_teacher("point_jepa"), tmp_path, content)
    assert "alpha.weight, beta.bias" in message


NOTED = {"points": 33, "patches": 9, "patch_size": 5, "heads": 4}
"""Another number for each setting."""


@pytest.mark.parametrize("setting", NOTED)
def test_metadata_of_ours_are_compared(tmp_path: Path, setting: str) -> None:
    teacher, path = small("recon"), tmp_path / "own.safetensors"
    save_file(teacher.state_dict(), path, notes_of(teacher.settings))
    load_teacher(teacher, teacher.settings, path)
    other = teacher.settings.model_copy(update={setting: NOTED[setting]})
    save_file(teacher.state_dict(), path, notes_of(other))
    given = getattr(teacher.settings, setting)
    expected = f"{setting}: {NOTED[setting]} in the file, {given} in the preset"
    with pytest.raises(FoundryError, match=expected):
        load_teacher(teacher, teacher.settings, path)


def test_metadata_of_others_are_not_compared(tmp_path: Path) -> None:
    teacher, path = small("recon"), tmp_path / "own.safetensors"
    save_file(teacher.state_dict(), path, {"format": "pt", "teacher": "ema", "points": "7"})
    load_teacher(teacher, teacher.settings, path)


@pytest.mark.parametrize("text", ["", "[7]", "{points: 7}"])
def test_metadata_that_cannot_be_read_are_shown(tmp_path: Path, text: str) -> None:
    teacher, path = small("recon"), tmp_path / "own.safetensors"
    save_file(teacher.state_dict(), path, {"foundry_bench": text})
    with pytest.raises(FoundryError, match="expected a JSON object with any of teacher, points"):
        load_teacher(teacher, teacher.settings, path)


def test_hyper_parameters_are_compared_after_conversion_too(tmp_path: Path) -> None:
    path = tmp_path / "published.safetensors"
    save_file(published("point_jepa"), path, notes_from(LIGHTNING | {"encoder_heads": 6}))
    teacher = recorded_teacher("point_jepa")
    with pytest.raises(FoundryError, match="heads: 6 in the file, 3 in the preset"):
        load_teacher(teacher, teacher.settings, path)


def test_another_geometry_than_that_of_pre_training_must_be_said(tmp_path: Path) -> None:
    content = {"state_dict": published("point2vec"), "hyper_parameters": LIGHTNING}
    teacher = recorded_teacher("point2vec", points=64, patches=16)
    message = refusal(teacher, tmp_path, content)
    assert "points: 32 in the file, 64 in the preset; patches: 8 in the file, 16" in message
    assert "pretrained: {" in message
    load(teacher, tmp_path, content, PatchSpec(points=32, patches=8, patch_size=4))


def test_statistics_that_are_not_numbers_start_anew(tmp_path: Path) -> None:
    state = published("point2vec")
    names = [f"tokenizer.embedding.first_conv.1.running_{part}" for part in ("mean", "var")]
    for name in names:
        state[name] = state[name] * torch.nan
    teacher = recorded_teacher("point2vec")
    assert load(teacher, tmp_path, state).reset == tuple(names)
    assert torch.equal(teacher.tokenizer.lift_norm.running_mean, torch.zeros(16))
    assert torch.equal(teacher.tokenizer.lift_norm.running_var, torch.ones(16))


def test_statistics_start_anew_in_a_file_of_the_encoder_alone(tmp_path: Path) -> None:
    state = {
        name: value
        for name, value in published("point2vec").items()
        if name.startswith(("student.", "tokenizer.", "positional_encoding."))
    }
    name = "tokenizer.embedding.first_conv.1.running_var"
    state[name] = state[name] * torch.nan
    coverage = load(recorded_teacher("point2vec"), tmp_path, state)
    assert coverage.ignored == {}
    assert coverage.reset == (name,)


@pytest.mark.parametrize("dtype", [torch.int32, torch.complex64, torch.bool])
def test_tensors_of_another_kind_are_refused(tmp_path: Path, dtype: torch.dtype) -> None:
    state = published("point_mae")
    state["MAE_encoder.norm.bias"] = state["MAE_encoder.norm.bias"].to(dtype)
    message = refusal(recorded_teacher("point_mae"), tmp_path, state)
    if dtype.is_complex:
        assert "MAE_encoder.norm.bias (complex)" in message
    else:
        assert f"MAE_encoder.norm.bias is of {dtype}, expected torch.float32" in message


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float8_e4m3fn])
def test_floats_of_another_size_load(tmp_path: Path, dtype: torch.dtype) -> None:
    state, teacher = published("point_mae"), recorded_teacher("point_mae")
    state["MAE_encoder.norm.bias"] = torch.full((24,), 0.5, dtype=dtype)
    load(teacher, tmp_path, state)
    assert torch.equal(teacher.encoder.norm.bias, torch.full((24,), 0.5))


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    state = published("point_mae")
    state["MAE_encoder.norm.bias"] = state["MAE_encoder.norm.bias"] * torch.nan
    assert "MAE_encoder.norm.bias is not finite" in refusal(
        recorded_teacher("point_mae"), tmp_path, state
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_files_of_ours_load_for_each_family(tmp_path: Path, family: str) -> None:
    first, second = small(family), small(family, seed=1)
    save_file(first.state_dict(), tmp_path / "own.safetensors")
    coverage = load_teacher(second, second.settings, tmp_path / "own.safetensors")
    assert coverage == Coverage(len(first.state_dict()))
    assert torch.equal(first.tokens(tiny_patches()), second.tokens(tiny_patches()))


def test_a_file_of_ours_says_of_which_teacher_it_is(tmp_path: Path) -> None:
    """Names would not tell: Point-MAE and ReCon have the same here."""
    path = tmp_path / "own.safetensors"
    save_file(small("recon").state_dict(), path, metadata={"foundry_bench": '{"teacher": "recon"}'})
    load_teacher(small("recon"), small("recon").settings, path)
    with pytest.raises(FoundryError, match="does not fit PointMae: it is of recon"):
        load_teacher(small("point_mae"), small("point_mae").settings, path)


def test_a_file_of_ours_has_no_excuse_for_statistics_that_are_not_numbers(tmp_path: Path) -> None:
    state = small("point_mae").state_dict()
    state["tokenizer.lift_norm.running_var"] *= torch.nan
    assert "tokenizer.lift_norm.running_var is not finite" in refusal(
        small("point_mae", seed=1), tmp_path, state
    )
