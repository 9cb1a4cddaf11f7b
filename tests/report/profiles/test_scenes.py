import math
from pathlib import Path

import pytest

from foundry_bench.record import Record, write_json
from foundry_bench.report.assemble import assemble
from foundry_bench.report.profiles.scene_section import picture_scenes, published_extra
from foundry_bench.report.profiles.scenes import Scene, read_scenes, state_scenes, tabulate_scenes
from foundry_bench.report.records.harvest import read_folders
from foundry_bench.report.study.costs import add_costs
from foundry_bench.report.write import write_report
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

GIB = 2**30


def leave(
    out: Path,
    model: str,
    points: int,
    *,
    attention: str = "fused",
    limit: int | None = None,
    oom: bool = False,
    **metrics: float,
) -> None:
    """The record of a scene, with numbers by a formula."""
    key = f"{model}-{points}-{attention}-{limit}"
    found = {"macs": points * 1e6, "oom": float(oom), **metrics}
    if not oom:
        found |= {"time_ms_median": points / 10, "group_ms": points / 100}
        found.setdefault("peak_rss_bytes", points * 1e4)
    record = Record(
        key=key,
        stage="profile",
        stage_version=1,
        task="scenes",
        status="done",
        config={
            "profile": "scenes",
            "student": None if model == "teacher" else {"name": model},
            "attention": attention,
            "points": points,
            "patches": points // 16,
            "memory_limit": limit,
            "threads": 2,
            "hardware": {"kind": "cpu", "name": "Example CPU", "cores": 2},
        },
        inputs={},
        seed=None,
        metrics=found,
    )
    write_json(out / "stages" / key / "record.json", record)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for model in ("foundry", "teacher", "tome"):
        for points in (1024, 300_000):
            for attention in ("fused", "materialised"):
                oom = (model, points, attention) == ("teacher", 300_000, "materialised")
                leave(tmp_path, model, points, attention=attention, oom=oom)
    return tmp_path


def scenes_in(folder: Path) -> list[Scene]:
    return read_scenes(read_folders([folder]).profiles)


def test_a_record_is_read_in_seconds_and_gib(out: Path) -> None:
    first = scenes_in(out)[0]
    assert (first.model, first.points, first.patches) == ("teacher", 1024, 64)
    assert first.network_s == pytest.approx(0.1024)
    assert first.group_s == pytest.approx(0.01024)
    assert first.peak_gib == pytest.approx(1024e4 / GIB)
    assert first.gmacs == pytest.approx(1.024)
    assert first.device == "Example CPU (2 cores)"


def test_of_a_gpu_the_peak_is_what_torch_reserves(tmp_path: Path) -> None:
    leave(tmp_path, "teacher", 1024, peak_allocated_bytes=GIB, peak_reserved_bytes=2 * GIB)
    assert scenes_in(tmp_path)[0].peak_gib == 2.0


def test_a_lack_of_memory_is_a_result_without_times(out: Path) -> None:
    scenes = scenes_in(out)
    (missing,) = [scene for scene in scenes if scene.is_oom]
    assert missing.series == ("teacher", "materialised")
    assert math.isnan(missing.network_s)
    (row,) = [row for row in tabulate_scenes(scenes).rows if row[8].text == "out of memory"]
    assert row[7].text == ""
    statements = state_scenes(scenes)
    assert any("at 300,000 points: teacher runs out of memory, tome takes" in s for s in statements)


def test_times_taken_beside_others_are_told(tmp_path: Path) -> None:
    for points, cores in ((1024, 0.1), (4096, 1.5)):
        leave(tmp_path, "foundry", points, other_cores=cores)
    leave(tmp_path, "foundry", 16_384)
    assert [each.is_quiet for each in scenes_in(tmp_path)] == [True, False, False]
    assert state_scenes(scenes_in(tmp_path))[-1].startswith("2 of 3 measurements were taken while")
    assert len(state_scenes(scenes_in(tmp_path)[:1])) == 1


def test_the_published_comparison_stands_beside_what_was_measured_so(out: Path) -> None:
    assert published_extra(scenes_in(out)) is None, "nothing was measured within 6 GB"
    leave(out, "teacher", 300_000, limit=6 * GIB, oom=True)
    leave(out, "foundry", 300_000, limit=6 * GIB, peak_rss_bytes=3.5 * GIB)
    extra = published_extra(scenes_in(out))
    assert extra is not None
    cells = [[cell.text for cell in row] for row in extra.tables[0].rows]
    assert [row for row in cells if row[1] == "published"][2][::4] == ["foundry", "4.0 GB"]
    assert [(row[0], row[4]) for row in cells if row[1] == "measured"] == [
        ("teacher", "out of memory"),
        ("foundry", "3.50 GiB"),
    ]


def test_each_limit_has_a_picture_and_one_size_alone_has_none(out: Path) -> None:
    leave(out, "teacher", 300_000, limit=6 * GIB, oom=True)
    assert len(picture_scenes(scenes_in(out))) == 1
    leave(out, "teacher", 1024, limit=6 * GIB)
    pictures = picture_scenes(scenes_in(out))
    assert len(pictures) == 2
    for picture in pictures:
        above, below = picture.draw().axes
        assert above.get_xscale() == below.get_yscale() == "log"


def test_a_report_of_scenes_alone_has_their_section(out: Path, tmp_path: Path) -> None:
    report, page = write_report([out], tmp_path / "report", with_records=True)
    assert [sweep.name for sweep in report.sweeps] == ["scenes"]
    assert report.notes == ()
    assert "Cost against points" in page.read_text()
    again = assemble(read_folders([tmp_path / "report" / "records"]))
    texts = [
        [[cell.text for cell in row] for row in each.sweeps[0].table.rows]
        for each in (report, again)
    ]
    assert texts[0] == texts[1]


def test_other_numbers_of_threads_are_told_apart() -> None:
    scenes = [
        Scene("foundry", "fused", 1024, 64, None, "CPU", threads, 1.0, False, 1.0, 2.0, 3.0)
        for threads in (1, 2)
    ]
    said = state_scenes(scenes)
    assert [each.partition(" at ")[0] for each in said] == [
        "With fused attention on CPU, 1 thread,",
        "With fused attention on CPU, 2 threads,",
    ]


def test_a_scene_that_lacks_its_size_is_told_and_left_out(out: Path) -> None:
    leave(out, "tome", 4096)
    path = out / "stages" / "tome-4096-fused-None" / "record.json"
    path.write_text(path.read_text().replace('"patches"', '"patchs"'))
    report = assemble(read_folders([out]))
    assert "left out: tome-4096-fu (patches: field required)" in " ".join(report.notes)
    assert not any(cell.text == "4096" for row in report.sweeps[0].table.rows for cell in row)


def test_the_device_of_a_scene_is_the_one_that_was_measured(out: Path) -> None:
    (section,) = assemble(read_folders([out])).sweeps
    told = [text for label, text in section.environment if label.startswith("device")]
    assert told == ["Example CPU (2 cores)"], "and not what the calling process ran on"


def test_records_of_scenes_price_no_student_of_a_sweep(out: Path) -> None:
    sweep = ExampleSweep(out, "mixed")
    sweep.trial("main", "foundry", 0, 0.5, supertokens=4)
    evidence, runs, _ = read(sweep)
    assert add_costs(runs, evidence).measures == ()


def test_nothing_measured_has_no_section(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert assemble(read_folders([tmp_path / "empty"])).sweeps == ()
