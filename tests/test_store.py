import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from foundry_bench import store as store_module
from foundry_bench.errors import DivergedError, FoundryError
from foundry_bench.record import Record
from foundry_bench.stage import Progress, Stage, StageContext, StageResult
from foundry_bench.store import StageFailed, Store, StoreError

Run = Callable[[StageContext], StageResult]


def nothing(context: StageContext) -> StageResult:
    return StageResult()


def ignore(progress: Progress) -> None:
    return None


def stage(run: Run = nothing, **changes: Any) -> Stage:
    return Stage(**{"kind": "distill", "version": 1, "config": {"lr": 0.1}, "run": run, **changes})


def test_a_result_is_found_with_its_files_and_not_run_again(tmp_path: Path) -> None:
    calls = []

    def run(context: StageContext) -> StageResult:
        calls.append(context.directory)
        (context.directory / "weights").write_text("w")
        context.report(Progress("distill", None, 1, 1))
        return StageResult({"loss": 0.5}, [{"epoch": 1.0}], {"load_s": 0.1})

    reports: list[Progress] = []
    store, made = Store(tmp_path), stage(run, seed=3, task="t")
    assert store.find(made.key) is None
    first = store.get_or_run(made, reports.append)
    again = Store(tmp_path).get_or_run(made, reports.append)
    assert len(calls) == 1
    assert [progress.epoch for progress in reports] == [0, 1]
    assert again.record == first.record
    assert (again.path / "weights").read_text() == "w"
    record = again.record
    assert (record.status, record.metrics, record.seed, record.task) == (
        "done",
        {"loss": 0.5},
        3,
        "t",
    )
    assert record.timings.keys() == {"load_s", "wall_s"}
    assert record.device["cores"] >= 1
    assert "numpy" in record.packages
    assert not list((tmp_path / "partial").iterdir())


def test_needs_run_first_and_are_given_as_folders(tmp_path: Path) -> None:
    def write(context: StageContext) -> StageResult:
        (context.directory / "tokens").write_text("42")
        return StageResult()

    def read(context: StageContext) -> StageResult:
        return StageResult({"tokens": float((context.inputs["tokens"] / "tokens").read_text())})

    tokens = stage(write, kind="tokens")
    entry = Store(tmp_path).get_or_run(stage(read, needs={"tokens": tokens}), ignore)
    assert entry.record.metrics == {"tokens": 42.0}
    assert entry.record.inputs == {"tokens": tokens.key}


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "evaluate"},
        {"version": 2},
        {"config": {"lr": 0.2}},
        {"seed": 1},
        {"task": "probe"},
        {"fingerprints": {"data": "abc"}},
        {"needs": {"tokens": stage(kind="tokens")}},
    ],
)
def test_the_key_changes_with_each_ingredient(changes: Mapping[str, Any]) -> None:
    assert stage(**changes).key != stage().key


def test_the_key_does_not_change_with_the_order_of_settings() -> None:
    assert stage(config={"a": 1, "b": 2}).key == stage(config={"b": 2, "a": 1}).key


def test_the_key_changes_with_what_a_need_needs() -> None:
    keys = {
        stage(needs={"tokens": stage(kind="tokens", fingerprints={"data": data})}).key
        for data in ("a", "b")
    }
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ValueError("bad"), "failed", "ValueError: bad"),
        (FoundryError("no such file"), "failed", "no such file"),
        (MemoryError(), "oom", "MemoryError"),
        (RuntimeError("DefaultCPUAllocator: can't allocate"), "oom", "DefaultCPUAllocator"),
        (DivergedError(7, float("nan")), "diverged", "at step 7"),
    ],
)
def test_how_a_stage_ended_is_recorded(
    tmp_path: Path, error: Exception, status: str, message: str
) -> None:
    def run(context: StageContext) -> StageResult:
        (context.directory / "checkpoint").touch()
        raise error

    store, made = Store(tmp_path), stage(run)
    with pytest.raises(StageFailed) as caught:
        store.get_or_run(made, ignore)
    record = caught.value.record
    assert record.status == status
    assert message in str(record.error)
    assert caught.value.__cause__ is error
    assert store.find(made.key) is None
    kept = (tmp_path / "partial" / made.key / "checkpoint").exists()
    assert kept == (status == "oom")


