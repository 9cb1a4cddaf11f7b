from collections.abc import Mapping
from pathlib import Path

import pytest

from foundry_bench.record import Record, StageUse, TrialRecord, write_json
from foundry_bench.store import RECORD
from foundry_bench.sweep.execution import Outcome
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.summary import cost, results


@pytest.mark.parametrize(
    ("num_run", "stage_s", "text"),
    [
        (0, 0.0, "nothing to run: 0 trials had ended"),
        (3, 0.0, "3 trials in 0:10 on 2 slots; no stage had to run"),
        (3, 16.0, "3 trials in 0:10 on 2 slots; stages took 0:16, overhead 25.0%"),
    ],
)
def test_trials_that_found_all_in_the_store_were_run_all_the_same(
    num_run: int, stage_s: float, text: str
) -> None:
    outcome = Outcome([], num_run, wall_s=10, stage_s=stage_s, slots=2, is_mirrored=True)
    assert cost(outcome) == text


def trial_with(
    folder: Path, tasks: Mapping[str, tuple[str, dict[str, float]]], supertokens: int, seed: int
) -> TrialRecord:
    """A trial that is done, with a stage for each of `tasks`: label -> registered name, metrics."""
    uses = []
    stages: list[tuple[str, str | None, dict[str, float]]] = [
        (name, label, metrics) for label, (name, metrics) in tasks.items()
    ]
    for name, label, metrics in [("", None, {"distill_loss": 0.25}), *stages]:
        key = f"{label or 'distill'}-{supertokens}-{seed}"
        record = Record(
            key=key,
            stage="evaluate" if label else "distill",
            stage_version=1,
            task=label,
            status="done",
            config={"task": {"name": name}} if label else {},
            inputs={},
            seed=seed,
            metrics=metrics,
        )
        path = folder / "stages" / key / RECORD
        path.parent.mkdir(parents=True)
        write_json(path, record)
        uses.append(StageUse(stage=record.stage, task=label, key=key))
    return TrialRecord(
        trial=f"foundry-s{supertokens}-seed{seed}",
        sweep="s",
        role="main",
        variant="foundry",
        seed=seed,
        threads=1,
        status="done",
        varies={"student.supertokens": supertokens},
        config={},
        stages=uses,
    )


def lines(records: list[TrialRecord], folder: Path) -> list[list[str]]:
    """The headings and the cells of each line of the end table."""
    table = results(records, Folder(folder))
    cells = [[str(cell) for cell in column.cells] for column in table.columns]
    return [
        [str(column.header) for column in table.columns],
        *(list(line) for line in zip(*cells, strict=True)),
    ]


def test_two_tasks_of_one_kind_have_two_columns(tmp_path: Path) -> None:
    records = [
        trial_with(
            tmp_path,
            {
                "classification": ("classification", {"accuracy": 0.5 + seed / 100, "loss": 1}),
                "hard": ("classification", {"accuracy": 0.25, "loss": 2}),
            },
            supertokens,
            seed,
        )
        for supertokens in (1, 4)
        for seed in (0, 1)
    ]
    head = ["variant", "supertokens", "seeds", "accuracy", "hard.accuracy", "distill_loss"]
    assert lines(records, tmp_path) == [
        head,
        ["foundry", "1", "2", "0.5050", "0.2500", "0.2500"],
        ["foundry", "4", "2", "0.5050", "0.2500", "0.2500"],
    ]


def test_each_task_shows_its_own_main_metric(tmp_path: Path) -> None:
    tasks: dict[str, tuple[str, dict[str, float]]] = {
        "svm": ("svm", {"svm_train_accuracy": 1.0, "svm_accuracy": 0.75}),
        "retrieval": ("retrieval", {"retrieval_top1": 0.9, "retrieval_map": 0.5}),
        "part_segmentation": (
            "part_segmentation",
            {"point_accuracy": 0.9, "miou_class": 0.4, "miou_instance": 0.6},
        ),
    }
    head, line = lines([trial_with(tmp_path, tasks, 4, 0)], tmp_path)
    shown = dict(zip(head, line, strict=True))
    assert list(shown)[3:] == ["svm_accuracy", "retrieval_map", "miou_instance", "distill_loss"]
    assert list(shown.values())[3:] == ["0.7500", "0.5000", "0.6000", "0.2500"]


def test_three_seeds_have_an_interval(tmp_path: Path) -> None:
    records = [
        trial_with(tmp_path, {"svm": ("svm", {"svm_accuracy": 0.5 + seed / 10})}, 4, seed)
        for seed in (0, 1, 2)
    ]
    # half of the 95 % interval: t(2 degrees) = 4.3027, times 0.1 / sqrt(3)
    assert lines(records, tmp_path)[1][3] == "0.6000 ± 0.2484"
