import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import foundry_bench
from foundry_bench.errors import FoundryError
from foundry_bench.record import TrialRecord, read_json
from foundry_bench.tasks.classification import accuracy
from foundry_bench.testing.tiny import SPEC
from foundry_bench.training.views import patch_views
from tests.trained_trial import run_trial


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return run_trial(tmp_path_factory.mktemp("trained"))


def stage(trial: Path, task: str | None) -> str:
    """The key of the trial's stage of a task, or of its distillation."""
    kind = "distill" if task is None else "evaluate"
    used = read_json(trial / "trial.json", TrialRecord).stages
    return next(use.key for use in used if (use.stage, use.task) == (kind, task))


def points() -> torch.Tensor:
    return torch.rand(2, SPEC.points, 3, generator=torch.Generator().manual_seed(0)) - 0.5


def test_a_distilled_backbone_comes_back(trial: Path) -> None:
    model = foundry_bench.load(trial)
    assert model.head is None
    weights = load_file(trial.parents[1] / "store/stages" / stage(trial, None) / WEIGHTS)
    state = model.backbone.state_dict()
    assert state.keys() == weights.keys()
    assert all(torch.equal(state[name], value) for name, value in weights.items())
    assert model.backbone.tokens(model.patches(points())).shape == (2, SPEC.patches, 24)
    assert not any(part.training for part in model.backbone.modules())


WEIGHTS = "weights.safetensors"


def test_a_tuned_backbone_comes_back_with_its_head(trial: Path) -> None:
    """Together they have the accuracy of the record."""
    model = foundry_bench.load(str(trial), "classification")
    assert model.answering is not None
    dataset = model.answering.dataset
    rows = dataset.splits["test"]
    views = patch_views(dataset, rows, model.backbone.patch_spec, None, torch.device("cpu"))
    found = accuracy(
        model.backbone, model.answering.head, views, torch.from_numpy(dataset.labels_N[rows])
    )
    assert found == pytest.approx(model.records["evaluate"].metrics["accuracy"])
    plain = foundry_bench.load(trial).backbone.state_dict()
    tuned = model.backbone.state_dict()
    assert any(not torch.equal(plain[name], value) for name, value in tuned.items())


def test_a_stage_is_as_good_an_address(trial: Path) -> None:
    out = trial.parents[1]
    wanted = foundry_bench.load(trial, "classification")
    for root in (out, out / "store"):
        folder = root / "stages" / stage(trial, "classification")
        for path in (folder, folder / "record.json"):
            model = foundry_bench.load(path)
            assert model.answering is not None
            assert model.answering.label == "classification"
            assert model.records == wanted.records
        assert foundry_bench.load(root / "stages" / stage(trial, None)).records.keys() == {
            "distill"
        }


def test_a_backbone_alone_needs_no_data(trial: Path, tmp_path: Path) -> None:
    """On another machine there may be none; a head does need the names of what it tells apart."""
    shutil.copytree(trial.parents[2], tmp_path / "elsewhere")
    record = tmp_path / "elsewhere/out/trials" / trial.name / "trial.json"
    content = json.loads(record.read_text())
    content["config"]["data"]["path"] = str(tmp_path / "gone.npz")
    record.write_text(json.dumps(content))
    assert foundry_bench.load(record).head is None
    with pytest.raises(FoundryError, match=r"gone\.npz"):
        foundry_bench.load(record, "classification")


def test_a_budget_can_be_given(trial: Path) -> None:
    patches = foundry_bench.load(trial).patches(points())
    usual, whole = (
        foundry_bench.load(trial, budget=budget).backbone.tokens(patches) for budget in (5, 8)
    )
    assert torch.equal(usual, foundry_bench.load(trial).backbone.tokens(patches))
    assert not torch.allclose(usual, whole, atol=1e-3)
    with pytest.raises(FoundryError, match="given 2, expected at least 3"):
        foundry_bench.load(trial, budget=2)


def test_a_teacher_comes_back_and_heeds_no_budget(tmp_path: Path) -> None:
    alone: dict[str, Any] = {"student": None, "init": "teacher", "tasks": ["probe"]}
    trial = run_trial(tmp_path, alone, store=tmp_path / "shared")
    assert foundry_bench.load(trial).records == {}
    with pytest.raises(FoundryError, match="budget: given 8, but this backbone heeds none"):
        foundry_bench.load(trial, budget=8)
    with pytest.raises(FoundryError, match=r"`evaluate probe` of .* is not in the store"):
        foundry_bench.load(trial, "probe")
    with pytest.raises(FoundryError, match=r"`probe` left no weights .* leave the task out"):
        foundry_bench.load(trial, "probe", store=tmp_path / "shared")
    key = stage(trial, "probe")
    with pytest.raises(FoundryError, match="which trial used this stage cannot be told"):
        foundry_bench.load(tmp_path / "shared/stages" / key)


@pytest.mark.parametrize(
    ("path", "task", "message"),
    [
        ("", "clasification", "did you mean 'classification'"),
        ("nowhere", None, "there is no trial.json and no record.json"),
        ("../../stages/{tokens}", None, "is of a stage 'tokens'; expected .* distill or evaluate"),
    ],
)
def test_what_cannot_be_loaded_says_why(
    trial: Path, path: str, task: str | None, message: str
) -> None:
    tokens = read_json(trial / "trial.json", TrialRecord).stages[0].key
    with pytest.raises(FoundryError, match=message):
        foundry_bench.load(trial / path.format(tokens=tokens), task)


def test_a_teacher_that_has_changed_is_told(trial: Path, tmp_path: Path) -> None:
    shutil.copytree(trial.parents[2], tmp_path / "elsewhere")
    record = tmp_path / "elsewhere/out/trials" / trial.name / "trial.json"
    content = json.loads(record.read_text())
    preset = tmp_path / "other.yaml"
    preset.write_text(Path(content["config"]["teacher"]["preset"]).read_text() + "  # \n")
    content["config"]["teacher"]["preset"] = str(preset)
    record.write_text(json.dumps(content))
    assert foundry_bench.load(record).backbone.width == 24
    preset.write_text(preset.read_text().replace("heads: 3", "heads: 4"))
    with pytest.raises(FoundryError, match="the teacher is not the one that the records are of"):
        foundry_bench.load(record)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, foundry_bench; print(*{'torch', 'numpy', 'pydantic'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == []


def test_weights_that_were_freed_are_the_users_error_with_what_to_do(
    trial: Path, tmp_path: Path
) -> None:
    shutil.copytree(trial.parents[1], tmp_path / "out")
    copy = tmp_path / "out" / "trials" / trial.name
    for folder in (tmp_path / "out" / "store" / "stages").iterdir():
        (folder / "weights_removed.json").write_text("{}")
        (folder / WEIGHTS).unlink(missing_ok=True)
    with pytest.raises(FoundryError, match=r"weights of `distill` of .* were freed") as caught:
        foundry_bench.load(copy)
    assert f"foundry-bench run {copy}/trial.yaml --out runs/again" in str(caught.value)
