from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from foundry_bench.config.load import load_settings
from foundry_bench.data.loader import DatasetLoader
from foundry_bench.errors import FoundryError
from foundry_bench.record import Record
from foundry_bench.resources import shipped
from foundry_bench.stage import Progress, Stage
from foundry_bench.store import Store
from foundry_bench.teachers.loading import load_weights
from foundry_bench.testing import tiny_dataset, tiny_preset, tiny_teacher
from foundry_bench.training.jepa import JepaSettings
from foundry_bench.training.loop import learning_rate
from foundry_bench.training.pretrain import WEIGHTS, PretrainRecipe, pretrain_stage
from tests.data import archives, published_files

CPU = torch.device("cpu")
JEPA = {"name": "jepa", "predictor_width": 12, "predictor_depth": 1, "predictor_heads": 3}
MAE = {"name": "mae", "decoder_depth": 1, "decoder_heads": 3}


@pytest.fixture(autouse=True)
def _flat_or_tall(monkeypatch: pytest.MonkeyPatch) -> None:
    """`shapes` are two classes of 32 points here."""
    monkeypatch.setattr(DatasetLoader, "load", lambda self, cache: tiny_dataset())


def stage(folder: Path, **changes: Any) -> Stage:
    folder.mkdir(exist_ok=True)
    values = {
        "teacher": {"preset": str(tiny_preset(folder))},
        "data": "shapes",
        "objective": JEPA,
        "optimizer": {"epochs": 3, "batch": 8},
        "probe_every": 2,
    }
    return pretrain_stage(PretrainRecipe.model_validate({**values, **changes}), CPU)


def run(folder: Path, **changes: Any) -> tuple[Record, Path]:
    entry = Store(folder / "store").get_or_run(stage(folder, **changes), lambda progress: None)
    return entry.record, entry.path / WEIGHTS


def without_times(record: Record) -> list[list[float]]:
    return [[line["loss"], line.get("probe_accuracy", -1.0)] for line in record.history]


@pytest.mark.parametrize("objective", [JEPA, MAE])
def test_a_teacher_whose_tokens_are_in_an_order_is_refused(
    tmp_path: Path, objective: dict[str, Any]
) -> None:
    teacher = {"name": "point_gpt", "preset": "small"}
    with pytest.raises(FoundryError, match=r"teacher\.name: point_gpt cannot be pre-trained here"):
        stage(tmp_path, teacher=teacher, objective=objective)


@pytest.mark.parametrize("objective", [JEPA, MAE])
def test_weights_change_and_load_into_the_teacher(
    tmp_path: Path, objective: dict[str, Any]
) -> None:
    record, weights = run(tmp_path, objective=objective)
    teacher = tiny_teacher()
    load_weights(teacher, weights)
    start = tiny_teacher().state_dict()
    for part in ("tokenizer.lift.weight", "positions.0.weight", "encoder.blocks.0.mlp.0.weight"):
        assert not torch.equal(load_file(weights)[part], start[part])
    assert record.metrics["clouds_seen"] == 3 * 20
    assert record.metrics["pretrain_loss"] == record.history[-1]["loss"]


def test_the_probe_comes_when_it_retry_pending_and_at_the_end(tmp_path: Path) -> None:
    record, _ = run(tmp_path)
    assert ["probe_accuracy" in line for line in record.history] == [False, True, True]
    assert record.metrics["probe_accuracy"] == record.history[-1]["probe_accuracy"]
    assert 0.4 <= record.metrics["probe_accuracy_random_weights"] <= 1


def test_a_resumed_pretraining_gives_the_same_weights(tmp_path: Path) -> None:
    """The EMA goes on where it was."""

    def stop(progress: Progress) -> None:
        if progress.epoch == 2:
            raise KeyboardInterrupt

    expected, weights = run(tmp_path / "whole")
    made = stage(tmp_path / "cut")
    store = Store(tmp_path / "cut" / "store")
    with pytest.raises(KeyboardInterrupt):
        store.get_or_run(made, stop)
    entry = store.get_or_run(made, lambda progress: None)
    assert without_times(entry.record) == without_times(expected)
    assert (entry.path / WEIGHTS).read_bytes() == weights.read_bytes()


def test_the_seed_decides(tmp_path: Path) -> None:
    first, again, other = (
        without_times(run(tmp_path / str(number), seed=seed)[0])
        for number, seed in enumerate((0, 0, 1))
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    "change",
    [
        {"objective": MAE},
        {"objective": {**JEPA, "beta": 1.0}},
        {"optimizer": {"epochs": 4, "batch": 8}},
        {"views": {"count": "online", "rotate": "none"}},
        {"data": {"name": "shapes", "seed": 1}},
        {"seed": 1},
    ],
)
def test_what_matters_changes_the_key(tmp_path: Path, change: dict[str, Any]) -> None:
    assert stage(tmp_path, **change).key != stage(tmp_path).key


@pytest.mark.parametrize("recipe", sorted(shipped("experiments/pretrain").glob("*.yaml")))
def test_shipped_recipes_are_valid(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOUNDRY_BENCH_ARCHIVES", str(tmp_path))
    monkeypatch.setenv("FOUNDRY_BENCH_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    published_files.shapenet55(tmp_path)
    for name in ("psb_shrec12", "sweethome3d", "lpsb_parts"):
        archives.save(tmp_path / f"{name}.npz")
    assert pretrain_stage(load_settings(recipe, PretrainRecipe), CPU).kind == "pretrain"


def test_the_published_recipe_is_that_of_point_jepas_code() -> None:
    recipe = load_settings(
        shipped("experiments/pretrain") / "point_jepa_published.yaml", PretrainRecipe
    )
    optimizer, objective = recipe.optimizer, recipe.objective
    assert isinstance(objective, JepaSettings)
    assert (optimizer.epochs, optimizer.batch, optimizer.clip) == (500, 512, None)
    steps_per_epoch = 81
    rates = [
        learning_rate(epoch * steps_per_epoch, 500 * steps_per_epoch, optimizer)
        for epoch in (0, 29, 30, 499)
    ]
    assert rates == pytest.approx([1e-5, 1e-3, 1e-3, 1e-6], abs=2e-8)
    assert (objective.dropout, objective.attention_dropout) == (0.1, 0.05)
    assert objective.predictor_drop_path == 0.25
    assert recipe.views.scale_per_axis
    assert recipe.views.normalize
