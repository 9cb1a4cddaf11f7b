"""Searches without Ray: what is suggested, whatever happens on the way."""

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from foundry_bench.config.sweep import SweepConfig, TrialConfig
from foundry_bench.errors import FoundryError
from foundry_bench.record import TrialRecord, write_json
from foundry_bench.store import Store
from foundry_bench.sweep.expand import Expansion, trial_id
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.group import TRIAL, describe_trial, run_group
from foundry_bench.sweep.search import JOURNAL, STUDY, Search
from tests.sweep.planned_stages import plan, sweep_config

LARGE = {
    "student.supertokens": {"low": 1, "high": 11},
    "train.distill.lr": {"low": 1e-5, "high": 1e-1, "log": True},
}
SAMPLERS = ("tpe", "nsga2", "random")


def searching(
    axes: dict[str, Any] | None = None, student: dict[str, Any] | None = None, **search: Any
) -> SweepConfig:
    usual = {"student.supertokens": {"low": 1, "high": 11}, "train.distill.batch": [1, 2, 3]}
    return sweep_config(
        axes=axes or usual,
        student=student or {"name": "foundry", "supertokens": 1},
        seeds=[0, 1],
        search={"objective": "probe_accuracy", "trials": 9, "concurrent": 3, **search},
    )


class Calls:
    """One call of a sweep after another on one folder, in this process."""

    def __init__(self, out: Path, sweep: SweepConfig) -> None:
        self.out = out
        self.folder = Folder(out)
        self.expansion = Expansion(sweep, 2, 0)
        self.num_run = 0

    def call(self) -> Search:
        return Search(self.expansion, self.folder, self.has_ended)

    def has_ended(self, trial: TrialConfig) -> bool:
        return self.folder.trial(trial_id(trial)) is not None

    def run(self, group: Iterable[TrialConfig]) -> None:
        self.num_run += 1
        run_group(list(group), Store(self.out / "store"), self.out, lambda *_: None, plan)

    def go(self, order: random.Random, dies_after: int | None = None) -> Search:
        """A call in which groups end in any order, killed when it has run some of them."""
        search = self.call()
        known, at_work, num_ended = search.waiting(), [], 0
        while True:
            while group := known.pop(0) if known else search.next():
                at_work.append(group)
            if not at_work:
                return search
            if num_ended == dies_after:
                return search
            self.run(at_work.pop(order.randrange(len(at_work))))
            num_ended += 1


def changes(search: Search) -> list[dict[str, Any]]:
    return [dict(made.changes) for made in search.suggestions]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_search_that_was_killed_suggests_what_it_would_have(tmp_path: Path, sampler: str) -> None:
    # enough for the samplers to go by results: TPE begins with ten by chance
    sweep = searching(LARGE, sampler=sampler, trials=22).model_copy(update={"seeds": (0,)})
    undisturbed = Calls(tmp_path / "a", sweep)
    expected = undisturbed.go(random.Random(0))
    disturbed = Calls(tmp_path / "b", sweep)
    order = random.Random(1)
    for dies_after in (0, 7, 2, 1, 2, 1, 1, 2, 1, None):
        found = disturbed.go(order, dies_after)
    assert len(expected.suggestions) == 22
    assert changes(found) == changes(expected)
    assert found.found() == expected.found()
    assert disturbed.num_run == 22
    assert not disturbed.call().waiting()
    assert disturbed.call().next() == []


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_search_that_is_asked_for_more_suggests_what_it_would_have(
    tmp_path: Path, sampler: str
) -> None:
    less, more = (
        searching(LARGE, sampler=sampler, trials=trials).model_copy(update={"seeds": (0,)})
        for trials in (12, 18)
    )
    expected = Calls(tmp_path / "a", more).go(random.Random(0))
    first = Calls(tmp_path / "b", less).go(random.Random(1))
    first.found()
    found = Calls(tmp_path / "b", more).go(random.Random(2))
    assert len(found.suggestions) == 18
    assert changes(found) == changes(expected)


def test_without_its_journal_a_search_finds_what_was_run(tmp_path: Path) -> None:
    calls = Calls(tmp_path, searching())
    expected = calls.go(random.Random(0))
    for text in (None, "{"):
        (tmp_path / JOURNAL).unlink()
        if text is not None:
            (tmp_path / JOURNAL).write_text(text * 3 + "\n" + text)
        assert changes(calls.go(random.Random(1))) == changes(expected)
    assert calls.num_run == 9


