"""Results against the clouds distilled on."""

from pathlib import Path

import pytest

from foundry_bench.report.plots.clouds_distilled import plot
from tests.report.examples import ExampleSweep
from tests.report.plots.sweeps import check_drawing, gallery_sweep, sweep_in


def trials(sweep: ExampleSweep, assignments: tuple[str, ...], counts: tuple[int, ...]) -> None:
    for seed in range(3):
        sweep.trial("baseline", "teacher", seed, 0.9 + seed / 200)
        for assignment in assignments:
            for count in counts:
                accuracy = 0.6 + 0.1 * counts.index(count) + seed / 100
                student = {"assignment": {"name": assignment}}
                sweep.trial(
                    *("main", "foundry", seed, accuracy - 0.05 * (assignment == "fps")),
                    supertokens=4,
                    loss=0.1,
                    student=student,
                    config={"data": {"name": "shapes", "train": 100, "unlabelled": count - 100}},
                    varies={
                        "student.assignment": student["assignment"],
                        "data.unlabelled": count - 100,
                    },
                    tag=f"-{assignment}-{count}",
                )


def test_a_line_an_assignment(tmp_path: Path):
    trials(ExampleSweep(tmp_path), ("dso", "fps"), (512, 4096, 32768))
    (found,) = plot(sweep_in(tmp_path))
    assert found.name == "accuracy_vs_distill_clouds"
    students = found.data[found.data["role"] == "main"]
    assert students["line"].unique().tolist() == ["foundry, dso", "foundry, fps"]
    dso = students[students["line"] == "foundry, dso"]
    assert dso["distill_clouds"].tolist() == [512, 4096, 32768]
    assert dso["mean"].tolist() == pytest.approx([61, 71, 81])
    assert found.data["name"].dropna().tolist() == ["teacher"]
    check_drawing(found)


def test_one_number_of_clouds_has_no_figure(tmp_path: Path):
    trials(ExampleSweep(tmp_path), ("dso", "fps"), (512,))
    assert list(plot(sweep_in(tmp_path))) == []
    assert list(plot(gallery_sweep("supertokens"))) == []
