from collections.abc import Sequence
from pathlib import Path

import pytest

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.stage import Stage, StageContext, StageResult
from foundry_bench.store import WEIGHTS_REMOVED, Store
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.group import run_group
from foundry_bench.sweep.planning import TrialPlan
from foundry_bench.sweep.side_by_side import side_by_side
from foundry_bench.teachers.teacher import ViTTeacher
from foundry_bench.trial import plan_trial
from foundry_bench.turns import next_turn
from tests.sweep.planned_stages import sweep_config
from tests.trials import ONLINE, TEACHER, numbers, planned, run, trial_config

ALIKE = [{"student.supertokens": 2}, {"student.supertokens": 4}, {"train.distill.lr": 1e-3}]


def plans(*words: str | None) -> list[TrialPlan]:
    """Trials that share a stage as the words say; the seed is a trial's place."""
    found = []
    for seed, word in enumerate(words):
        stage = Stage("distill", 1, {}, lambda context: StageResult(), seed=seed, together=word)
        trial = TrialConfig.model_construct(seed=seed)
        found.append(TrialPlan(trial, [stage]))
    return found


def seeds(groups: Sequence[Sequence[TrialConfig]]) -> list[list[int]]:
    return [[trial.seed for trial in group] for group in groups]


@pytest.mark.parametrize(
    ("slots", "most", "expected"),
    [
        (1, 8, [[0, 2, 4], [1], [3, 5]]),
        (1, 2, [[0, 2], [1], [3, 5], [4]]),
        (3, 8, [[0, 2], [1], [3, 5], [4]]),
        (2, 1, [[0], [1], [2], [3], [4], [5]]),
    ],
)
def test_trials_that_share_batches_go_together(
    slots: int, most: int, expected: list[list[int]]
) -> None:
    given = plans("a", None, "a", "b", "a", "b")
    to_run = {stage.key for plan in given for stage in plan.stages}
    assert seeds(side_by_side(given, to_run, slots, most)) == expected


def test_what_is_in_the_store_asks_for_no_company() -> None:
    assert seeds(side_by_side(plans("a", "a"), (), 1, 8)) == [[0], [1]]


def test_students_learn_together_that_differ_in_no_batch(files: Path) -> None:
    def word(changes: dict[str, object]) -> str | None:
        return planned(files, {**ONLINE, **changes})["distill"].together

    same = word({})
    assert same is not None
    assert all(word(changes) == same for changes in ALIKE)
    other: list[dict[str, object]] = [
        {"seed": 1},
        {"train.distill.batch": 4},
        {"train.distill.trainable": ["tokenizer", "encoder"]},
        {"threads": 2},
        {"train.views.rotate": "none"},
    ]
    assert same not in [word(changes) for changes in other]
    assert planned(files)["distill"].together is None, "cached views leave nothing to share"
    assert "distill" not in planned(files, {**ONLINE, **TEACHER})


def test_students_side_by_side_get_the_numbers_that_they_get_alone(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    embed = ViTTeacher.embed
    monkeypatch.setattr(
        ViTTeacher, "embed", lambda self, patches: (asked.append(self), embed(self, patches))[1]
    )
    changes = [{**ONLINE, "tasks": ["probe"], **each} for each in ALIKE]
    alone = [
        numbers(run(files, tmp_path / str(number), each)[0]) for number, each in enumerate(changes)
    ]
    asked_alone = len(asked)
    asked.clear()
    trials = [trial_config(files, each) for each in changes]
    store = Store(tmp_path / "store")
    records = run_group(trials, store, tmp_path / "out", lambda trial, progress: None, plan_trial)
    assert [record.status for record in records] == ["done"] * 3
    together = [
        numbers({s.task or s.kind: store.get_or_run(s, print).record for s in plan_trial(trial)})
        for trial in trials
    ]
    assert together == alone
    # train and unlabelled clouds in 2 epochs are shared; what each does with test clouds is not
    assert len(asked) < asked_alone / 2


def test_a_member_that_fails_runs_once_and_does_not_end_the_others(tmp_path: Path) -> None:
    ran: list[int] = []

    def plan(trial: TrialConfig) -> list[Stage]:
        def work(context: StageContext) -> StageResult:
            ran.append(trial.seed)
            for _ in range(3):
                next_turn()
            if trial.seed == 1:
                raise RuntimeError("one")
            return StageResult({"loss": float(trial.seed)})

        return [Stage("distill", 1, {}, work, seed=trial.seed, together="all")]

    trials = expand(sweep_config(axes={}, seeds=[0, 1, 2]), 2, 0)
    records = run_group(
        trials, Store(tmp_path / "store"), tmp_path, lambda trial, progress: None, plan
    )
    assert [record.status for record in records] == ["done", "failed", "done"]
    assert records[1].error == "distill: RuntimeError: one"
    assert sorted(ran) == [0, 1, 2]
    assert "RuntimeError: one" in (tmp_path / "trials" / records[1].trial / "log.txt").read_text()


def test_students_whose_weights_were_freed_learn_side_by_side_again(tmp_path: Path) -> None:
    steps: list[int] = []

    def plan(trial: TrialConfig) -> list[Stage]:
        def work(context: StageContext) -> StageResult:
            for _ in range(2):
                next_turn()
                steps.append(trial.seed)
            return StageResult()

        learnt = Stage("distill", 1, {}, work, seed=trial.seed, together="all")
        return [
            Stage(kind, version, {}, lambda context: StageResult(), needs={"backbone": learnt})
            for kind, version in versions.items()
        ]

    versions = {"evaluate": 1}
    trials = expand(sweep_config(axes={}, seeds=[0, 1]), 2, 0)
    store = Store(tmp_path / "store")
    for _ in range(2):
        run_group(trials, store, tmp_path, lambda *_: None, plan)
    assert steps == [0, 1, 0, 1], "what nobody needs is not run again"
    for folder in (tmp_path / "store" / "stages").iterdir():
        (folder / WEIGHTS_REMOVED).touch()
    versions["evaluate"] = 2
    run_group(trials, store, tmp_path, lambda *_: None, plan)
    assert steps == [0, 1, 0, 1] * 2
