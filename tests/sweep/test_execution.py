"""What a call of a sweep runs, decided before anything runs."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from foundry_bench.config.sweep import SweepConfig, TrialConfig
from foundry_bench.errors import FoundryError
from foundry_bench.stage import Stage
from foundry_bench.store import Store
from foundry_bench.sweep import execution
from foundry_bench.sweep.dry_run import dry_run
from foundry_bench.sweep.execution import Call, has_ended, run_sweep
from foundry_bench.sweep.expand import Expansion, expand, trial_id
from foundry_bench.sweep.folder import SUMMARY, Folder, read_mapping, write_mapping
from foundry_bench.sweep.group import in_order, run_group
from foundry_bench.sweep.planning import TrialPlan
from foundry_bench.sweep.slots import Slots
from tests.sweep.planned_stages import PLANNER, plan, sweep_config

CHANGED = f"{__name__}:plan_of_changed_data"
BROKEN = f"{__name__}:plan_without_data"


def plan_of_changed_data(trial: TrialConfig) -> list[Stage]:
    """As `plan`, of a file that was written again."""
    tokens = Stage("tokens", 1, {}, lambda context: None, fingerprints={"data": "new"})  # type: ignore[arg-type, return-value]
    return [Stage("distill", 1, {}, tokens.run, needs={"tokens": tokens})]


def plan_without_data(trial: TrialConfig) -> list[Stage]:
    """A file is missing."""
    raise FoundryError("clouds.npz is no file")


def call(out: Path, sweep: SweepConfig, planner: str = PLANNER, **changes: object) -> Call:
    return Call(
        sweep,
        expand(sweep, 2, 0),
        out,
        out / "store",
        Slots(2),
        planner=planner,
        **changes,  # type: ignore[arg-type]
    )


def finished(out: Path, sweep: SweepConfig) -> list[TrialConfig]:
    """The sweep's trials, all ended in `out`."""
    trials = expand(sweep, 2, 0)
    Folder(out).adopt(sweep, trials)
    run_group(trials, Store(out / "store"), out, lambda *_: None, plan)
    return trials


def planned(trial: TrialConfig, leaves: list[Stage]) -> TrialPlan:
    return TrialPlan(trial, list(in_order(leaves).values()))


@pytest.mark.parametrize("supertokens", [4, 13])
def test_a_trial_has_ended_with_the_stages_that_are_planned_now(
    tmp_path: Path, supertokens: int
) -> None:
    (trial,) = finished(tmp_path, sweep_config(axes={"student.supertokens": [supertokens]}))
    folder = Folder(tmp_path)
    assert has_ended(folder, planned(trial, plan(trial)), ())
    assert not has_ended(folder, planned(trial, plan_of_changed_data(trial)), ())
    assert has_ended(folder, planned(trial, plan(trial)), {"failed"}) == (supertokens == 4)


def test_a_done_trial_without_one_of_its_planned_stages_has_not_ended(tmp_path: Path) -> None:
    (trial,) = finished(tmp_path, sweep_config(axes={"student.supertokens": [4]}))
    more = Stage("evaluate", 2, {}, plan(trial)[0].run, task="classification")
    assert not has_ended(Folder(tmp_path), planned(trial, [*plan(trial), more]), ())


@pytest.fixture
def _no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("a trial began")

    monkeypatch.setattr(execution, "_run", refuse)
    monkeypatch.setattr(execution, "Mirroring", refuse)


@pytest.mark.usefixtures("_no_ray")
def test_a_trial_that_cannot_be_planned_keeps_the_records_there_are(tmp_path: Path) -> None:
    sweep = sweep_config(axes={"student.supertokens": [13]})
    (trial,) = finished(tmp_path, sweep)
    with pytest.raises(FoundryError, match="is no file"):
        run_sweep(call(tmp_path, sweep, BROKEN, retry={"failed"}), Console(quiet=True))
    assert Folder(tmp_path).trial(trial_id(trial)) is not None


