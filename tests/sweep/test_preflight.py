"""What is refused before the first trial."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from foundry_bench.errors import FoundryError
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.preflight import check_inputs
from tests.data.archives import save
from tests.sweep.planned_stages import sweep_config


def test_what_fits_passes() -> None:
    check_inputs(expand(sweep_config(teacher={"weights": "shipped"}), 2, 0))


@pytest.mark.parametrize("last", [4, 8])
def test_each_setting_of_an_axis_is_tried(last: int) -> None:
    heads = [4, 5, 7, last]
    sweep = sweep_config(axes={"student.assignment.heads": heads, "student.supertokens": [1, 2]})
    with pytest.raises(FoundryError) as caught:
        check_inputs(expand(sweep, 2, 0))
    assert str(caught.value).splitlines()[1:] == [
        f"  student 'foundry': assignment.heads: {given} does not divide the width 96"
        for given in (5, 7)
    ]


def test_all_that_does_not_fit_comes_in_one_message(tmp_path: Path) -> None:
    weights = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(2)}, weights)
    archive = save(tmp_path / "clouds.npz", split=None)
    sweep = sweep_config(
        teacher={"weights": str(weights)}, data={"name": "archive", "path": str(archive)}
    )
    with pytest.raises(FoundryError) as caught:
        check_inputs(expand(sweep, 2, 0))
    title, *faults = str(caught.value).splitlines()
    assert title == "no trial can begin:"
    assert len(faults) == 2
    assert "teacher.weights" in faults[0]
    assert "does not fit" in faults[0]
    assert faults[1].strip() == (
        "data: the clouds of 'archive' have 40 points, teacher 'point_jepa' (preset tiny) needs 512"
    )


def test_a_task_is_tried_with_its_own_clouds_and_patches(tmp_path: Path) -> None:
    few = save(tmp_path / "clouds.npz", split=None)
    data = {"name": "archive", "path": str(few), "split": None}
    tasks = [
        {"name": "probe", "data": data},
        {"name": "probe", "label": "coarse", "geometry": geometry(patches=3)},
        {
            "name": "probe",
            "label": "small",
            "data": data,
            "geometry": geometry(points=40, patches=8),
        },
    ]
    sweep = sweep_config(teacher={"weights": "shipped"}, tasks=tasks)
    with pytest.raises(FoundryError) as caught:
        check_inputs(expand(sweep, 2, 0))
    _, *faults = (line.strip() for line in str(caught.value).splitlines())
    assert faults == [
        "task probe: data: the clouds of 'archive' have 40 points, teacher 'point_jepa' "
        "(preset tiny) needs 512",
        "task coarse: geometry: supertokens: 4 is more than the teacher's 3 tokens",
    ]


def test_sizes_that_a_tasks_data_cannot_have_are_told(tmp_path: Path) -> None:
    few = save(tmp_path / "clouds.npz", split=None)
    data = {"name": "archive", "path": str(few), "split": None, "part": "part"}
    folds = {"name": "modelnet40_few_shot", "way": 5, "shot": 20}
    tasks = [
        {"name": "probe", "label": "fine", "data": data, "geometry": geometry(points=50)},
        {
            "name": "part_segmentation",
            "data": data,
            "points": 41,
            "geometry": geometry(points=40),
        },
        {"name": "few_shot", "way": 5, "shot": 10, "data": folds},
        {"name": "few_shot", "way": 5, "shot": 20, "data": folds},
    ]
    sweep = sweep_config(teacher={"weights": "shipped"}, tasks=tasks)
    with pytest.raises(FoundryError) as caught:
        check_inputs(expand(sweep, 2, 0))
    _, *faults = (line.strip() for line in str(caught.value).splitlines())
    assert faults == [
        "task fine: data: the clouds of 'archive' have 40 points, task 'fine' (geometry) needs 50",
        "task part_segmentation: data: the clouds of 'archive' have 40 points, "
        "task 'part_segmentation' (points) needs 41",
        "task few_shot_5w10s: data: task 'few_shot_5w10s' asks for 5 classes and 10 shots, "
        "the folds of 'modelnet40_few_shot' have 5 and 20: set `way` and `shot` of both alike",
    ]


def test_each_student_is_tried_with_each_geometry() -> None:
    task = {"name": "probe", "geometry": geometry(patches=3)}
    sweep = sweep_config(
        teacher={"weights": "shipped"}, tasks=[task], axes={"student.supertokens": [4, 2]}
    )
    with pytest.raises(FoundryError, match="supertokens: 4 is more than the teacher's 3 tokens"):
        check_inputs(expand(sweep, 2, 0))


def test_a_specialist_of_parts_needs_them(tmp_path: Path) -> None:
    many = np.random.default_rng(0).normal(size=(6, 512, 3))
    archive = save(tmp_path / "clouds.npz", points=many, part=None, split=None)
    sweep = sweep_config(
        teacher={"weights": "shipped"},
        data={"name": "archive", "path": str(archive), "split": None},
        student={"name": "specialist", "task": "part_segmentation", "supertokens": 4},
        train={"distill": {"batch": 2}},
    )
    with pytest.raises(FoundryError, match="student: task 'part_segmentation' asks for the parts"):
        check_inputs(expand(sweep, 2, 0))


def geometry(points: int = 64, patches: int = 8) -> dict[str, int]:
    return {"points": points, "patches": patches, "patch_size": 4}


def test_parts_are_asked_of_data_that_have_them(tmp_path: Path) -> None:
    data = {"name": "archive", "path": str(save(tmp_path / "clouds.npz"))}
    parts = {"name": "part_segmentation", "geometry": geometry(points=40)}
    tasks = [
        {**parts, "label": "without", "data": data},
        {**parts, "label": "with", "data": {**data, "part": "part"}},
        "part_segmentation",
    ]
    sweep = sweep_config(teacher={"weights": "shipped"}, tasks=tasks)
    with pytest.raises(FoundryError) as caught:
        check_inputs(expand(sweep, 2, 0))
    (fault,) = (line.strip() for line in str(caught.value).splitlines()[1:])
    assert fault.startswith("task without: data: task 'without' asks for the parts of points")
