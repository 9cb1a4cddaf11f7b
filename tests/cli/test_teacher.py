"""`foundry-bench teacher`: pretrain, check, convert, as a user calls them."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from foundry_bench.cli.teacher import app
from foundry_bench.config.settings import TeacherSettings
from foundry_bench.errors import FoundryError
from foundry_bench.record import Record, read_json
from foundry_bench.teachers.checkpoint import read_checkpoint
from foundry_bench.teachers.layouts import SHARED
from foundry_bench.teachers.loading import load_weights
from foundry_bench.teachers.preset import teacher_source
from foundry_bench.testing import tiny_archive

RECIPE = """
teacher: {name: point_jepa, preset: PRESET, weights: random}
data: {name: shapes, train: 160, unlabelled: 40, test: 80, points: 64}
objective: {name: OBJECTIVE}
optimizer: {epochs: 2, batch: 32}
probe_every: 1
"""
PRESET = """
version: 1
architecture:
  {name: point_jepa, points: 64, patches: 8, patch_size: 4, width: 24, depth: 2, heads: 2,
   tokenizer: [8, 16, 16]}
"""


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("objective", ["jepa", "mae"])
def test_pretrain_leaves_weights_that_fit_and_a_record(tmp_path: Path, objective: str) -> None:
    preset = tmp_path / "mini.yaml"
    preset.write_text(PRESET)
    more = (
        "mae, decoder_heads: 2"
        if objective == "mae"
        else "jepa, predictor_heads: 2, predictor_width: 16"
    )
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.replace("PRESET", str(preset)).replace("OBJECTIVE", more))
    output = run("pretrain", str(recipe), "--out", str(tmp_path / "out"), "--threads", "1")
    weights = Path(output.split("weights: ")[1].splitlines()[0])
    record = read_json(weights.with_name("record.json"), Record)
    assert record.stage == "pretrain"
    assert record.metrics["clouds_seen"] == 400
    assert [line["epoch"] for line in record.history] == [1, 2]
    teacher = teacher_source(TeacherSettings(preset=str(preset), weights="random")).build()
    before = teacher.encoder.norm.weight.clone()
    load_weights(teacher, weights)
    assert not torch.equal(before, teacher.encoder.norm.weight)
    assert json.loads(read_checkpoint(weights).metadata["foundry_bench"]) == {
        "teacher": "point_jepa",
        "points": 64,
        "patches": 8,
        "patch_size": 4,
        "heads": 2,
    }


def test_pretrain_takes_any_registered_dataset_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    preset = tmp_path / "mini.yaml"
    text = PRESET.replace("point_jepa", "point_bert").replace("points: 64", "points: 32")
    preset.write_text(text)
    recipe = tmp_path / "recipe.yaml"
    lines = RECIPE.replace("point_jepa", "point_bert").replace("PRESET", str(preset)).splitlines()
    lines[2] = f"data: {{name: archive, path: {tiny_archive(tmp_path)}}}"
    text = "\n".join(lines).replace("OBJECTIVE", "mae, decoder_heads: 2").replace("32}", "8}")
    recipe.write_text(text)
    words = ["pretrain", str(recipe), "--out", str(tmp_path / "out"), "--threads", "1"]
    first, second = run(*words), run(*words)
    assert "pretrain  2/2" in first
    assert "pretrain  2/2" not in second
    assert first.splitlines()[-3:] == second.splitlines()[-3:]


def test_pretrain_that_diverges_is_one_message(tmp_path: Path) -> None:
    preset = tmp_path / "mini.yaml"
    preset.write_text(PRESET)
    recipe = tmp_path / "recipe.yaml"
    text = RECIPE.replace("PRESET", str(preset)).replace("OBJECTIVE", "mae, decoder_heads: 2")
    recipe.write_text(text.replace("batch: 32", "batch: 32, lr: 1.0e30"))
    words = ["pretrain", str(recipe), "--out", str(tmp_path / "out"), "--threads", "1"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert result.stderr.startswith("foundry-bench: pretrain diverged")


def test_pretrain_on_an_unknown_device_says_which_there_are(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.replace("PRESET", "tiny").replace("OBJECTIVE", "jepa"))
    with pytest.raises(FoundryError, match="--device: given 'gpu', expected auto or cpu"):
        run("pretrain", str(recipe), "--out", str(tmp_path / "out"), "--device", "gpu")


def test_check_prints_geometry_and_the_same_checksum_twice(tmp_path: Path) -> None:
    first, second = (run("check", "point_jepa") for _ in range(2))
    assert "32 patches of 16, from 512 points" in first
    assert "features" in first
    assert first == second


def test_check_refuses_weights_of_another_size(tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    torch.save({"encoder.norm.weight": torch.ones(384)}, other)
    with pytest.raises(FoundryError, match="width: 384 in the file, 96 in the preset"):
        run("check", "point_jepa", str(other), "--preset", "tiny")


def published(folder: Path, **changes: object) -> Path:
    """A file of Point-MAE's pre-training at its published size, with little in its tensors."""
    teacher = teacher_source(
        TeacherSettings(name="point_mae", preset="small", weights="random")
    ).build()
    theirs = {
        "tokenizer.": "module.MAE_encoder.encoder.",
        "positions.": "module.MAE_encoder.pos_embed.",
        "encoder.blocks.": "module.MAE_encoder.blocks.blocks.",
        "encoder.norm.": "module.MAE_encoder.norm.",
    }
    inner = {ours: name for name, ours in SHARED.items()}
    state = {"module.mask_token": torch.zeros(1, 1, 384)}
    for name, value in teacher.state_dict().items():
        for ours, their in (theirs | inner).items():
            name = name.replace(ours, their)
        state[name] = value
    torch.save({"base_model": state, "epoch": 300, **changes}, folder / "pretrain.pth")
    return folder / "pretrain.pth"


