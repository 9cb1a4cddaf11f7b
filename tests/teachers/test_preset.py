from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from foundry_bench.config.settings import TeacherSettings
from foundry_bench.errors import FoundryError
from foundry_bench.geometry.patches import PatchSpec
from foundry_bench.teachers.loading import load_weights
from foundry_bench.teachers.preset import TeacherSource, patch_spec, teacher_source
from foundry_bench.testing import tiny_patches, tiny_preset, tiny_teacher
from tests.teachers.recordings import published


def settings(folder: Path, weights: str = "random") -> TeacherSettings:
    return TeacherSettings(preset=str(tiny_preset(folder)), weights=weights)


def saved(path: Path, **changes: torch.Tensor | None) -> str:
    """Weights of a tiny teacher with some replaced (`__` stands for a dot) or left out."""
    weights = dict(tiny_teacher(1).state_dict())
    for name, value in changes.items():
        if value is None:
            del weights[name.replace("__", ".")]
        else:
            weights[name.replace("__", ".")] = value
    save_file(weights, path)
    return str(path)


def with_line(folder: Path, old: str, new: str) -> TeacherSettings:
    preset = tiny_preset(folder)
    assert old in preset.read_text()
    preset.write_text(preset.read_text().replace(old, new))
    return TeacherSettings(preset=str(preset), weights="random")


def tokens_of(source: TeacherSource, seed: int = 0) -> torch.Tensor:
    return source.build(seed).tokens(tiny_patches())


def test_random_weights_are_those_of_the_seed(tmp_path: Path) -> None:
    source = teacher_source(settings(tmp_path))
    torch.manual_seed(1)
    first = tokens_of(source)
    torch.manual_seed(2)
    assert torch.equal(tokens_of(source), first)
    assert not torch.equal(tokens_of(source, seed=1), first)


def test_a_teacher_is_built_in_eval_mode(tmp_path: Path) -> None:
    teacher = teacher_source(settings(tmp_path)).build()
    assert not any(module.training for module in teacher.modules())


def test_given_weights_are_loaded_whatever_the_seed(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.safetensors")
    source = teacher_source(settings(tmp_path, path))
    assert torch.equal(tokens_of(source, seed=7), tiny_teacher(1).tokens(tiny_patches()))


def test_a_presets_own_weights_lie_beside_it(tmp_path: Path) -> None:
    saved(tmp_path / "own.safetensors")
    preset = tiny_preset(tmp_path)
    preset.write_text(preset.read_text() + "weights: own.safetensors\n")
    source = teacher_source(TeacherSettings(preset=str(preset)))
    assert source.weights == tmp_path / "own.safetensors"


def test_the_geometry_is_the_presets(tmp_path: Path) -> None:
    assert patch_spec(settings(tmp_path)) == PatchSpec(points=32, patches=8, patch_size=4)
    assert patch_spec(TeacherSettings(weights="random")) == PatchSpec(512, 32, 16)


def test_the_fingerprint_is_that_of_architecture_and_weights(tmp_path: Path) -> None:
    def fingerprint(given: TeacherSettings) -> str:
        return teacher_source(given).fingerprint

    random = fingerprint(settings(tmp_path))
    assert fingerprint(settings(tmp_path)) == random
    (tmp_path / "other").mkdir()
    assert fingerprint(settings(tmp_path / "other")) == random
    assert fingerprint(with_line(tmp_path, "depth: 2", "depth: 3")) != random
    assert fingerprint(with_line(tmp_path, "patch_size: 4", "patch_size: 5")) != random
    path = saved(tmp_path / "w.safetensors")
    loaded = fingerprint(settings(tmp_path, path))
    assert loaded != random
    saved(tmp_path / "w.safetensors", encoder__norm__bias=torch.ones(24))
    assert fingerprint(settings(tmp_path, path)) != loaded


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"encoder__norm__bias": None}, "1 faults.*missing encoder.norm.bias"),
        ({"extra": torch.ones(1)}, "unexpected extra"),
        (
            {"encoder__norm__bias": torch.ones(23)},
            r"encoder.norm.bias is \(23,\), expected \(24,\)",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named(
    tmp_path: Path, changes: dict[str, torch.Tensor | None], expected: str
) -> None:
    source = teacher_source(settings(tmp_path, saved(tmp_path / "w.safetensors", **changes)))
    with pytest.raises(FoundryError, match=rf"w.safetensors does not fit PointJepa.*{expected}"):
        source.build()


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_a_truncated_file_is_one_message(tmp_path: Path, length: int) -> None:
    path = Path(saved(tmp_path / "w.safetensors"))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(FoundryError, match=r"w\.safetensors is not a readable safetensors file"):
        load_weights(tiny_teacher(), path)


def test_weights_that_do_not_fit_change_nothing(tmp_path: Path) -> None:
    teacher = tiny_teacher()
    path = Path(saved(tmp_path / "w.safetensors", encoder__norm__bias=None))
    with pytest.raises(FoundryError):
        load_weights(teacher, path)
    assert torch.equal(teacher.tokens(tiny_patches()), tiny_teacher().tokens(tiny_patches()))


PUBLISHED = """\
version: 1
architecture: {name: point2vec, points: 64, patches: 8, patch_size: 4, width: 24, depth: 2,
  heads: 3, tokenizer: [16, 32, 64]}
"""


def test_a_published_file_is_a_teachers_weights_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(PUBLISHED)
    told = {"transformation_subsample_points": 32}
    content = {"state_dict": published("point2vec"), "hyper_parameters": told}
    torch.save(content, tmp_path / "pre.ckpt")
    given = TeacherSettings(
        name="point2vec", preset=str(tmp_path / "mine.yaml"), weights=str(tmp_path / "pre.ckpt")
    )
    with pytest.raises(FoundryError, match="points: 32 in the file, 64 in the preset"):
        teacher_source(given).build()
    fingerprint = teacher_source(given).fingerprint
    with (tmp_path / "mine.yaml").open("a") as file:
        file.write("pretrained: {points: 32, patches: 8, patch_size: 4}\n")
    teacher = teacher_source(given).build()
    expected = published("point2vec")["student.norm.bias"]
    assert torch.equal(teacher.encoder.norm.bias, expected)
    assert teacher_source(given).fingerprint == fingerprint


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"preset": "huge"}, "has no preset 'huge'; it has: small, tiny"),
        ({"preset": "no/such.yaml"}, r"teacher\.preset: there is no file no/such\.yaml"),
        ({"preset": "small"}, r"teacher\.weights: no weights ship with preset 'small'"),
        ({"weights": "no/such.st"}, r"teacher\.weights: there is no file no/such\.st"),
        ({"name": "point_jepq"}, "point_jepq"),
    ],
)
def test_what_is_not_there_is_one_message(given: dict[str, str], expected: str) -> None:
    with pytest.raises(FoundryError, match=expected):
        teacher_source(TeacherSettings(**given))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("depth: 2", "depth: 0", "architecture.depth"),
        ("depth: 2", "dept: 2", "architecture.dept"),
        ("patch_size: 4", "patch_size: 40", "patch_size"),
        ("heads: 3", "heads: 5", "heads"),
        ("name: point_jepa", "name: other", "other"),
        ("version: 1", "versio: 1", "versio"),
    ],
)
def test_an_impossible_architecture_is_one_message(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    with pytest.raises(FoundryError, match=expected):
        patch_spec(with_line(tmp_path, old, new))
