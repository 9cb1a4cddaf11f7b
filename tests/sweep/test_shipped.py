"""The sweep files that ship can be planned: a dry run of each."""

import json
from pathlib import Path

import numpy as np
import pytest

from foundry_bench.config.load import load_sweep
from foundry_bench.errors import FoundryError
from foundry_bench.resources import shipped
from foundry_bench.store import Store
from foundry_bench.sweep.expand import Expansion, expand
from foundry_bench.sweep.planning import plan_sweep

SWEEPS = shipped("sweeps")
EMBEDDED = ("baselines", "losses", "gate", "gate_epsilon", "budget", "teachers", "light_tokenizer")
TWINS = ("baselines", "losses", "gate", "budget", "teachers")
PUBLISHED = ("point_jepa", "point2vec", "point_mae", "point_bert", "recon")
RANDOM = [{"name": name, "preset": "small", "weights": "random"} for name in PUBLISHED]


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A set of clouds in the place of ShapeNet55."""
    points = np.random.default_rng(0).normal(size=(6, 1024, 3)).astype(np.float16)
    points /= np.linalg.norm(points, axis=-1).max(1)[:, None, None]
    split = np.array(["train"] * 4 + ["test"] * 2)
    np.savez(tmp_path / "clouds.npz", points=points, label=np.arange(6) % 2, split=split)
    monkeypatch.setenv("FOUNDRY_BENCH_SHAPENET55", str(tmp_path / "clouds.npz"))


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
    assert any(each.trial.role == "anchor" for each in plan.trials)


TINY = [
    {"name": name, "preset": "tiny", "weights": "random"} for name in ("point_jepa", "point_mae")
]


@pytest.mark.usefixtures("archive")
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


def test_the_search_that_ships_has_three_seeds_and_suggestions_that_can_run(
    tmp_path: Path,
) -> None:
    sweep = load_sweep(SWEEPS / "search.yaml")
    expansion = Expansion(sweep, cores=2)
    assert len(sweep.seeds) >= 3
    assert {trial.role for trial in expansion.known()} == {"anchor"}
    plan = plan_sweep(expansion.corners, Store(tmp_path / "store"))
    assert set(plan.kinds_to_run) >= {"distill", "evaluate classification"}


def test_a_task_cannot_measure_below_the_supertokens() -> None:
    budgets = "tasks=[{name: classification, budgets: [4, 2]}]"
    with pytest.raises(FoundryError, match="budgets: 2 is less than the 4 SuperTokens"):
        load_sweep(SWEEPS / "budget.yaml", [budgets])
