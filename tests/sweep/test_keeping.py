"""Whose weights stay."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from foundry_bench.config.sweep import SweepConfig, TrialConfig
from foundry_bench.record import TrialRecord
from foundry_bench.stage import Stage, StageContext, StageResult
from foundry_bench.store import WEIGHTS_REMOVED, Store, StoreError
from foundry_bench.sweep import execution, keeping, references
from foundry_bench.sweep.execution import Call, run_sweep
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.group import run_group
from foundry_bench.sweep.keeping import Candidate, candidates, free_weights, front, results
from foundry_bench.sweep.planning import plan_sweep
from foundry_bench.sweep.slots import Slots
from tests.sweep.planned_stages import sweep_config

PLANNER = f"{__name__}:plan"
ACCURACY = {1: 0.5, 2: 0.7, 4: 0.6, 8: 0.9, 13: 0.0}


def plan(trial: TrialConfig) -> list[Stage]:
    """A distillation that leaves weights, and a probe of them; 13 SuperTokens fail."""
    supertokens = getattr(trial.student, "supertokens", 0)

    def distill(context: StageContext) -> StageResult:
        (context.directory / "weights.safetensors").write_text("w" * 100)
        (context.directory / "arrays.npz").write_text("a")
        return StageResult({"distill_loss": 1.0 / supertokens})

    def probe(context: StageContext) -> StageResult:
        assert (context.inputs["distill"] / "weights.safetensors").read_text()
        if supertokens == 13:
            raise RuntimeError("thirteen")
        return StageResult({"probe_accuracy": ACCURACY[supertokens]})

    weights = Stage("distill", 1, {"s": supertokens}, distill, seed=trial.seed)
    needs = {"distill": weights}
    asked = Stage("evaluate", 1, {}, probe, needs=needs, seed=trial.seed, task="probe")
    return [weights, asked]


def sweep_of(*supertokens: int, **changes: Any) -> SweepConfig:
    return sweep_config(axes={"student.supertokens": list(supertokens)}, **changes)


def ended(out: Path, sweep: SweepConfig, store: Path | None = None) -> Folder:
    """The sweep's folder, all trials ended."""
    folder, trials, root = Folder(out), expand(sweep, 2, 0), store or out / "store"
    folder.adopt(sweep, trials)
    planned = plan_sweep(trials, Store(root), PLANNER)
    references.register(root, out, [*planned.to_run, *planned.in_store])
    run_group(trials, Store(root), out, lambda *_: None, plan)
    return folder


def with_weights(store: Path) -> list[int]:
    """SuperTokens of the distillations whose weights are there."""
    return sorted(
        json.loads((path.parent / "record.json").read_text())["config"]["s"]
        for path in store.glob("stages/*/weights.safetensors")
    )