@pytest.mark.usefixtures("_no_ray")
def test_other_threads_do_not_fill_the_folder_with_a_second_sweep(tmp_path: Path) -> None:
    finished(tmp_path, sweep_config())
    before = (tmp_path / "sweep.yaml").read_text()
    other = sweep_config(resources={"device": "cpu", "concurrent": 1, "threads": 2})
    with pytest.raises(FoundryError) as caught:
        run_sweep(call(tmp_path, other), Console(quiet=True))
    message = str(caught.value)
    assert "holds trials that this call does not have, such as foundry-s1-seed0-" in message
    assert "this call has threads 2; go on with `--set resources.threads=1`" in message
    assert "--out" in message
    assert len(Folder(tmp_path).identities()) == 3
    assert (tmp_path / "sweep.yaml").read_text() == before


@pytest.mark.usefixtures("_no_ray")
def test_trials_that_nobody_saved_are_refused_too(tmp_path: Path) -> None:
    (tmp_path / "trials" / "stray").mkdir(parents=True)
    with pytest.raises(FoundryError, match="such as stray: give another folder with --out"):
        run_sweep(call(tmp_path, sweep_config()), Console(quiet=True))


@pytest.mark.usefixtures("_no_ray")
def test_clouds_with_too_few_points_are_refused_before_the_first_trial(tmp_path: Path) -> None:
    sweep = sweep_config(data={"name": "shapes", "points": 64})
    with pytest.raises(FoundryError, match=r"no trial can begin:\s.*'shapes' have 64 points"):
        run_sweep(call(tmp_path, sweep), Console(quiet=True))
    assert not Folder(tmp_path).identities()


@pytest.mark.parametrize(
    ("slots", "words"),
    [
        (Slots(8, gpus=1, per_gpu="auto"), "; at most 8 at a time"),
        (Slots(8, gpus=1, per_gpu=8), "; 8 at a time"),
    ],
)
def test_a_plan_does_not_promise_what_is_not_measured_yet(
    tmp_path: Path, slots: Slots, words: str
) -> None:
    text = io.StringIO()
    asked = replace(call(tmp_path, sweep_config()), slots=slots)
    Console(file=text, width=300).print(dry_run(asked))
    assert f"3 trials, 0 of them have ended{words}\n" in "".join(
        f"{line.rstrip()}\n" for line in text.getvalue().splitlines()
    )


def test_a_call_that_is_killed_leaves_no_word_that_mlflow_holds_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = sweep_config(axes={"student.supertokens": [13]})
    finished(tmp_path, sweep)
    write_mapping(tmp_path / SUMMARY, {"name": "planned", "is_mirrored": True})

    def kill(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(execution, "_run", kill)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(call(tmp_path, sweep, retry={"failed"}), Console(quiet=True))
    assert read_mapping(tmp_path / SUMMARY) == {"name": "planned", "is_mirrored": False}


@pytest.mark.parametrize(
    ("changes", "goes_on"),
    [
        ({"trials": 9}, True),
        ({"trials": 3}, False),
        ({"trials": 9, "seed": 1}, False),
        ({"trials": 9, "sampler": "nsga2"}, False),
    ],
)
def test_a_search_may_be_asked_for_more(
    tmp_path: Path, changes: dict[str, object], goes_on: bool
) -> None:
    axes = {"student.supertokens": {"low": 1, "high": 8}}
    search = {"objective": "probe_accuracy", "trials": 4, "sampler": changes.get("sampler", "tpe")}
    folder = Folder(tmp_path)
    folder.adopt(sweep_config(axes=axes, search=search), [])
    more = Expansion(sweep_config(axes=axes, search={**search, **changes}), 2, 0)
    if goes_on:
        folder.refuse_other(more.sweep, more.known(), more.corners[0])
    else:
        with pytest.raises(FoundryError, match="with other search"):
            folder.refuse_other(more.sweep, more.known(), more.corners[0])


def test_a_search_goes_on_in_its_folder_with_the_same_threads_alone(tmp_path: Path) -> None:
    axes = {"student.supertokens": {"low": 1, "high": 8}}
    sweep = sweep_config(axes=axes, search={"objective": "probe_accuracy", "trials": 2})
    folder, expansion = Folder(tmp_path), Expansion(sweep, 2, 0)
    trials = expansion.suggested({"student.supertokens": 3})
    assert trials is not None
    folder.adopt(sweep, trials)
    like = expansion.corners[0]
    folder.refuse_other(sweep, expansion.known(), like)
    other = like.model_copy(update={"threads": 2})
    with pytest.raises(FoundryError, match=r"threads 2; go on with `--set resources.threads=1`"):
        folder.refuse_other(sweep, expansion.known(), other)
