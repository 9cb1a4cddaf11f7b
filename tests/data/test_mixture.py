"""Several datasets as one."""

from pathlib import Path

import numpy as np
import pytest

from foundry_bench.config.load import load_settings
from foundry_bench.data.loader import loader_of
from foundry_bench.data.mixture import Mixture, MixtureSettings
from foundry_bench.data.shapes import CLASSES, PARTS
from foundry_bench.errors import FoundryError
from foundry_bench.training.pretrain import PretrainRecipe
from tests.data import archives

FEW = len(CLASSES)
FIRST = {"name": "shapes", "train": FEW, "unlabelled": 7, "test": FEW + 3, "points": 64}


def mixture(path: Path, **first: int) -> Mixture:
    more = [{"name": "archive", "path": str(path)}]
    loader = loader_of(MixtureSettings.model_validate({"first": FIRST | first, "more": more}))
    assert isinstance(loader, Mixture)
    return loader


def test_the_others_join_what_may_be_learned_from_and_never_with_their_test_clouds(
    tmp_path: Path,
) -> None:
    path = archives.save(tmp_path / "own.npz")  # 12 clouds of 40 points
    own, whole = archives.read(path), mixture(path).load(tmp_path)
    first = loader_of(MixtureSettings.model_validate(mixture(path).settings).first).read()
    assert (whole.class_names, whole.part_names) == (CLASSES, PARTS)
    assert whole.points_NP3.shape == (2 * FEW + 10 + len(own.pool), 40, 3)
    for split in ("train", "test"):
        rows = whole.splits[split]
        assert np.array_equal(rows, first.splits[split])
        assert np.array_equal(whole.points_NP3[rows], first.points_NP3[rows, :40])
        assert np.array_equal(whole.labels_N[rows], first.labels_N[rows])
    assert whole.parts_NP is not None
    assert whole.parts_NP[whole.splits["test"]].min() >= 0
    joined = whole.splits["unlabelled"][7:]
    assert np.array_equal(whole.points_NP3[joined], own.points_NP3[own.pool])
    assert (whole.labels_N[joined] == -1).all()
    assert (whole.parts_NP[joined] == -1).all()
    assert not {cloud.tobytes() for cloud in own.points_NP3[own.splits["test"]]} & {
        cloud.tobytes() for cloud in whole.points_NP3
    }


def test_its_fingerprint_and_points_follow_those_of_its_datasets(tmp_path: Path) -> None:
    path = archives.save(tmp_path / "own.npz")
    other = archives.save(tmp_path / "other.npz", train_chamfer=None)
    prints = {mixture(path).fingerprint(), mixture(other).fingerprint()}
    prints |= {mixture(path, unlabelled=8).fingerprint(), mixture(path, points=32).fingerprint()}
    assert len(prints) == 4
    assert (mixture(path).num_points(), mixture(path, points=32).num_points()) == (40, 32)
    assert mixture(path).has_parts() is True


def test_smoke_makes_all_of_them_small(tmp_path: Path) -> None:
    smallest = mixture(archives.save(tmp_path / "own.npz")).settings.smoke()
    first, (second,) = smallest.first.model_dump(), smallest.more
    assert first["test"] == 2 * FEW
    assert second.model_dump()["limit"] == 16


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FoundryError, match=r"own\.npz is no file"):
        mixture(tmp_path / "own.npz").fingerprint()


def test_a_recipe_may_name_its_files_by_environment_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "teacher: {name: point_jepa, preset: tiny, weights: random}\n"
        "data:\n"
        "  name: mixture\n"
        "  first: {name: shapes}\n"
        "  more: [{name: archive, path: '${MY_SHAPES}/own.npz'}]\n"
        "objective: {name: jepa}\n"
        "optimizer: {epochs: 1}\n"
    )
    with pytest.raises(FoundryError, match=r"MY_SHAPES is not set"):
        load_settings(recipe, PretrainRecipe)
    monkeypatch.setenv("MY_SHAPES", "/somewhere")
    found = load_settings(recipe, PretrainRecipe).data
    assert isinstance(found, MixtureSettings)
    assert found.more[0].model_dump()["path"] == "/somewhere/own.npz"


def test_a_fault_inside_keeps_its_place(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "teacher: {name: point_jepa, preset: tiny, weights: random}\n"
        "data:\n"
        "  name: mixture\n"
        "  first: {name: shapes, trian: 30}\n"
        "  more: [{name: modelnet}]\n"
        "objective: {name: jepa}\n"
        "optimizer: {epochs: 1}\n"
    )
    with pytest.raises(FoundryError) as told:
        load_settings(recipe, PretrainRecipe)
    assert "data.first.trian" in str(told.value)
    assert "data.more.0.name" in str(told.value)