@pytest.fixture(autouse=True)
def _costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many GMACs as SuperTokens."""
    monkeypatch.setattr(
        keeping, "gmacs", lambda trial, tokens: float(getattr(trial.student, "supertokens", 0))
    )


def test_none_keeps_records_alone_and_the_trial_counts_as_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = sweep_of(1, 2, keep_weights="none")
    folder = ended(tmp_path, sweep)
    assert with_weights(tmp_path / "store") == [1, 2]
    said = free_weights(sweep, folder, tmp_path / "store")
    assert said.startswith("keep_weights: none freed the weights of 2 stages, ")
    assert with_weights(tmp_path / "store") == []
    assert len(list(tmp_path.glob("store/stages/*/record.json"))) == 4
    assert len(list(tmp_path.glob(f"store/stages/*/{WEIGHTS_REMOVED}"))) == 2

    def refuse(*arguments: object) -> None:
        raise AssertionError("a trial began")

    monkeypatch.setattr(execution, "_run", refuse)
    (tmp_path / "sweep.json").write_text('{"is_mirrored": true}')
    call = Call(sweep, expand(sweep, 2, 0), tmp_path, tmp_path / "store", Slots(2), planner=PLANNER)
    outcome = run_sweep(call, Console(quiet=True))
    assert (outcome.num_run, {record.status for record in outcome.records}) == (0, {"done"})


def test_a_store_that_cannot_be_freed_is_said_when_the_sweep_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> str:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(keeping, "free_weights", refuse)
    sweep = sweep_of(1, keep_weights="none")
    ended(tmp_path, sweep)
    (tmp_path / "sweep.json").write_text('{"is_mirrored": true}')
    call = Call(sweep, expand(sweep, 2, 0), tmp_path, tmp_path / "store", Slots(2), planner=PLANNER)
    with pytest.raises(StoreError, match="is read-only; make it writable"):
        run_sweep(call, Console(quiet=True))


def test_a_sweep_frees_when_it_has_ended_and_may_be_told_to_later(tmp_path: Path) -> None:
    sweep = sweep_of(1, 2)
    ended(tmp_path, sweep)
    (tmp_path / "sweep.json").write_text('{"is_mirrored": true}')
    for keep, left in (("all", [1, 2]), ("none", [])):
        changed = sweep.model_copy(update={"keep_weights": keep})
        trials = expand(changed, 2, 0)
        call = Call(changed, trials, tmp_path, tmp_path / "store", Slots(2), planner=PLANNER)
        run_sweep(call, Console(quiet=True))
        assert with_weights(tmp_path / "store") == left


def test_the_front_keeps_what_no_cheaper_student_beats(tmp_path: Path) -> None:
    sweep = sweep_of(1, 2, 4, 8, keep_weights="front", seeds=[0, 1])
    folder = ended(tmp_path, sweep)
    free_weights(sweep, folder, tmp_path / "store")
    assert with_weights(tmp_path / "store") == [1, 1, 2, 2, 8, 8]


def test_a_trial_that_failed_keeps_its_weights_for_another_try(tmp_path: Path) -> None:
    sweep = sweep_of(1, 13, keep_weights="none")
    folder = ended(tmp_path, sweep)
    free_weights(sweep, folder, tmp_path / "store")
    assert with_weights(tmp_path / "store") == [13]


def test_what_another_sweep_refers_to_stays_until_that_is_gone(tmp_path: Path) -> None:
    store = tmp_path / "store"
    sweep = sweep_of(1, 2, keep_weights="none")
    folder = ended(tmp_path / "a", sweep, store)
    ended(tmp_path / "b", sweep_of(2, 4), store)
    free_weights(sweep, folder, store)
    assert with_weights(store) == [2, 4]
    shutil.rmtree(tmp_path / "b")
    free_weights(sweep, folder, store)
    assert with_weights(store) == [4]


def test_a_stage_whose_weights_another_one_needs_runs_again(tmp_path: Path) -> None:
    sweep = sweep_of(1, keep_weights="none")
    free_weights(sweep, ended(tmp_path, sweep), tmp_path / "store")
    store = Store(tmp_path / "store")
    (trial,) = expand(sweep, 2, 0)
    weights, asked = plan(trial)
    assert store.get_or_run(asked, lambda _: None).record.metrics["probe_accuracy"] == 0.5
    assert store.ran == {}

    def ask_more(context: StageContext) -> StageResult:
        return StageResult(
            {"length": len((context.inputs["d"] / "weights.safetensors").read_text())}
        )

    more = Stage("evaluate", 1, {}, ask_more, needs={"d": weights}, task="more")
    assert store.get_or_run(more, lambda _: None).record.metrics["length"] == 100
    assert store.ran.keys() == {weights.key, more.key}
    assert not list((tmp_path / "store" / "partial").iterdir())
    entry = store.find(weights.key)
    assert entry is not None
    assert entry.is_whole


def test_a_plan_says_that_freed_weights_are_made_again(tmp_path: Path) -> None:
    sweep = sweep_of(1, keep_weights="none")
    free_weights(sweep, ended(tmp_path, sweep), tmp_path / "store")
    store, trials = Store(tmp_path / "store"), expand(sweep, 2, 0)
    assert not plan_sweep(trials, store, PLANNER).to_run
    _, asked = plan(trials[0])
    shutil.rmtree(tmp_path / "store" / "stages" / asked.key)
    assert len(plan_sweep(trials, store, PLANNER).to_run) == 2


def test_students_are_judged_by_the_mean_over_their_seeds_and_not_by_baselines(
    tmp_path: Path,
) -> None:
    baselines = {"teacher": False, "not_distilled": True, "scratch": False}
    sweep = sweep_of(1, 2, seeds=[0, 1], baselines=baselines)
    folder = ended(tmp_path, sweep)
    records = [record for each in folder.identities() if (record := folder.trial(each))]
    (name,) = results(sweep)
    found = {each.supertokens: each for each in candidates(records, folder, name)}
    assert sorted(found, key=str) == [1, 2]
    assert (found[2].result, found[2].gmacs, len(found[2].trials)) == (0.7, 2.0, 2)
    assert not candidates(records, folder, "probe.unheard_of")


def candidate(name: str, result: float, gmacs: float | None, supertokens: int) -> Candidate:
    return Candidate((name,), result, gmacs, supertokens)


def test_equals_stand_on_the_front_together() -> None:
    found = [candidate("a", 0.5, 1.0, 1), candidate("b", 0.5, 1.0, 1), candidate("c", 0.5, 2.0, 2)]
    assert front(found) == {"a", "b"}


def test_without_costs_the_best_of_each_size_stays() -> None:
    found = [candidate("a", 0.5, None, 1), candidate("b", 0.6, 1.0, 1), candidate("c", 0.1, 1.0, 2)]
    assert front(found) == {"b", "c"}


def test_the_record_of_a_trial_says_nothing_of_it(tmp_path: Path) -> None:
    sweep = sweep_of(1, keep_weights="none")
    folder = ended(tmp_path, sweep)
    (before,) = [folder.trial(each) for each in folder.identities()]
    free_weights(sweep, folder, tmp_path / "store")
    assert isinstance(before, TrialRecord)
    assert folder.trial(before.trial) == before
