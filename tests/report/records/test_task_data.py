from foundry_bench.record import StageUse, TrialRecord
from foundry_bench.report.records.task_data import name_data

SHAPES = {"name": "shapes"}
FILE = {"name": "archive", "path": "/data/lpsb_parts.npz"}


def _trial(tasks: object, *labels: str, data: object = SHAPES) -> TrialRecord:
    return TrialRecord(
        trial="t",
        sweep="s",
        role="main",
        variant="foundry",
        seed=0,
        threads=1,
        status="done",
        config={"tasks": tasks, "data": data},
        stages=[StageUse(stage="evaluate", task=label, key=label) for label in labels],
    )


def test_a_task_is_of_its_own_data_or_of_the_trials() -> None:
    tasks = [
        {"name": "classification"},
        {"name": "part_segmentation", "label": "lpsb", "data": FILE},
        {"name": "few_shot", "label": None, "data": None},
    ]

    assert name_data([_trial(tasks, "classification", "lpsb", "few_shot_5w10s")]) == {
        "classification": "shapes",
        "lpsb": "lpsb_parts",
        "few_shot_5w10s": "shapes",
    }


def test_what_trials_do_not_agree_on_or_do_not_say_is_left_out() -> None:
    tasks = [{"name": "probe"}]
    trials = [_trial(tasks, "probe"), _trial(tasks, "probe", data={"name": "modelnet40"})]

    assert name_data(trials) == {}
    assert name_data([_trial(None, "probe"), _trial(["probe"], "probe")]) == {}
