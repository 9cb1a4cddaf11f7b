"""How long a sweep will take, from what the store knows."""

from pathlib import Path
from typing import Any

import pytest

from foundry_bench import provenance
from foundry_bench.stage import Progress, Stage, StageContext, StageResult
from foundry_bench.store import Store
from foundry_bench.sweep.dry_run import time_line
from foundry_bench.sweep.estimate import estimate, room_lines
from foundry_bench.sweep.execution import Call
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.slots import Slots
from tests.sweep.planned_stages import PLANNER, sweep_config


def ignore(progress: Progress) -> None:
    return None


def nothing(context: StageContext) -> StageResult:
    return StageResult()


def distill(supertokens: int, epochs: int, **changes: Any) -> Stage:
    config = {"student": {"supertokens": supertokens}, "distill": {"epochs": epochs}}
    fields: dict[str, Any] = {"kind": "distill", "version": 1, "config": config, "run": nothing}
    return Stage(**{**fields, **changes})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Distillations of 2 epochs to 1 and 4 SuperTokens that took 10 and 30 s, and a probe of 4."""
    store = Store(tmp_path / "store")
    past = [
        (distill(1, 2), 10.0),
        (distill(4, 2), 30.0),
        (distill(4, 2, seed=1), 34.0),
        (Stage("evaluate", 1, {}, nothing, task="probe"), 4.0),
    ]
    for stage, wall_s in past:
        monkeypatch.setattr(store, "_spent", lambda *_, wall_s=wall_s: wall_s)
        store.get_or_run(stage, ignore)
    return store


def test_a_stage_takes_what_those_most_like_it_took(store: Store) -> None:
    found = estimate([distill(4, 2, seed=7)], store, "cpu")
    assert found.stage_s == found.longest_s == 32.0
    assert found.records == {provenance.device()["name"]: 2}
    assert not found.unknown
    assert estimate([distill(1, 2, seed=7)], store, "cpu").stage_s == 10.0


def test_epochs_scale_the_time(store: Store) -> None:
    assert estimate([distill(4, 20, seed=7)], store, "cpu").stage_s == 320.0


def test_inputs_tell_stages_apart_too(store: Store) -> None:
    long = distill(4, 2, fingerprints={"data": "large"}, seed=3)
    store._spent = lambda *_: 900.0  # type: ignore[method-assign]
    store.get_or_run(long, ignore)
    asked = distill(4, 2, fingerprints={"data": "large"}, seed=4)
    found = estimate([asked], store, "cpu")
    assert (found.stage_s, found.others) == (900.0, 0)


def test_other_data_than_that_of_the_records_is_said(store: Store) -> None:
    asked = distill(4, 2, fingerprints={"data": "large"}, seed=4)
    found = estimate([asked], store, "cpu")
    assert (found.stage_s, found.others) == (32.0, 1)
    assert time_line(call(store, Slots(2)), [asked]).endswith(
        "; 1 stages have other data or weights"
    )


def test_what_is_not_known_is_said(store: Store) -> None:
    probes = [Stage("evaluate", 1, {}, nothing, task="few_shot", seed=seed) for seed in range(2)]
    found = estimate([distill(1, 2, seed=7), *probes], store, "cpu")
    assert (found.stage_s, dict(found.unknown)) == (10.0, {"evaluate few_shot": 2})
    assert estimate([distill(1, 2, seed=7)], store, "cuda").unknown == {"distill": 1}


def call(store: Store, slots: Slots) -> Call:
    sweep = sweep_config()
    out = store.root.parent / "out"
    return Call(sweep, expand(sweep, 2, 0), out, store.root, slots, planner=PLANNER)


def test_the_plan_says_hours_and_where_they_come_from(store: Store) -> None:
    name = provenance.device()["name"]
    stages = [distill(4, 2, seed=seed) for seed in range(2, 5)]
    assert time_line(call(store, Slots(2)), stages) == (
        f"about 0.027 CPU core-hours, 0:48 at least, from 2 records of such stages on {name}"
    )
    stages.append(Stage("tokens", 1, {}, nothing))
    line = time_line(call(store, Slots(4, gpus=1)), stages)
    assert line.startswith("about 0.0067 GPU-hours, 0:32 at least")
    assert line.endswith("; nothing is known of 1 tokens")


def test_an_empty_store_says_that_nothing_is_known(store: Store) -> None:
    line = time_line(call(store, Slots(2)), [Stage("tokens", 1, {}, nothing)])
    assert line == "how long is not known: the store has no record of such stages on cpu"


def sized(num_bytes: int | None) -> Stage:
    return Stage("tokens", 1, {}, nothing, num_bytes=num_bytes)


def test_the_room_that_large_files_take_is_said_beside_what_is_free(tmp_path: Path) -> None:
    store = tmp_path / "not" / "there yet"
    (line,) = room_lines(store, [sized(2**30), sized(2**29), sized(0)])
    assert line.startswith("cached tokens to write: 1.50 GiB; ")
    assert line.endswith(f" GiB are free in {store}")
    (line,) = room_lines(store, [sized(2**30), sized(None)])
    assert "1.00 GiB, unknown of 1 of 2 stages; " in line
    (line,) = room_lines(store, [sized(2**60)])
    assert line.endswith(": not enough")
    assert room_lines(store, [sized(0)]) == []
