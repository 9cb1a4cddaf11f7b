import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from tables import NOTHING, PAGES, TABLES, filled

PAGE = "before\n<!-- table: {} -->\nold\n<!-- end -->\nafter\n"
CPU = {"kind": "cpu", "name": "a chip", "threads": 1, "cores": 2}
STEP = {"cached_ms": 1.25, "online_ms": 2.5}
ROWS: dict[str, dict[str, Any]] = {
    "throughput": {
        "rows": [
            {
                "preset": "tiny",
                "stage": "FPS",
                "clouds_per_s": 12345.6,
                "share_of_floor": None,
                "peak_memory_mib": 200.4,
            }
        ],
        "where": {"tiny: a step": {"norms": 0.25, "copies": 0.5}},
    },
    "growth": {
        "rows": [
            {"varied": "s", "value": 4, **STEP},
            {"varied": "clouds", "value": 64, "fill_s": 1, "cached_s": 2, "online_s": 3},
        ]
    },
    "sweep_cost": {
        "rows": [{"students": 5, "way": "apart", "seconds": 7.0, "to_one": None, "to_cached": 2.0}]
    },
    "against_reference": {"a": 1.234, "b": 6.06},
    "kill_sweep": {
        "rows": [
            {"kind": "driver", "faults": []},
            {"kind": "driver", "faults": ["an epoch ran again"]},
            {"kind": "group", "faults": []},
        ]
    },
    "overhead": {
        "options": {"trials": 15, "stage_s": 20.0, "slots": 2},
        "overhead": 0.126,
        "even": 0.0504,
        "parts": {"start": 2.25, "end": 0.5},
    },
    "scale": {
        "options": {"trials": 2000},
        **dict.fromkeys(("expand_s", "plan_s", "status_s", "again_s"), 1.25),
        **dict.fromkeys(("sweep_s", "first_tenth_ms", "last_tenth_ms", "driver_mib"), 130),
    },
}


def written(folder: Path, name: str, **changes: Any) -> None:
    benchmark = name.split(".")[0]
    document = {
        "device": CPU,
        "commit": "0123456789abcdef",
        "packages": {"torch": "2.0"},
        "results": {"options": {}, **ROWS[benchmark]},
        **changes,
    }
    (folder / f"{name}.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("throughput", "| tiny | FPS | 12,346 |  | 200 |"),
        ("where", "| tiny: a step | 50% | 25% |"),
        ("growth", "| s | 4 | 1.25 | 2.50 |"),
        ("growth", "| 64 | 1.00 | 2.00 | 3.00 |"),
        ("sweep_cost", "| 5 | apart | 7.00 |  | 2.00x |"),
        ("against_reference", "| (b) five students as a sweep distils them | 6.1x |"),
        ("kill_sweep", "| driver | 2 | 1 | an epoch ran again |"),
        ("kill_sweep", "| group | 1 | 1 |  |"),
        ("overhead", "| 15 x 20 s | 2 | 12.6% | 5.0% | 2.2 | 0.5 |"),
        ("scale", "| 2000 | 2.5 | 130 | 130 | 130 | 130 | 1.2 | 1.2 |"),
    ],
)
def test_a_table_shows_what_was_measured_and_on_what(tmp_path: Path, table: str, line: str) -> None:
    written(tmp_path, TABLES[table][0])
    page = filled(PAGE.format(table), tmp_path)
    assert line in page.splitlines()
    assert "a chip, 1 of 2 cores, float32, torch 2.0, commit 01234567:" in page
    assert "old" not in page
    assert page.startswith("before\n<!-- table")
    assert page.endswith("<!-- end -->\nafter\n")
    assert filled(page, tmp_path) == page


def test_a_gpu_has_a_table_of_its_own(tmp_path: Path) -> None:
    written(tmp_path, "against_reference")
    gpu = {"kind": "cuda", "name": "a card"}
    written(tmp_path, "against_reference.gpu", device=gpu)
    page = filled(PAGE.format("against_reference"), tmp_path)
    assert page.index("a chip") < page.index("a card, float32")


def test_a_table_without_results_says_so(tmp_path: Path) -> None:
    assert NOTHING in filled(PAGE.format("growth"), tmp_path)


def test_a_table_that_nobody_makes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no table is called 'grwth'"):
        filled(PAGE.format("grwth"), tmp_path)


def test_the_pages_ask_for_tables_that_there_are(tmp_path: Path) -> None:
    assert sum(filled(page.read_text(), tmp_path).count(NOTHING) for page in PAGES) == len(TABLES)
