import json
import subprocess
from typing import Any

import pytest
import torch

from foundry_bench.config.settings import TeacherSettings
from foundry_bench.cost import scenes as module
from foundry_bench.cost.counting import count
from foundry_bench.cost.scene import OOM, SceneRequest, build, cut
from foundry_bench.cost.scenes import Scenes, is_out_of_memory, macs_at, measure
from foundry_bench.errors import FoundryError
from foundry_bench.geometry.knn import nearest
from foundry_bench.geometry.patches import PatchSpec
from foundry_bench.teachers.preset import architecture

SIZE = architecture(TeacherSettings(preset="tiny"))
TEACHER = SIZE.model_dump(mode="json") | {"points": 512, "patches": 32}
FOUNDRY = {"name": "foundry", "supertokens": 4}
REQUEST = SceneRequest(TEACHER, None, "fused", "cpu", 1, None)


def answering(code: int, said: str = "", error: str = "") -> Any:
    """A process that ends so."""

    def run(command: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, code, said, error)

    return run


@pytest.mark.parametrize(
    ("code", "said", "expected"),
    [
        (OOM, "", True),
        (-9, "", True),
        (-6, "terminate called after throwing an instance of 'std::bad_alloc'", True),
        (1, "RuntimeError: can't allocate memory", True),
        (1, "TypeError", False),
        (-11, "", False),
        (0, "MemoryError", False),
    ],
)
def test_a_lack_of_memory_is_told_from_other_ends(code: int, said: str, expected: bool) -> None:
    assert is_out_of_memory(code, said) is expected


def test_a_lack_of_memory_is_a_result_and_other_failures_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module.subprocess, "run", answering(OOM))
    assert measure(REQUEST) == {"oom": 1.0}
    monkeypatch.setattr(module.subprocess, "run", answering(0, json.dumps({"group_ms": 1.0})))
    monkeypatch.setattr(module.machine.OtherWork, "cores", lambda self: 1.5)
    assert measure(REQUEST) == {"oom": 0.0, "group_ms": 1.0, "other_cores": 1.5}
    monkeypatch.setattr(module.subprocess, "run", answering(1, error="a\nValueError: b"))
    with pytest.raises(FoundryError, match="ValueError: b"):
        measure(REQUEST)


@pytest.mark.parametrize("student", [None, FOUNDRY, {"name": "tome", "supertokens": 100}])
def test_macs_of_a_large_scene_are_those_of_its_own_count(student: dict[str, Any] | None) -> None:
    size = {"points": 900 * 16, "patches": 900}
    counted = count(build(TEACHER | size, student)).total("macs")
    assert macs_at(TEACHER, student, 900, 16) == counted


def test_macs_of_a_gate_in_a_large_scene_are_nearly_those_of_its_own_count() -> None:
    student = {"name": "foundry_gate", "supertokens": 4, "budget": 8}
    for patches in (96, 1500):
        size = {"points": patches * 16, "patches": patches}
        counted = count(build(TEACHER | size, student)).total("macs")
        assert macs_at(TEACHER, student, patches, 16) == pytest.approx(counted, rel=2e-3)


def test_a_scene_is_cut_around_the_farthest_points_into_the_nearest_to_each() -> None:
    points_1N3 = torch.randn(1, 2000, 3, generator=torch.Generator().manual_seed(0))
    patches = cut(points_1N3, PatchSpec(2000, 64, 16))
    distance_CN = torch.cdist(patches.centers_BC3[0], points_1N3[0])
    for place in range(1, 64):
        nearest_N = distance_CN[:place].min(0).values
        own = torch.cdist(patches.centers_BC3[:, place : place + 1], points_1N3).argmin()
        assert nearest_N[own] == pytest.approx(float(nearest_N.max()), rel=1e-5)
    index_1CK = nearest(patches.centers_BC3, points_1N3, 16)
    expected_1CK3 = points_1N3[:, index_1CK[0]] - patches.centers_BC3[:, :, None]
    assert torch.equal(patches.neighbors_BCK3, expected_1CK3)


def test_stages_go_from_small_to_large_and_their_keys_know_the_conditions() -> None:
    plan = Scenes(SIZE, 16, ("fused", "materialised"), "cpu", 1, None)
    stages = list(plan.stages([None, FOUNDRY], [2048, 1024]))
    assert [stage.config["points"] for stage in stages] == [1024] * 4 + [2048] * 4
    assert stages[0].config["patches"] == 64
    limited = Scenes(SIZE, 16, ("fused",), "cpu", 1, 2**30).stage(None, 1024, "fused")
    keys = {stage.key for stage in (*stages, limited)}
    assert len(keys) == 9


@pytest.mark.slow
def test_a_scene_on_a_gpu_is_of_that_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"kind": "cuda", "name": "Example GPU", "cpu": "Example CPU", "threads": 3}
    monkeypatch.setattr(module.machine, "describe_apart", {"cuda:1": known}.__getitem__)
    (stage,) = Scenes(SIZE, 16, ["fused"], "cuda:1", 1, None).stages([None], [1024])
    assert stage.config["hardware"] == {
        "kind": "cuda",
        "name": "Example GPU",
        "cpu": "Example CPU",
    }


def test_a_process_measures_and_a_small_one_runs_out_of_memory() -> None:
    found = measure(REQUEST)
    assert found["oom"] == 0
    assert found["time_ms_median"] > 0
    assert found["peak_rss_bytes"] > found["start_rss_bytes"] > 0
    large = {"points": 160_000, "patches": 10_000}
    small = SceneRequest(TEACHER | large, None, "materialised", "cpu", 1, 2**30)
    assert measure(small) == {"oom": 1.0, "limit_bytes": 2.0**30}
