"""The sweep files that ship can be planned: a dry run of each."""

import json
from pathlib import Path

import pytest

from foundry_bench.config.load import load_sweep
from foundry_bench.errors import FoundryError
from foundry_bench.resources import shipped
from foundry_bench.store import Store
from foundry_bench.sweep.expand import Expansion, expand
from foundry_bench.sweep.planning import plan_sweep, stage_name
from tests.data import archives
from tests.data import published_files as files

SWEEPS = shipped("sweeps")
EMBEDDED = (
    "baselines",
    "losses",
    "gate",
    "gate_epsilon",
    "budget",
    "teachers",
    "light_tokenizer",
    "generalist",
    "views",
)
TWINS = ("baselines", "losses", "gate", "budget", "teachers", "generality", "supertokens")
PUBLISHED = ("point_jepa", "point2vec", "point_mae", "point_bert", "recon")
RANDOM = [{"name": name, "preset": "small", "weights": "random"} for name in PUBLISHED]


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few clouds of each published set, in the published files."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FOUNDRY_BENCH_DATA", str(tmp_path))
    files.shapenet55(tmp_path)
    files.modelnet40_hdf5(tmp_path)
    files.scanobjectnn(tmp_path)
    files.shapenetpart(tmp_path)
    for way in (5, 10):
        for shot in (10, 20):
            files.modelnet40_few_shot(tmp_path, folds=10, way=way, shot=shot)


@pytest.mark.parametrize("name", EMBEDDED)
def test_a_sweep_on_the_embedded_default_has_three_seeds_and_a_plan(
    name: str, tmp_path: Path
) -> None:
    sweep = load_sweep(SWEEPS / f"{name}.yaml")
    assert len(sweep.seeds) >= 3
    overrides = [f"axes.teacher={json.dumps(TINY)}"] if name == "teachers" else []
    sweep = load_sweep(SWEEPS / f"{name}.yaml", overrides)
    plan = plan_sweep(expand(sweep, cores=2), Store(tmp_path / "store"))
    assert plan.to_run
    assert any(each.trial.role == "baseline" for each in plan.trials)


TINY = [
    {"name": name, "preset": "tiny", "weights": "random"} for name in ("point_jepa", "point_mae")
]


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("name", TWINS)
def test_its_twin_at_the_papers_scale_has_one_too(name: str, tmp_path: Path) -> None:
    overrides = ["teacher.weights=random"]
    if name == "teachers":
        overrides.append(f"axes.teacher={json.dumps(RANDOM)}")
    sweep = load_sweep(SWEEPS / "paper" / f"{name}.yaml", overrides)
    assert sweep.teacher.preset == "small"
    plan = plan_sweep(expand(sweep, cores=2), Store(tmp_path / "store"))
    kinds = {stage.kind for stage in plan.to_run.values()}
    assert kinds == {"distill", "evaluate"}


def test_generality_is_asked_on_archives_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOUNDRY_BENCH_DATA", str(tmp_path))
    columns = {"db69": "label", "db69_split": "split", "db69_train_chamfer": "train_chamfer"}
    columns |= {"psb_path": "label", "psb_split": "split"}
    usual = archives.columns()
    archives.save(tmp_path / "psb_shrec12.npz", **{new: usual[old] for new, old in columns.items()})
    archives.save(tmp_path / "lpsb_parts.npz")
    sweep = load_sweep(SWEEPS / "generality.yaml")
    plan = plan_sweep(expand(sweep, cores=2), Store(tmp_path / "store"))
    tasks = {stage.task for stage in plan.to_run.values() if stage.kind == "evaluate"}
    assert len(tasks) == len(sweep.tasks) == 13
    distillations = [stage for stage in plan.to_run.values() if stage.kind == "distill"]
    assert len(distillations) == len(sweep.seeds)


def test_the_search_that_ships_has_three_seeds_and_suggestions_that_can_run(
    tmp_path: Path,
) -> None:
    sweep = load_sweep(SWEEPS / "search.yaml")
    expansion = Expansion(sweep, cores=2)
    assert len(sweep.seeds) >= 3
    assert {trial.role for trial in expansion.known()} == {"baseline"}
    plan = plan_sweep(expansion.corners, Store(tmp_path / "store"))
    assert set(map(stage_name, plan.to_run.values())) >= {"distill", "evaluate classification"}


def test_a_task_cannot_measure_below_the_supertokens() -> None:
    budgets = "tasks=[{name: classification, budgets: [4, 2]}]"
    with pytest.raises(FoundryError, match="budgets: 2 is less than the 4 SuperTokens"):
        load_sweep(SWEEPS / "budget.yaml", [budgets])


def test_the_twins_are_all_that_there_are() -> None:
    assert sorted(TWINS) == sorted(path.stem for path in (SWEEPS / "paper").glob("*.yaml"))


@pytest.mark.usefixtures("published")
def test_fig_2_has_each_number_of_supertokens_on_three_datasets() -> None:
    sweep = load_sweep(SWEEPS / "paper" / "supertokens.yaml", ["teacher.weights=random"])
    assert sweep.axes["student.supertokens"] == [1, 2, 4, 8, 16, 32, 64]
    assert sweep.student.name == "foundry_paper"
    data = [(task.data or sweep.data).name for task in sweep.tasks]
    assert data == ["shapenet55", "modelnet40", "scanobjectnn"]


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("name", TWINS)
def test_a_twin_distils_the_papers_student(name: str) -> None:
    sweep = load_sweep(SWEEPS / "paper" / f"{name}.yaml", ["teacher.weights=random"])
    student = sweep.student.model_dump()
    assert student["assignment"]["name"] == "dso"
    assert (student["residual"], student["upsample_position"]) == (True, False)
    assert student["supertokens"] == 16
    features = {getattr(task, "features", None) for task in sweep.tasks} - {None}
    assert features in (set(), {"layers", "tokens"})