def test_what_a_search_knows_are_the_records(tmp_path: Path) -> None:
    calls = Calls(tmp_path, searching({"student.supertokens": {"low": 1, "high": 11}}))
    search = calls.go(random.Random(0))
    (best,) = search.found().best
    assert best.changes["student.supertokens"] == max(
        each["student.supertokens"] for each in changes(search)
    )
    best_made = next(made for made in search.suggestions if dict(made.changes) == best.changes)
    for trial in best_made.trials:
        Folder(tmp_path).forget(trial)
    again = calls.call()
    assert [[trial_id(t) for t in group] for group in again.waiting()] == [
        [trial_id(trial) for trial in best_made.trials]
    ]
    assert changes(again) == changes(search)
    record = describe_trial(best_made.trials[0], "pruned", "stopped")
    for trial in best_made.trials:
        write_json(tmp_path / "trials" / trial_id(trial) / TRIAL, record)
    study = optuna.load_study(
        study_name=STUDY, storage=JournalStorage(JournalFileBackend(str(tmp_path / JOURNAL)))
    )
    assert len(study.trials) == 9
    assert calls.call().found().best[0].changes != best.changes


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_nothing_is_suggested_twice_and_a_space_may_end(tmp_path: Path, sampler: str) -> None:
    axes = {"student.supertokens": [1, 2, 4], "train.distill.batch": [1, 2]}
    search = Calls(tmp_path, searching(axes, trials=6, sampler=sampler)).go(random.Random(0))
    assert sorted(tuple(each.values()) for each in changes(search)) == [
        (s, batch) for s in (1, 2, 4) for batch in (1, 2)
    ]
    axes = {"student.supertokens": [1, 2], "student.assignment": ["dso", {"name": "dso"}]}
    search = Calls(tmp_path / "b", searching(axes, trials=3, sampler=sampler)).go(random.Random(0))
    found = search.found()
    assert (found.suggestions, found.planned) == (2, 3)


def test_a_combination_that_cannot_run_is_not_suggested(tmp_path: Path) -> None:
    sweep = searching(
        {"student.supertokens": [2, 4, 8], "student.budget": [2, 4, 8]},
        student={"name": "foundry_gate", "supertokens": 2},
        trials=6,
    )
    search = Calls(tmp_path, sweep).go(random.Random(0))
    pairs = {tuple(each.values()) for each in changes(search)}
    assert pairs == {(s, budget) for s in (2, 4, 8) for budget in (2, 4, 8) if s <= budget}


def test_failed_and_diverged_and_unfinite_suggestions_never_win(tmp_path: Path) -> None:
    axes = {"student.supertokens": [2, 13, 14, 15], "train.distill.batch": [1, 2]}
    search = Calls(tmp_path, searching(axes, objective="probe_accuracy min", trials=8)).go(
        random.Random(0)
    )
    assert {each.changes["student.supertokens"] for each in search.found().best} == {2}
    failed = [each for each in search.suggestions if each.changes["student.supertokens"] > 2]
    assert len(failed) == 6
    record = Folder(tmp_path).trial(trial_id(failed[0].trials[0]))
    assert isinstance(record, TrialRecord)


def test_a_search_without_a_success_has_no_best(tmp_path: Path) -> None:
    axes = {"student.supertokens": [13, 14]}
    search = Calls(tmp_path, searching(axes, trials=2)).go(random.Random(0))
    assert search.found().best == []


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_of_several_objectives_the_front_is_found(tmp_path: Path, sampler: str) -> None:
    axes = {"student.supertokens": [1, 2, 4, 8]}
    objective = ["probe_accuracy max", "distill_loss max"]
    search = Calls(tmp_path, searching(axes, objective=objective, trials=4, sampler=sampler)).go(
        random.Random(0)
    )
    found = search.found()
    assert found.objectives == objective
    assert {each.changes["student.supertokens"] for each in found.best} == {1, 2, 4, 8}
    assert found.best[0].values.keys() == {"probe_accuracy", "distill_loss"}
    against = searching(axes, objective=["probe_accuracy", "distill_loss"], trials=4)
    search = Calls(tmp_path / "b", against).go(random.Random(0))
    assert [each.changes for each in search.found().best] == [{"student.supertokens": 8}]


def test_an_objective_without_a_number_ends_the_search(tmp_path: Path) -> None:
    calls = Calls(tmp_path, searching(objective="probe.voted_accuracy"))
    with pytest.raises(FoundryError, match=r"unknown objective 'probe.voted_accuracy'; did you"):
        calls.go(random.Random(0))
