from collections.abc import Callable
from pathlib import Path

import pytest

from foundry_bench.config.load import load_sweep
from foundry_bench.config.sweep import SweepConfig, TrialConfig
from foundry_bench.errors import FoundryError
from foundry_bench.sweep.expand import Expansion, expand, trial_id
from tests.toys import Hard, Toy, register_toys

Load = Callable[..., SweepConfig]
NO_BASELINES = "baselines: {teacher: false, not_distilled: false, scratch: false}\n"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    register_toys(monkeypatch)

    def load_text(more: str, *overrides: str) -> SweepConfig:
        path = tmp_path / "sweep.yaml"
        base = "name: small\nquestion: q\nstudent: {name: toy, supertokens: 4}\ndata: blobs\n"
        path.write_text(f"{base}tasks: [quiz]\n{more}")
        return load_sweep(path, overrides)

    return load_text


def toy(trial: TrialConfig) -> Toy.Settings:
    assert isinstance(trial.student, Toy.Settings)
    return trial.student


def test_axes_make_all_combinations_of_one_seed_before_the_next(load: Load):
    sweep = load(
        f"{NO_BASELINES}seeds: [3, 5]\n"
        "axes: {student.supertokens: [1, 2], student.residual: [true, false]}\n"
    )
    found = [(trial.seed, toy(trial).supertokens, toy(trial).residual) for trial in expand(sweep)]
    one_seed = [(1, True), (1, False), (2, True), (2, False)]
    assert found == [(seed, *rest) for seed in (3, 5) for rest in one_seed]
    assert {(trial.role, trial.variant) for trial in expand(sweep)} == {("main", "toy")}


def test_baselines(load: Load):
    sweep = load("seeds: [0]\naxes: {student.supertokens: [1, 2]}\n")
    baselines = {trial.variant: trial for trial in expand(sweep) if trial.role == "baseline"}
    assert {name: trial.init for name, trial in baselines.items()} == {
        "teacher": "teacher",
        "not_distilled": "teacher",
        "scratch": "random",
    }
    assert baselines["teacher"].student is None
    assert toy(baselines["not_distilled"]).supertokens == 4
    assert baselines["not_distilled"].train == sweep.train
    assert baselines["scratch"].train.finetune.trainable == ("tokenizer", "encoder")


def test_baselines_may_differ_from_the_sweep(load: Load):
    sweep = load(
        "baselines:\n"
        "  teacher: false\n"
        "  not_distilled: {student.supertokens: 8, student: {assignment: {name: soft}}}\n"
        "  scratch: {train.finetune.trainable: [encoder], student: {levels: [5]}}\n"
    )
    baselines = {trial.variant: trial for trial in expand(sweep) if trial.role == "baseline"}
    assert set(baselines) == {"not_distilled", "scratch"}
    assert toy(baselines["not_distilled"]).supertokens == 8
    assert toy(baselines["not_distilled"]).assignment == Hard.Settings(name="soft")
    assert baselines["scratch"].train.finetune.trainable == ("encoder",)
    assert toy(baselines["scratch"]).levels == (5,)


def test_baselines_follow_axes_that_change_them(load: Load):
    sweep = load(
        "seeds: [0]\naxes:\n  teacher.preset: [tiny, small]\n  train.distill.epochs: [1, 2]\n"
        "  student.supertokens: [1, 2]\n"
    )
    baselines = [trial for trial in expand(sweep) if trial.role == "baseline"]
    assert [(trial.variant, trial.teacher.preset) for trial in baselines] == [
        (name, preset)
        for name in ("teacher", "not_distilled", "scratch")
        for preset in ("tiny", "small")
    ]


def test_ablations_take_lists_as_axes(load: Load):
    sweep = load(
        f"{NO_BASELINES}seeds: [0]\nablations:\n"
        "  plain: {student.residual: false, student.supertokens: [1, 16], student.levels: [7]}\n"
        "  soft: {student.assignment: soft}\n"
    )
    ablations = [trial for trial in expand(sweep) if trial.role == "ablation"]
    assert [(t.variant, toy(t).supertokens, toy(t).residual, toy(t).levels) for t in ablations] == [
        ("plain", 1, False, (7,)),
        ("plain", 16, False, (7,)),
        ("soft", 4, True, (1, 2)),
    ]


def test_of_equal_trials_the_main_one_stays(load: Load):
    sweep = load(
        f"{NO_BASELINES}seeds: [0]\naxes: {{student.supertokens: [1, 1, 4]}}\n"
        "ablations: {same: {student.supertokens: 1}}\n"
    )
    assert [(trial.role, toy(trial).supertokens) for trial in expand(sweep)] == [
        ("main", 1),
        ("main", 4),
    ]


