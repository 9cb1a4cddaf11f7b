"""What memory a fresh process needs."""

from pathlib import Path

import pytest
import torch

from foundry_bench.config.settings import TeacherSettings
from foundry_bench.cost.lanes import Conditions, Lane
from foundry_bench.cost.memory import MemoryProfile, measure, metrics_of
from foundry_bench.cost.subjects import Subject
from foundry_bench.cost.ways import Way
from foundry_bench.errors import FoundryError
from foundry_bench.store import Store
from foundry_bench.teachers.preset import TeacherSource, teacher_source
from foundry_bench.testing import tiny_preset

MIB = 2**20


@pytest.fixture
def source(tmp_path: Path) -> TeacherSource:
    return teacher_source(TeacherSettings(preset=str(tiny_preset(tmp_path)), weights="random"))


def test_more_clouds_need_more_and_imports_are_told_apart(
    source: TeacherSource, tmp_path: Path
) -> None:
    profile = MemoryProfile(Conditions(source, 5, 1, torch.device("cpu")), tmp_path)
    store = Store(tmp_path / "store")
    few, many = (
        store.get_or_run(profile.stage(Lane(Subject(None), Way()), batch), lambda progress: None)
        for batch in (1, 2048)
    )
    first, second = few.record.metrics, many.record.metrics
    assert [path.name for path in few.path.iterdir()] == ["record.json"]
    assert (few.record.task, few.record.config["batch"]) == ("memory", 1)
    assert first["baseline_rss_bytes"] > 50 * MIB, "torch is imported"
    inputs = 2048 * 32 * 3 * 4
    assert second["activation_bytes"] - first["activation_bytes"] > 2 * inputs
    assert second["own_rss_bytes"] == second["peak_rss_bytes"] - second["baseline_rss_bytes"]


def test_the_record_stands_for_this_hardware_and_these_packages(
    source: TeacherSource, tmp_path: Path
) -> None:
    profile = MemoryProfile(Conditions(source, 5, 1, torch.device("cpu")), tmp_path)
    one, same, other = (profile.stage(Lane(Subject(None), Way()), batch) for batch in (1, 1, 2))
    assert one.key == same.key != other.key
    assert {"hardware", "packages"} <= one.config.keys()


def test_what_a_gpu_allocates_is_told_apart_from_the_process() -> None:
    found = {
        "baseline_rss_bytes": 100,
        "loaded_rss_bytes": 120,
        "peak_rss_bytes": 300,
        "loaded_allocated_bytes": 7,
        "peak_allocated_bytes": 50,
        "peak_reserved_bytes": 64,
    }
    metrics = metrics_of(found)
    assert (metrics["activation_bytes"], metrics["own_rss_bytes"]) == (43, 200)
    assert metrics["peak_reserved_bytes"] == 64


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_text("no model")
    with pytest.raises(FoundryError, match=r"a fresh process could not run it: .*Error"):
        measure(
            {
                "model": str(tmp_path / "model.pt"),
                "points": str(tmp_path / "points.npy"),
                "geometry": {"points": 8, "patches": 2, "patch_size": 2},
                "modules": [],
                "precision": "fp32",
                "threads": 1,
                "device": "cpu",
            }
        )