def test_cuda_out_of_memory_is_oom(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    def run(context: StageContext) -> StageResult:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(StageFailed) as caught:
        Store(tmp_path).get_or_run(stage(run), ignore)
    assert caught.value.record.status == "oom"


def test_a_failure_that_is_kept_holds_nothing_of_what_its_stage_had_in_memory(
    tmp_path: Path,
) -> None:
    class Weights:
        """Something large."""

    held: list[weakref.ref[Weights]] = []

    def step(weights: Weights) -> None:
        raise MemoryError

    def run(context: StageContext) -> StageResult:
        weights = Weights()
        held.append(weakref.ref(weights))
        step(weights)
        return StageResult()

    with pytest.raises(StageFailed) as caught:
        Store(tmp_path).get_or_run(stage(run), ignore)
    assert isinstance(caught.value.__cause__, MemoryError)
    assert held[0]() is None


def test_a_failed_stage_runs_again(tmp_path: Path) -> None:
    outcomes = iter([ValueError("first"), None])

    def run(context: StageContext) -> StageResult:
        if error := next(outcomes):
            raise error
        return StageResult()

    store, made = Store(tmp_path), stage(run)
    with pytest.raises(StageFailed):
        store.get_or_run(made, ignore)
    assert store.get_or_run(made, ignore).record.status == "done"


def test_the_failure_of_a_need_is_the_needs_record(tmp_path: Path) -> None:
    def run(context: StageContext) -> StageResult:
        raise ValueError("tokens broke")

    tokens = stage(run, kind="tokens")
    with pytest.raises(StageFailed) as caught:
        Store(tmp_path).get_or_run(stage(needs={"tokens": tokens}), ignore)
    assert caught.value.record.key == tokens.key


def test_an_interrupt_passes_and_the_work_so_far_is_found_again(tmp_path: Path) -> None:
    def run(context: StageContext) -> StageResult:
        checkpoint = context.directory / "checkpoint"
        if checkpoint.exists():
            return StageResult({"resumed": 1.0})
        checkpoint.touch()
        raise KeyboardInterrupt

    store, made = Store(tmp_path), stage(run)
    with pytest.raises(KeyboardInterrupt):
        store.get_or_run(made, ignore)
    assert store.get_or_run(made, ignore).record.metrics == {"resumed": 1.0}


def test_a_full_disk_is_the_stores_trouble_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    def run(context: StageContext) -> StageResult:
        (context.directory / "checkpoint").touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    made = stage(run)
    with pytest.raises(StoreError, match="is full"):
        Store(tmp_path).get_or_run(made, ignore)
    assert (tmp_path / "partial" / made.key / "checkpoint").exists()


def test_a_full_disk_hidden_in_a_librarys_error_is_seen(tmp_path: Path) -> None:
    def run(context: StageContext) -> StageResult:
        raise RuntimeError("Error while serializing: No space left on device (os error 28)")

    with pytest.raises(StoreError, match="is full"):
        Store(tmp_path).get_or_run(stage(run), ignore)


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "is full"), (errno.EDQUOT, "is full"), (errno.EROFS, "is read-only")],
)
def test_a_disk_that_takes_no_record_is_the_stores_trouble_and_keeps_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def run(context: StageContext) -> StageResult:
        is_resumed = (context.directory / "checkpoint").exists()
        (context.directory / "checkpoint").touch()
        return StageResult({"resumed": float(is_resumed)})

    def refuse(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    store, made = Store(tmp_path), stage(run)
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "write_json", refuse)
        with pytest.raises(StoreError, match=words):
            store.get_or_run(made, ignore)
    assert store.find(made.key) is None
    assert store.get_or_run(made, ignore).record.metrics == {"resumed": 1.0}


def test_a_disk_that_becomes_read_only_under_a_stage_is_not_the_stages_fault(
    tmp_path: Path,
) -> None:
    def run(context: StageContext) -> StageResult:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with pytest.raises(StoreError, match=r"is read-only; .* --store"):
        Store(tmp_path).get_or_run(stage(run), ignore)


def test_a_store_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "locks").touch()
    with pytest.raises(StoreError, match=r"cannot write to the store .* --store"):
        Store(tmp_path).get_or_run(stage(), ignore)


def test_a_store_that_is_no_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"Not a directory.*--store"):
        Store(tmp_path / "file").get_or_run(stage(), ignore)


@pytest.mark.parametrize("text", ["{", "{}", '{"schema_version": 1, "key": "x"}'])
def test_a_damaged_record_says_what_to_delete(tmp_path: Path, text: str) -> None:
    store, made = Store(tmp_path), stage()
    path = store.get_or_run(made, ignore).path
    (path / "record.json").write_text(text)
    with pytest.raises(StoreError, match=f"Delete the folder {path}"):
        store.get_or_run(made, ignore)


def test_an_entry_without_record_says_what_to_delete(tmp_path: Path) -> None:
    (tmp_path / "stages" / stage().key).mkdir(parents=True)
    with pytest.raises(StoreError, match=r"has no record\.json; delete that folder"):
        Store(tmp_path).get_or_run(stage(), ignore)


def slow(context: StageContext) -> StageResult:
    with (context.directory.parents[1] / "runs.txt").open("a") as log:
        log.write(f"{os.getpid()}\n")
    time.sleep(0.3)
    return StageResult({"pid": float(os.getpid())})