def test_varies_holds_what_differs(load: Load):
    sweep = load(
        "seeds: [0]\nbaselines: {scratch: {student.supertokens: 8}, not_distilled: false}\n"
        "axes: {student.supertokens: [1, 2], train.distill.epochs: [8]}\n"
        "ablations: {soft: {student.assignment: soft}}\n"
    )
    trials = {trial_id(trial).rsplit("-", 1)[0]: trial.varies for trial in expand(sweep)}
    assert trials == {
        "toy-s1-seed0": {"student.supertokens": 1, "student.assignment": "hard"},
        "toy-s2-seed0": {"student.supertokens": 2, "student.assignment": "hard"},
        "teacher-seed0": {},
        "scratch-s8-seed0": {"student.supertokens": 8, "student.assignment": "hard"},
        "soft-s4-seed0": {"student.supertokens": 4, "student.assignment": "soft"},
    }


def test_choices_of_one_name_are_shown_whole(load: Load):
    axis = (
        "axes: {student.assignment: [{name: hard, temperature: 1}, {name: hard, temperature: 2}]}\n"
    )
    trials = expand(load(f"{NO_BASELINES}seeds: [0]\n{axis}"))
    assert [trial.varies["student.assignment"]["temperature"] for trial in trials] == [1, 2]


def test_ids_are_readable_and_unique(load: Load):
    trials = expand(
        load("axes: {student.residual: [true, false]}\nablations: {soft: {student.levels: []}}\n")
    )
    ids = [trial_id(trial) for trial in trials]
    assert len(set(ids)) == len(ids)
    assert ids[0].startswith("toy-s4-seed0-")
    assert all(set(identity) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for identity in ids)


def test_an_id_depends_on_what_is_computed_alone(load: Load):
    trial = expand(load(NO_BASELINES))[0]
    renamed = trial.model_copy(update={"sweep": "x", "role": "ablation", "varies": {"a": 1}})
    assert trial_id(renamed) == trial_id(trial)
    for change in ({"threads": 7}, {"seed": 9}, {"init": "random"}, {"device": "cuda"}):
        assert trial_id(trial.model_copy(update=change)) != trial_id(trial)


def test_all_impossible_combinations_come_in_one_message(load: Load):
    sweep = load(
        "axes: {teacher.preset: [small, tiny], student.supertokens: [1, 40, 64]}\nseeds: [0, 1]\n"
    )
    with pytest.raises(FoundryError) as caught:
        expand(sweep)
    assert str(caught.value).splitlines() == [
        "sweep small has 2 faults:",
        *(
            f"  toy teacher.preset=tiny student.supertokens={s}: "
            f"student.supertokens: {s} is more than 32 tokens"
            for s in (40, 64)
        ),
    ]


def test_resources_are_resolved(load: Load):
    sweep = load(NO_BASELINES)
    (cpu, *_), (cuda, *_) = expand(sweep, cores=8), expand(sweep, cores=8, gpus=2)
    assert (cpu.device, cpu.threads) == ("cpu", 1)
    assert (cuda.device, cuda.threads) == ("cuda", 4)


def test_of_a_search_only_baselines_and_ablations_are_known(load: Load):
    sweep = load(
        "seeds: [3, 5]\nbaselines: {not_distilled: false, scratch: false}\n"
        "axes: {student.assignment: [hard, soft], student.supertokens: {low: 1, high: 8}}\n"
        "ablations: {plain: {student.residual: false}}\n"
        "search: {objective: distill_loss, trials: 2}\n",
        "student.assignment=hard",
    )
    expansion = Expansion(sweep, 1)
    assert [(trial.variant, trial.seed) for trial in expansion.known()] == [
        (variant, seed) for seed in (3, 5) for variant in ("teacher", "plain")
    ]
    assert expansion.known()[1].varies == {
        "student.assignment": "hard",
        "student.supertokens": 4,
        "student.residual": False,
    }
    suggested = expansion.suggested({"student.assignment": "soft", "student.supertokens": 6})
    assert suggested is not None
    assert [(trial.role, trial.variant, trial.seed) for trial in suggested] == [
        ("main", "toy", 3),
        ("main", "toy", 5),
    ]
    assert suggested[1].varies == {
        "student.assignment": "soft",
        "student.supertokens": 6,
        "student.residual": True,
    }
    assert expansion.suggested({"student.supertokens": 100}) is None
    assert [(toy(each).assignment.name, toy(each).supertokens) for each in expansion.corners] == [
        ("hard", 1),
        ("soft", 1),
        ("hard", 8),
    ]


def test_without_a_search_there_are_no_corners(load: Load):
    assert Expansion(load("axes: {student.supertokens: [1, 2]}\n"), 1).corners == []


def test_a_setting_that_dumps_leave_out_is_an_axis_as_any_other(load: Load):
    sweep = load("seeds: [0]\naxes: {train.finetune.drop_path: [0.0, 0.1]}\n")
    trials = [trial for trial in expand(sweep) if trial.role == "main"]
    assert [trial.varies["train.finetune.drop_path"] for trial in trials] == [0.0, 0.1]