def test_check_says_what_of_a_published_file_was_used(tmp_path: Path) -> None:
    output = run("check", "point_mae", str(published(tmp_path)))
    assert "coverage    100 % of 156 tensors" in output
    assert "ignored     mask_token 1\n" in output
    assert "64 patches of 32, from 1024 points" in output
    assert "width       384" in output


def test_check_says_of_each_preset_why_a_file_does_not_fit(tmp_path: Path) -> None:
    torch.save({"encoder.norm.weight": torch.ones(48)}, tmp_path / "other.pt")
    with pytest.raises(FoundryError) as caught:
        run("check", "point_jepa", str(tmp_path / "other.pt"))
    assert "with preset small: " in str(caught.value)
    assert "width: 48 in the file, 384 in the preset" in str(caught.value)
    assert "width: 48 in the file, 96 in the preset" in str(caught.value)


def test_check_of_a_file_of_another_family_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FoundryError) as caught:
        run("check", "point_jepa", str(published(tmp_path)))
    assert str(caught.value).endswith("by the names in it, it is of point_mae")
    assert "\n" not in str(caught.value)


class Planted:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.witness,)


def test_a_file_with_code_has_to_be_converted_with_trust_first(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    path = published(tmp_path, metrics=Planted(witness))
    for preset in ([], ["--preset", "small"]):
        with pytest.raises(FoundryError, match=f"foundry-bench teacher convert --trust {path}$"):
            run("check", "point_mae", str(path), *preset)
    with pytest.raises(FoundryError, match="convert --trust"):
        run("convert", str(path))
    assert not witness.exists()
    run("convert", "--trust", str(path))
    assert witness.exists()
    assert "100 % of 156" in run("check", "point_mae", str(path.with_suffix(".safetensors")))


def test_convert_writes_safetensors_beside_the_file(tmp_path: Path) -> None:
    torch.save({"model": {"a": torch.ones(2)}}, tmp_path / "model.ckpt")
    assert "1 tensors" in run("convert", str(tmp_path / "model.ckpt"))
    assert (tmp_path / "model.safetensors").is_file()


@pytest.mark.parametrize("trust", [[], ["--trust"]])
def test_convert_keeps_geometry_and_heads_and_keeps_them_again(
    tmp_path: Path, trust: list[str]
) -> None:
    settings = {"tokenizer_num_groups": 64, "encoder_heads": 6, "learning_rate": 1e-3}
    content = {"state_dict": {"a": torch.ones(2)}, "hyper_parameters": settings}
    torch.save(content, tmp_path / "model.ckpt")
    run("convert", *trust, str(tmp_path / "model.ckpt"))
    path, again = tmp_path / "model.safetensors", tmp_path / "again.safetensors"
    run("convert", str(path), "--out", str(again))
    assert read_checkpoint(path).metadata == {"foundry_bench": '{"patches": 64, "heads": 6}'}
    assert again.read_bytes() == path.read_bytes()


def test_convert_keeps_the_number_of_points_of_a_classification_checkpoint(tmp_path: Path) -> None:
    content = {
        "state_dict": {"encoder.norm.weight": torch.ones(384)},
        "hyper_parameters": {"num_points": 2048, "encoder_heads": 6},
    }
    torch.save(content, tmp_path / "model.ckpt")
    run("convert", str(tmp_path / "model.ckpt"))
    path = tmp_path / "model.safetensors"
    assert json.loads(read_checkpoint(path).metadata["foundry_bench"]) == {
        "points": 2048,
        "heads": 6,
    }
    with pytest.raises(FoundryError, match="points: 2048 in the file, 1024 in the preset"):
        run("check", "point_jepa", str(path), "--preset", "small")


def test_convert_prefers_the_points_that_the_encoder_gets(tmp_path: Path) -> None:
    settings = {"transformation_subsample_points": 1024, "num_points": 2048}
    content = {"state_dict": {"a": torch.ones(2)}, "hyper_parameters": settings}
    torch.save(content, tmp_path / "model.ckpt")
    run("convert", str(tmp_path / "model.ckpt"))
    metadata = read_checkpoint(tmp_path / "model.safetensors").metadata
    assert metadata == {"foundry_bench": '{"points": 1024}'}


def test_convert_counts_and_names_what_it_leaves_out(tmp_path: Path) -> None:
    strange = {f"c{number}": torch.ones(2, dtype=torch.complex64) for number in range(6)}
    torch.save({"w": torch.ones(2), **strange}, tmp_path / "mixed.pth")
    written, left_out = run("convert", str(tmp_path / "mixed.pth")).splitlines()
    assert written.startswith("1 tensors written to ")
    assert left_out.startswith("6 tensors left out: c0 (complex), ")
    assert "c5" not in left_out
    assert list(read_checkpoint(tmp_path / "mixed.safetensors").state) == ["w"]


def test_convert_takes_tensors_that_share_their_storage(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    torch.save({"head": whole, "tied": whole[:3]}, tmp_path / "tied.pt")
    assert "2 tensors" in run("convert", str(tmp_path / "tied.pt"))


def test_convert_writes_no_file_over_itself(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.ones(2)}, path)
    before = path.read_bytes()
    result = CliRunner().invoke(app, ["convert", str(path)])
    assert "would be written over itself; name another file by --out" in str(result.exception)
    assert path.read_bytes() == before
