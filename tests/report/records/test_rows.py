from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from foundry_bench.errors import FoundryError
from foundry_bench.record import SCHEMA_VERSION, Record, StageUse, read_json, write_json
from foundry_bench.report.records.harvest import read_folders
from foundry_bench.report.records.rows import COLUMNS, tidy_rows
from foundry_bench.results.frame import write_csv
from tests.report.example_sweeps import fill_budget
from tests.report.examples import QUESTION, ExampleSweep

MakeSweep = Callable[..., ExampleSweep]


def test_rows_hold_one_line_per_trial_task_and_metric(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    sweep.trial("main", "foundry", 2, 0.9, supertokens=4, loss=0.02, probe=0.8)
    sweep.trial("baseline", "teacher", 2, 0.97, varies={})

    text = write_csv(tidy_rows(read_folders([sweep.out])))

    student = (
        "example,foundry-s4-seed2,main,done,point_jepa/tiny,foundry,foundry,dso_pos,True,4,"
        "smooth_l1,,,,,student.supertokens=4,2,1"
    )
    teacher = (
        "example,teacher-sNone-seed2,baseline,done,point_jepa/tiny,teacher,teacher,,,,,,,,,,2,1"
    )
    assert text.splitlines() == [
        "sweep,trial,role,status,teacher,student,variant,assignment,residual,supertokens,loss_name,"
        "target_norm,eps,gate_lambda,budget,varies,seed,threads,stage,task,metric,value",
        f"{student},distill,,distill_loss,0.02",
        f"{student},distill,,encoder_tokens,4.0",
        f"{student},distill,,heldout_nmse,0.044",
        f"{student},distill,,supertokens_in_use,3.25",
        f"{student},evaluate,classification,accuracy,0.9",
        f"{student},evaluate,classification,train_loss,0.3",
        f"{student},evaluate,probe,probe_accuracy,0.8",
        f"{student},evaluate,probe,probe_c,0.01",
        f"{teacher},evaluate,classification,accuracy,0.97",
        f"{teacher},evaluate,classification,train_loss,0.3",
    ]


def test_rows_are_ordered_by_role_variant_supertokens_and_seed(full_sweep: ExampleSweep) -> None:
    rows = tidy_rows(read_folders([full_sweep.out])).drop_duplicates("trial")

    assert list(rows.columns) == list(COLUMNS)
    assert rows["role"].drop_duplicates().tolist() == ["main", "baseline", "ablation"]
    main = rows[rows["role"] == "main"]
    places = list(zip(main["supertokens"], main["seed"], strict=True))
    assert places == sorted(places)


def test_rows_are_ordered_along_the_axes_too(make_sweep: MakeSweep) -> None:
    rows = tidy_rows(read_folders([fill_budget(make_sweep()).out])).drop_duplicates("trial")

    main = rows[rows["role"] == "main"]
    places = list(zip(main["budget"], main["seed"], strict=True))
    assert places == sorted(places)


def test_a_student_that_was_not_distilled_has_no_loss_name(full_sweep: ExampleSweep) -> None:
    rows = tidy_rows(read_folders([full_sweep.out]))

    assert set(rows.loc[rows["variant"] == "not_distilled", "loss_name"]) == {""}
    assert set(rows.loc[rows["variant"] == "no_residual", "residual"]) == {False}


def test_gate_budget_and_loss_are_read_where_a_student_has_them(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    student = {"gate_lambda": 1e-11, "budget": 20}
    distill = {"eps": 1e-8, "loss": {"name": "mse", "target_norm": "none"}}
    sweep.trial("main", "gated", 0, 0.9, supertokens=4, student=student, distill=distill)

    rows = tidy_rows(read_folders([sweep.out]))

    columns = ("gate_lambda", "budget", "eps", "loss_name", "target_norm")
    assert [set(rows[name]) for name in columns] == [{1e-11}, {20}, {1e-8}, {"mse"}, {"none"}]


def test_what_varies_tells_trials_apart(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    tome = {"name": "tome", "merge": None}
    for count in ("online", 4):
        varies = {"train.views.count": count, "student": tome}
        sweep.trial("main", "foundry", 0, 0.9, varies=varies, tag=f"-{count}")

    rows = tidy_rows(read_folders([sweep.out]))

    assert set(rows["varies"]) == {
        f'student={{"merge":null,"name":"tome"}}; train.views.count={count}'
        for count in ("online", 4)
    }


def test_a_failed_trial_keeps_a_line(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    broken = sweep.stage("k", "distill", status="diverged", metrics={"distill_loss": 9.0})
    sweep.trial("main", "foundry", 0, None, supertokens=4, status="diverged", stages=[broken])

    line = tidy_rows(read_folders([sweep.out])).to_dict("records")

    assert [(each["status"], each["stage"], each["metric"]) for each in line] == [
        ("diverged", "distill", "")
    ]
    assert pd.isna(line[0]["value"])


def test_what_a_failed_trial_finished_stays(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    broken = sweep.stage("k", "evaluate", task="probe", status="failed")
    sweep.trial("main", "foundry", 0, 0.9, supertokens=4, status="failed", stages=[broken])

    rows = tidy_rows(read_folders([sweep.out]))

    assert set(rows["metric"]) == {"accuracy", "train_loss"}


def test_a_trial_found_twice_counts_once(full_sweep: ExampleSweep, tmp_path: Path) -> None:
    once = tidy_rows(read_folders([full_sweep.out]))

    twice = tidy_rows(read_folders([tmp_path, full_sweep.out]))

    assert write_csv(once) == write_csv(twice)


def test_a_copy_elsewhere_does_not_hide_the_sweep(full_sweep: ExampleSweep) -> None:
    trial = full_sweep.out / "trials" / "foundry-s4-seed0" / "trial.json"
    copy = full_sweep.out / "artifacts" / "0" / "trial.json"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(trial.read_bytes())

    evidence = read_folders([full_sweep.out])

    assert evidence.sweeps["example"].question == QUESTION
    assert evidence.folders["example/foundry-s4-seed0"] == trial.parent


def test_records_in_the_store_are_found(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    sweep.trial("main", "foundry", 0, 0.9, supertokens=4)
    (sweep.out / "store").mkdir()
    (sweep.out / "stages").rename(sweep.out / "store" / "stages")

    assert "accuracy" in set(tidy_rows(read_folders([sweep.out]))["metric"])


def test_a_finished_record_wins_over_a_failed_one(make_sweep: MakeSweep) -> None:
    sweep, other = make_sweep("a"), make_sweep("b")
    sweep.stage("k", "evaluate", task="probe", status="failed")
    use = other.stage("k", "evaluate", task="probe", metrics={"probe_accuracy": 0.5})
    sweep.trial("main", "foundry", 0, None, supertokens=4, stages=[use])

    rows = tidy_rows(read_folders([sweep.out, other.out]))

    assert rows["value"].tolist() == [0.5]


def test_records_cut_short_and_of_other_schemas_are_noted(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for seed in (0, 1):
        sweep.trial("main", "foundry", seed, 0.9, supertokens=4)
    cut = sweep.out / "stages" / "tune-foundry-s4-seed0" / "record.json"
    cut.write_text(cut.read_text()[:100])
    newer = sweep.out / "stages" / "tune-foundry-s4-seed1" / "record.json"
    record = read_json(newer, Record)
    write_json(newer, record.model_copy(update={"schema_version": SCHEMA_VERSION + 1}))

    evidence = read_folders([sweep.out])

    assert len(tidy_rows(evidence)) == 2
    said = " ".join(evidence.notes)
    assert "stages/tune-foundry-s4-seed0/record.json is cut short" in said
    assert "stages/tune-foundry-s4-seed1/record.json has schema 2" in said
    assert str(sweep.out) not in said


def test_a_stage_without_record_is_noted(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    gone = StageUse(stage="evaluate", task="probe", key="gone")
    sweep.trial("main", "foundry", 0, 0.9, supertokens=4, stages=[gone])

    assert read_folders([sweep.out]).notes == (
        "Trial foundry-s4-seed0 names a stage (evaluate probe) whose record was not found.",
    )


def test_trials_that_have_not_ended_are_noted(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    sweep.trial("main", "foundry", 0, 0.9, supertokens=4)
    waiting = sweep.out / "trials" / "foundry-s4-seed1" / "trial.yaml"
    waiting.parent.mkdir()
    waiting.write_text("")

    assert read_folders([sweep.out]).notes == (
        "1 trials of the sweep have not ended: foundry-s4-seed1.",
    )


def test_a_root_that_is_no_folder_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(FoundryError, match="is not a folder"):
        read_folders([tmp_path / "missing"])


def test_numbers_have_ten_digits_at_most(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    sweep.trial("main", "foundry", 0, 2 / 3, supertokens=4, loss=1e-11 / 3)

    text = write_csv(tidy_rows(read_folders([sweep.out])))

    values = {line.split(",")[-2]: line.split(",")[-1] for line in text.splitlines()}
    assert values["accuracy"] == "0.6666666667"
    assert values["distill_loss"] == "3.333333333e-12"
    assert values["supertokens_in_use"] == "3.25"


def test_nested_settings_are_told_apart_by_those_that_differ(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for spread in (1.0, 4.0):
        varies = {"student.assignment": {"name": "dso", "heads": 1, "init_std": spread}}
        sweep.trial("main", "foundry", 0, 0.9, varies=varies, tag=f"-{spread}")
    sweep.trial("baseline", "teacher", 0, 0.9, varies={})

    rows = tidy_rows(read_folders([sweep.out])).drop_duplicates("trial")

    assert list(rows["varies"]) == [
        "student.assignment.init_std=1.0", "student.assignment.init_std=4.0", ""
    ]  # fmt: skip