def compete(root: Path, barrier: Any, results: Any) -> None:
    barrier.wait()
    store = Store(root)
    shared = [stage(slow, kind="tokens", config={"view": view}) for view in range(2)]
    last = stage(slow, needs={f"view{i}": need for i, need in enumerate(shared)})
    entry = store.get_or_run(last, ignore)
    results.put((entry.record.metrics["pid"], len(store.ran)))


def test_two_processes_share_the_work_and_run_each_key_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=compete, args=(tmp_path, barrier, results)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    results.close()
    pids = (tmp_path / "runs.txt").read_text().split()
    assert len(pids) == 3
    assert len(set(pids)) == 2, "each process ran one of the two stages that the last one needs"
    assert found[0][0] == found[1][0]
    assert sorted(count for _, count in found) == [1, 2]


def test_a_reader_sees_a_whole_result_or_none(tmp_path: Path) -> None:
    stages = [stage(config={"number": number}) for number in range(150)]

    def run_all() -> None:
        for made in stages:
            Store(tmp_path).get_or_run(made, ignore)

    writer = threading.Thread(target=run_all)
    writer.start()
    try:
        for made in stages:
            deadline = time.monotonic() + 60
            while (entry := Store(tmp_path).find(made.key)) is None:
                assert time.monotonic() < deadline
            assert entry.record.key == made.key
    finally:
        writer.join()


VICTIM = """
import sys, time
from pathlib import Path
from foundry_bench.store import Store
from tests.test_store import ignore, resumable
Store(Path(sys.argv[1])).get_or_run(resumable(hangs=True), ignore)
"""


def resumable(*, hangs: bool) -> Stage:
    def run(context: StageContext) -> StageResult:
        checkpoint = context.directory / "checkpoint"
        resumed = checkpoint.exists()
        checkpoint.write_text("half")
        (context.directory / "weights").write_text("half")
        if hangs:
            time.sleep(60)
        return StageResult({"resumed": float(resumed)})

    return stage(run)


def test_scratch_is_there_until_the_stage_has_done_its_work(tmp_path: Path) -> None:
    def run(context: StageContext) -> StageResult:
        resumed = context.scratch.exists()
        context.scratch.mkdir(exist_ok=True)
        (context.directory / "weights").touch()
        if not resumed:
            raise KeyboardInterrupt
        return StageResult()

    store, made = Store(tmp_path), stage(run)
    with pytest.raises(KeyboardInterrupt):
        store.get_or_run(made, ignore)
    entry = store.get_or_run(made, ignore)
    assert sorted(path.name for path in entry.path.iterdir()) == ["record.json", "weights"]


def test_a_stage_that_was_killed_at_its_very_end_does_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def run(context: StageContext) -> StageResult:
        calls.append(1)
        (context.directory / "weights").write_text("w")
        return StageResult({"loss": 0.5})

    def die(store: Store, partial: Path, record: Record) -> None:
        raise KeyboardInterrupt

    store, made = Store(tmp_path), stage(run)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "_move", die)
        with pytest.raises(KeyboardInterrupt):
            store.get_or_run(made, ignore)
    assert store.find(made.key) is None
    entry = Store(tmp_path).get_or_run(made, ignore)
    assert (entry.record.metrics, (entry.path / "weights").read_text()) == ({"loss": 0.5}, "w")
    assert len(calls) == 1


def test_who_waits_for_a_process_that_is_killed_goes_on_with_its_work(tmp_path: Path) -> None:
    key = resumable(hangs=False).key
    victim = subprocess.Popen([sys.executable, "-c", VICTIM, str(tmp_path)])
    weights = tmp_path / "partial" / key / "weights"
    deadline = time.monotonic() + 60
    while not weights.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with ThreadPoolExecutor() as pool:
        waits = pool.submit(Store(tmp_path).get_or_run, resumable(hangs=False), ignore)
        time.sleep(0.3)
        assert not waits.done(), "the lock is another's"
        victim.kill()
        victim.wait()
        assert waits.result(timeout=60).record.metrics == {"resumed": 1.0}


def test_a_killed_stage_leaves_nothing_half_written_and_goes_on(tmp_path: Path) -> None:
    key = resumable(hangs=False).key
    victim = subprocess.Popen([sys.executable, "-c", VICTIM, str(tmp_path)])
    weights = tmp_path / "partial" / key / "weights"
    deadline = time.monotonic() + 60
    while not weights.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    store = Store(tmp_path)
    assert store.find(key) is None
    entry = store.get_or_run(resumable(hangs=False), ignore)
    assert entry.record.metrics == {"resumed": 1.0}
    assert Record.model_validate(json.loads((entry.path / "record.json").read_text()))
