"""A few of the kills that the script does by the dozen."""

import json
from pathlib import Path

import pytest

from benchmarks.bench import write
from benchmarks.kill_sweep import (
    KINDS,
    Kept,
    different,
    left_to_do,
    measure,
    numbers,
    read_rows,
)
from foundry_bench.record import Record, write_json


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_sweep_that_was_killed_ends_as_one_that_was_not() -> None:
    lines: list[str] = []
    kept: list[int] = []
    found = measure(KINDS, 7, lines.append, lambda found: kept.append(len(found["rows"])))
    assert [(row["kind"], row["faults"]) for row in found["rows"]] == [(k, []) for k in KINDS], (
        lines
    )
    assert kept == [1, 2, 3]


def test_a_file_is_gone_on_with_until_it_has_all_moments_of_one_commit(tmp_path: Path) -> None:
    path = tmp_path / "kills.json"
    assert read_rows(path) == []
    assert left_to_do(["driver", "group"], 2, []) == ["driver", "group"] * 2
    rows = [{"kind": "driver"}, {"kind": "group"}, {"kind": "driver"}]
    write(path, "kill_sweep", {"rows": rows}, "wall")
    assert left_to_do(["driver", "group"], 3, read_rows(path)) == ["group", "driver", "group"]
    path.write_text(json.dumps(json.loads(path.read_text()) | {"commit": "another"}))
    with pytest.raises(SystemExit, match="is of commit another: give another file"):
        read_rows(path)


def stage(place: Path, key: str, **changes: object) -> None:
    fields: dict[str, object] = {
        "key": key,
        "stage": "distill",
        "stage_version": 1,
        "status": "done",
        "config": {},
        "inputs": {},
        "seed": 0,
        "metrics": {"distill_loss": 0.5},
        "history": [{"epoch": 1.0, "loss": 0.5, "wall_s": 1.25, "clouds_per_s": 8.0}],
    }
    write_json(place / "stages" / key / "record.json", Record(**{**fields, **changes}))  # type: ignore[arg-type]


def test_a_number_that_moved_is_seen_and_a_time_that_moved_is_not(tmp_path: Path) -> None:
    peace, other = tmp_path / "peace" / "out", tmp_path / "other" / "out"
    stage(peace, "a")
    stage(other, "a", history=[{"epoch": 1.0, "loss": 0.5, "wall_s": 9.0, "clouds_per_s": 1.0}])
    assert not different(numbers(peace), numbers(other))
    stage(other, "a", history=[{"epoch": 1.0, "loss": 0.5000000001, "wall_s": 1.25}])
    assert different(numbers(peace), numbers(other)) == ["a in out differs"]


def test_a_stage_or_an_epoch_that_ran_again_is_seen(tmp_path: Path) -> None:
    stage(tmp_path / "store", "a")
    kept = Kept(tmp_path)
    kept.epochs["b"] = [{"epoch": 1.0, "loss": 0.5, "wall_s": 2.5}]
    stage(tmp_path / "store", "b", history=kept.epochs["b"])
    assert not kept.changed(tmp_path)
    stage(tmp_path / "store", "a")
    stage(tmp_path / "store", "b", history=[{"epoch": 1.0, "loss": 0.5, "wall_s": 2.75}])
    assert kept.changed(tmp_path) == ["stage a ran again", "1 of 1 epochs of b ran again"]
