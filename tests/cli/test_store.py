"""The verbs on a store, as typed."""

import os
import shutil
import time
from pathlib import Path

import pytest
from click.testing import Result
from filelock import FileLock
from typer.testing import CliRunner

from foundry_bench.cli.main import app
from foundry_bench.cli.store import age, size
from foundry_bench.store import Store
from foundry_bench.sweep import references
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.group import in_order, run_group
from tests.sweep.planned_stages import plan, sweep_config

STORE = Path("runs/store")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def typed(*words: str | Path, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], input=answer)


def ran(out: str, supertokens: int, *, says_so: bool = True) -> set[str]:
    """Keys of what a trial of the sweep in `out` used, all of it in the common store."""
    folder = Path("runs") / out
    (trial,) = expand(sweep_config(axes={"student.supertokens": [supertokens]}), 2, 0)
    keys = set(in_order(plan(trial)))
    if says_so:
        references.register(STORE, folder, keys)
    run_group([trial], Store(STORE), folder.absolute(), lambda *_: None, plan)
    return keys


def stages() -> set[str]:
    return {path.name for path in (STORE / "stages").iterdir()}


def test_ls_shows_stages_by_kind_and_who_refers_to_them() -> None:
    ran("a", 1)
    ran("b", 2)
    shutil.rmtree("runs/b")
    (STORE / "partial" / "cut").mkdir(parents=True)
    result = typed("store", "ls")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    (distill,) = [line for line in lines if line[:1] == ["distill"]]
    (tokens,) = [line for line in lines if line[:1] == ["tokens"]]
    (cut,) = [line for line in lines if line[:2] == ["cut", "short"]]
    assert (distill[1], tokens[1], cut[2]) == ("2", "1", "1")
    assert len(distill) > len(tokens)  # one of them is of no sweep
    assert f"{Path('runs/a').absolute()}" in result.output
    assert [line[-1] for line in lines if line and line[0].endswith("runs/b")] == ["gone"]


def test_gc_frees_what_the_sweeps_that_are_gone_had_for_themselves() -> None:
    kept = ran("a", 1)
    lost = ran("b", 2) - kept
    assert len(lost) == 2
    shutil.rmtree("runs/b")
    shown = typed("store", "gc", STORE, "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "1 distill, 1 evaluate probe: " in shown.output
    assert stages() == kept | lost
    assert typed("store", "gc", STORE, answer="n\n").exit_code == 0
    assert stages() == kept | lost
    done = typed("store", "gc", STORE, "--yes")
    assert "freed 1 distill, 1 evaluate probe: " in done.output
    assert stages() == kept
    assert not (STORE / "trash").exists()
    again = typed("store", "gc", STORE, "--yes")
    assert "nothing to free" in again.output
    assert "runs/b" not in again.output
    (record,) = run_group(
        expand(sweep_config(axes={"student.supertokens": [1]}), 2, 0),
        Store(STORE),
        Path("runs/again").absolute(),
        lambda *_: None,
        plan,
    )
    assert record.status == "done"


def test_gc_touches_nothing_that_a_process_holds_or_a_sweep_has_come_to_want() -> None:
    ran("a", 1)
    lost = sorted(ran("b", 2) - ran("a", 1))
    shutil.rmtree("runs/b")
    with FileLock(STORE / "locks" / f"{lost[0]}.lock"):
        typed("store", "gc", STORE, "--yes")
    assert stages() & set(lost) == {lost[0]}
    references.add(STORE, Path("runs/a"), [lost[0]])
    assert "nothing to free" in typed("store", "gc", STORE, "--yes").output
    assert lost[0] in stages()


def test_gc_gives_up_stages_that_were_cut_short_long_ago() -> None:
    ran("a", 1)
    week = time.time() - 8 * 86_400
    for name in ("old", "held", "new"):
        path = STORE / "partial" / name / "checkpoint.pt"
        path.parent.mkdir(parents=True)
        path.write_text("half")
        if name != "new":
            os.utime(path, (week, week))
    with FileLock(STORE / "locks" / "held.lock"):
        assert "freed 1 cut short" in typed("store", "gc", STORE, "--yes").output
    assert {path.name for path in (STORE / "partial").iterdir()} == {"held", "new"}
    assert "freed 2 cut" in typed("store", "gc", STORE, "--yes", "--stale-days", "0").output


def test_gc_of_a_store_that_nobody_registered_with_asks_whose_it_is() -> None:
    keys = ran("a", 1, says_so=False)
    refused = typed("store", "gc", STORE, "--yes")
    assert refused.exit_code == 2
    assert "--used-by runs/<name>" in refused.stderr
    assert "nothing to free" in typed("store", "gc", STORE, "--used-by", "runs/a").output
    assert stages() == keys


def test_gc_forgets_a_folder_when_told_to_unless_a_sweep_is_at_work_in_it() -> None:
    kept = ran("a", 1)
    ran("b", 2)
    with Folder(Path("runs/b").absolute()).hold():
        refused = typed("store", "gc", STORE, "--yes", "--forget", "runs/b")
        assert (refused.exit_code, "cannot be forgotten" in refused.stderr) == (2, True)
    typed("store", "gc", STORE, "--yes", "--forget", "runs/b")
    assert stages() == kept


def test_gc_forgets_a_folder_for_good_that_nothing_is_freed_with() -> None:
    ran("a", 1)
    ran("b", 1)
    assert "nothing to free" in typed("store", "gc", STORE, "--forget", "runs/b").output
    folders = [each.folder.name for each in references.references(STORE)]
    assert folders == ["a"]


def test_a_store_in_an_output_folder_is_found_there() -> None:
    (trial,) = expand(sweep_config(axes={"student.supertokens": [1]}), 2, 0)
    out = Path("runs/own")
    run_group([trial], Store(out / "store"), out.absolute(), lambda *_: None, plan)
    assert "store runs/own/store" in typed("store", "ls").output
    assert "nothing to free" in typed("store", "gc", out).output


def test_no_store_is_the_users_error() -> None:
    result = typed("store", "ls")
    assert result.exit_code == 2
    assert "there is no store in runs" in result.stderr


def test_sizes_and_ages_are_for_people() -> None:
    assert [size(each) for each in (0, 1023, 1024, 3 * 2**29)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "1.5 GiB",
    ]
    assert [age(each) for each in (60, 7200, 86_400 * 3)] == ["0 h", "2 h", "3 days"]


@pytest.mark.parametrize("days", ["nan", "-1"])
def test_a_number_of_days_that_is_none_is_refused(days: str) -> None:
    (STORE / "stages").mkdir(parents=True)
    (STORE / "partial" / "k").mkdir(parents=True)
    done = typed("store", "gc", STORE, "--stale-days", days, "--yes")
    assert done.exit_code == 2
    assert "stale-days" in done.output
    assert (STORE / "partial" / "k").is_dir()
