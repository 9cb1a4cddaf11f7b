"""What records of `profile` become in a report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from foundry_bench.record import Record, write_json
from foundry_bench.report.assemble import assemble
from foundry_bench.report.profiles.records import (
    PARTS,
    Measured,
    newest,
    of_kind,
    read_profiles,
    side_by_side,
)
from foundry_bench.report.profiles.section import profile_section
from foundry_bench.report.records.harvest import read_folders
from foundry_bench.report.sections import SweepReport
from foundry_bench.report.write import write_report
from tests.report.examples import ExampleSweep

TEACHER = {"name": "vit", "width": 96, "depth": 4, "patches": 32, "patch_size": 16, "points": 512}
HARDWARE = {"kind": "cpu", "name": "Toy", "cpu": "Toy", "cores": 2}
FIRST, SECOND = "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"
MIB = 2.0**20


def record(task: str, student: dict[str, Any] | None, numbers: dict[str, float], **config: Any):
    said = {"profile": task, "teacher": TEACHER, "student": student, **config}
    name = "-".join(map(str, (task, *(student or {}).values(), *config.values())))
    return Record(
        key=f"{sum(map(ord, name)):04x}-{name}".replace(" ", "").replace(":", "")[:120],
        stage="profile",
        stage_version=1,
        task=task,
        status="done",
        config=said,
        inputs={"teacher": "t"},
        seed=None,
        metrics=numbers,
        packages={"torch": "9.9"},
        commit="c" * 40,
    )


def latency(
    student: dict[str, Any] | None, ms: float, ratio: float, moment: str = FIRST, **changes: Any
) -> Record:
    quartiles = {"median": ms, "q1": 0.9 * ms, "q3": 1.1 * ms}
    parts = {"group": 1.0, "tokenize": 2.0, "encode": ms - 3.5, "head": 0.5}
    way = {"batch": 1, "mode": "eager", "precision": "fp32", "threads": 2, "device": "cpu"}
    way |= {name: changes.pop(name) for name in list(changes) if name in way}
    numbers = {f"latency_ms_{name}": value for name, value in (quartiles | parts).items()}
    numbers |= {"latency_n": 30.0, "is_stable": 1.0, "load_average": 0.1, "output_difference": 0.0}
    numbers |= {"ratio_to_teacher": ratio, "ratio_to_teacher_q1": 0.99 * ratio, **changes}
    return record("latency", student, numbers, **way, hardware=HARDWARE, measured=moment)


FOUNDRY = {"name": "foundry", "supertokens": 16}
TOME = {"name": "tome", "supertokens": 16}


def section(records: Sequence[Record], *, has_trials: bool = False) -> SweepReport:
    found = profile_section(records, has_trials=has_trials)
    assert found is not None
    return found


@pytest.fixture
def records() -> list[Record]:
    memory = {
        "peak_rss_bytes": 300 * MIB,
        "baseline_rss_bytes": 200 * MIB,
        "own_rss_bytes": 100 * MIB,
        "activation_bytes": 60 * MIB,
    }
    conditions = {"batch": 32, "mode": "eager", "precision": "fp32", "threads": 2}
    return [
        latency(None, 20, 1.0),
        latency(FOUNDRY, 12, 0.6),
        latency(TOME, 25, 1.25),
        latency(FOUNDRY, 6, 0.5, mode="onnxruntime"),
        record("memory", FOUNDRY, memory, **conditions, hardware=HARDWARE),
        record("flops", FOUNDRY, {"macs": 3e6, "flops": 6e6, "parameters": 7.0}),
        record("flops", None, {"macs": 1.0}, preset="paper_count"),
    ]


def latencies(records: Sequence[Record]) -> list[Measured]:
    return of_kind(read_profiles(records), "latency")


def text(report: SweepReport) -> str:
    return " ".join(report.statements)


def test_sentences_say_how_long_and_what_no_supertoken_saves(records: list[Record]) -> None:
    said = text(section(records))
    assert "on Toy (2 cores), 2 threads: the teacher takes 20.00 ms (quartiles 18.00" in said
    assert "foundry s=16 12.00 ms (quartiles 10.80 and 13.20), 0.60 of it" in said
    assert "15 % of the teacher (1.00 + 2.00 ms), 25 % of foundry s=16" in said
    assert "Slower than the teacher in most rounds: tome s=16 (1.25)." in said


def test_tables_have_the_numbers(records: list[Record]) -> None:
    report = section(records)
    rows = [[cell.text for cell in row] for row in report.table.rows]
    assert [row[0] for row in rows] == ["teacher", "foundry s=16", "tome s=16"]
    cells = dict(zip(report.table.header, rows[1], strict=True))
    assert (cells["ms"], cells["q1"], cells["n"]) == ("12.00", "10.80", "30")
    assert (cells["of teacher"], cells["encode"]) == ("0.60", "8.50")
    assert cells["tok. + geo. %"] == "25"
    assert cells["upsample"] == ""
    tables = {extra.name: extra.tables[0] for extra in report.extras}
    assert set(tables) == {"ways", "memory", "flops"}
    ways = [[cell.text for cell in row] for row in tables["ways"].rows]
    assert [row[:2] for row in ways] == [
        ["foundry s=16", "eager fp32"],
        ["foundry s=16", "onnxruntime fp32"],
    ]
    assert dict(zip(tables["ways"].header, ways[1], strict=True))["of eager fp32"] == "0.50"
    memory = dict(zip(tables["memory"].header, tables["memory"].rows[0], strict=True))
    assert memory["peak RSS MiB"].value == 300
    assert memory["of it imports"].text == "200.0"
    assert len(tables["flops"].rows) == 1, "not the reading of the paper's figures"


def test_counts_with_two_heads_are_told_apart(records: list[Record]) -> None:
    labelling = record("flops", FOUNDRY, {"macs": 5e6}, parts=50)
    (counts,) = (each for each in section([*records, labelling]).extras if each.name == "flops")
    table = counts.tables[0]
    heads = [row[table.header.index("head")].text for row in table.rows]
    assert sorted(heads) == ["50 parts of points", "classes"]


def test_models_are_compared_within_one_measurement(records: list[Record]) -> None:
    later = [latency(None, 40, 1.0, SECOND), latency(FOUNDRY, 39, 0.98, SECOND)]
    (together,) = side_by_side(latencies([*records, *later]))
    assert {each.config["measured"] for each in together} == {FIRST}
    assert len(together) == 3
    later.append(latency(TOME, 50, 1.2, SECOND))
    (together,) = side_by_side(latencies([*later, *records]))
    assert {each.config["measured"] for each in together} == {SECOND}
    assert "the teacher takes 40.00 ms" in text(section([*records, *later]))


def test_the_newest_record_of_a_thing_counts() -> None:
    old, new = (latency(FOUNDRY, ms, 1.0, moment) for ms, moment in ((1, FIRST), (2, SECOND)))
    assert [each.record for each in newest(read_profiles([new, old]))] == [new]
    other = latency(FOUNDRY, 3, 1.0, threads=1)
    assert len(newest(read_profiles([new, old, other]))) == 2


def test_a_picture_stands_for_each_batch(records: list[Record]) -> None:
    report = section([*records, latency(None, 90, 1.0, batch=8)])
    names = [picture.name for picture in report.pictures]
    assert [name.partition("batch_")[2] for name in names] == ["1", "8"]
    lines = report.pictures[0].lines
    assert [(line["model"], line["encode"]) for line in lines] == [
        ("teacher", 16.5),
        ("foundry s=16", 8.5),
        ("tome s=16", 21.5),
    ]
    report.pictures[0].draw()


def test_doubtful_measurements_are_told(records: list[Record]) -> None:
    busy = latency(FOUNDRY, 1, 1.0, batch=2, other_cores=1.5)
    unstable = latency(FOUNDRY, 1, 1.0, batch=4, is_stable=0.0)
    assert section(records).notes == ()
    notes = " ".join(section([*records, busy, unstable]).notes)
    assert "1 of 6 latencies were measured while other processes kept 1.5" in notes
    assert "Still changing after the warm-up: foundry s=16 (eager fp32, batch 4)." in notes


def test_counts_alone_make_no_section_beside_sweeps(records: list[Record]) -> None:
    counts = [each for each in records if each.task == "flops"]
    assert profile_section(counts, has_trials=True) is None
    assert profile_section([], has_trials=False) is None
    alone = section(counts)
    assert alone.table.header[:2] == ("model", "tokens")
    assert section(records, has_trials=True).name == "profile"


def test_the_report_is_written_and_made_again_from_its_records(
    records: list[Record], tmp_path: Path
) -> None:
    for each in records:
        write_json(tmp_path / "out" / "stages" / each.key / "record.json", each)
    report, page = write_report([tmp_path / "out"], tmp_path / "first", with_records=True)
    assert report.title == "profile"
    assert report.notes == ()
    html = page.read_text()
    assert "foundry-bench profile memory --out DIR" in html
    assert "trial.yaml" not in html
    assert "Written by rule from what was measured." in html
    write_report([tmp_path / "first" / "records"], tmp_path / "again")
    first, again = (
        {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and "records" not in path.parts
        }
        for folder in (tmp_path / "first", tmp_path / "again")
    )
    assert first == again
    assert any(path.name.endswith("batch_1.png") for path in first)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"teacher": {"name": "vit"}}, "teacher.width: field required"),
        ({"teacher": None}, "teacher: input should be"),
        ({"student": "foundry"}, "student: input should be"),
        ({"hardware": None}, "hardware: input should be"),
        ({"mode": "telepathy"}, "mode: input should be"),
    ],
)
def test_a_record_that_lacks_what_the_page_needs_is_told_and_left_out(
    records: list[Record], changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    whole = latency(TOME, 1, 1.0, batch=64)
    odd = whole.model_copy(update={"config": {**whole.config, **changes}, "key": "odd"})
    for each in (*records, odd):
        write_json(tmp_path / "stages" / each.key / "record.json", each)
    report = assemble(read_folders([tmp_path]))
    assert f"were left out: odd ({said}" in " ".join(report.notes)
    assert len(report.sweeps) == 1
    assert len(report.sweeps[0].pictures) == 1


def test_a_latency_that_is_not_a_number_or_has_no_parts_breaks_nothing(
    records: list[Record],
) -> None:
    odd = latency(TOME, float("nan"), 1.0, batch=64)
    bare = latency(TOME, 3.0, float("nan"), batch=2)
    numbers = {
        name: value
        for name, value in bare.metrics.items()
        if name.removeprefix("latency_ms_") not in PARTS
    }
    report = section([*records, odd, bare.model_copy(update={"metrics": numbers})])
    rows = [[cell.text for cell in row] for row in report.table.rows]
    assert [row[:3] for row in rows if row[1] in ("2", "64")] == [["tome s=16", "2", "3.00"]]
    assert not any(cell == "nan" for row in rows for cell in row)


def test_cores_that_others_keep_busy_count_by_the_size_of_the_machine() -> None:
    def notes(cores: int) -> Sequence[str]:
        found = latency(FOUNDRY, 1, 1.0, other_cores=0.5)
        hardware = {**HARDWARE, "cores": cores}
        return section(
            [found.model_copy(update={"config": {**found.config, "hardware": hardware}})]
        ).notes

    assert "kept 0.5" in " ".join(notes(2))
    assert notes(16) == ()


def test_a_distilled_student_is_called_so() -> None:
    made = latency(FOUNDRY, 1, 1.0)
    distilled = made.model_copy(update={"inputs": {"teacher": "t", "distill": "d"}})
    assert Measured(distilled).model == "foundry s=16, distilled"


def test_a_folder_of_reports_is_drawn_by_several_processes(
    records: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foundry_bench.report.write.FIGURES_A_PROCESS", 1)
    reports = tmp_path / "reports"
    sweep = ExampleSweep(reports / "sweep" / "records")
    sweep.trial("main", "foundry", 0, 0.9, supertokens=4)
    for each in records:
        write_json(reports / "costs/records/stages" / each.key / "record.json", each)

    report, page = write_report([reports], tmp_path / "out", processes=2)

    assert [part.name for part in report.sweeps] == ["example", "profile"]
    drawn = {path.stem for path in page.parent.rglob("*.png")}
    assert drawn == {picture.name for part in report.sweeps for picture in part.pictures}
    assert {name.partition("_")[0] for name in drawn} >= {"time", "latency"}
