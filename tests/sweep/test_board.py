import io
from pathlib import Path

import pytest
from rich.console import Console

from foundry_bench.errors import FoundryError
from foundry_bench.record import TrialRecord
from foundry_bench.stage import Progress
from foundry_bench.sweep import board as board_module
from foundry_bench.sweep.board import Board
from foundry_bench.sweep.display import MAX_ROWS, Lines, clock, display, visible
from foundry_bench.sweep.expand import expand, trial_id
from foundry_bench.sweep.group import describe_trial
from foundry_bench.sweep.status import status
from foundry_bench.sweep.summary import over_seeds
from tests.sweep.planned_stages import sweep_config

TRIALS = expand(sweep_config(seeds=[0, 1]), 2, 0)
FIRST, SECOND = (trial_id(trial) for trial in TRIALS[:2])


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock_(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(board_module, "time", fake)
    return fake


def done(index: int) -> TrialRecord:
    return describe_trial(TRIALS[index], "done", None)


def test_the_time_left_comes_from_the_trials_that_ended(clock_: Clock) -> None:
    board = Board(TRIALS, slots=2)
    assert board.left_s is None
    board.start(FIRST)
    board.start(SECOND)
    board.progress(FIRST, Progress("distill", None, 1, 2, {"loss": 0.5}, left_s=7.0))
    assert board.rows[FIRST].left_s == 7.0
    clock_.now += 10
    board.end(done(0), {"distill_loss": 0.4}, {"probe_accuracy": 0.9})
    board.progress(SECOND, Progress("evaluate", "probe", 1, 1, {"loss": 0.1}))
    assert board.num_ended == 1
    assert +board.counts == {"done": 1, "running": 1, "waiting": 4}
    assert board.left_s == pytest.approx((0 + 4 * 10) / 2)
    row = board.rows[FIRST]
    assert (row.state, row.loss, row.results, row.left_s) == (
        "done",
        0.4,
        {"probe_accuracy": 0.9},
        None,
    )
    assert board.rows[SECOND].stage == "evaluate probe"
    assert board.snapshot()["running"].keys() == {SECOND}


def test_a_pipe_gets_a_line_for_each_trial_that_ends() -> None:
    text = io.StringIO()
    board = Board(TRIALS, slots=2)
    with display(board, Console(file=text, width=40)) as shown:
        assert isinstance(shown, Lines)
        board.start(FIRST)
        shown.ended(board.end(done(0), {"distill_loss": 0.25}, {"accuracy": 0.5}))
        failed = describe_trial(TRIALS[1], "failed", "distill: ValueError: [bad]\nmore")
        shown.ended(board.end(failed, {}, {}))
    first, second = text.getvalue().splitlines()
    assert first.startswith(
        f"{FIRST}  done  foundry supertokens=1 seed=0  loss=0.25  accuracy=0.5  1/6"
    )
    assert second.endswith("2/6  0:00 left  distill: ValueError: [bad]")


def test_a_terminal_gets_a_table() -> None:
    text = io.StringIO()
    board = Board(TRIALS, slots=2)
    console = Console(file=text, width=150, force_terminal=True, color_system=None)
    with display(board, console):
        board.start(FIRST)
        board.progress(FIRST, Progress("distill", None, 1, 2, {"loss": 0.5}, left_s=61.0))
    shown = text.getvalue()
    assert "0/6 done · 1 running on 2 slots" in shown
    line = next(line for line in shown.splitlines() if FIRST in line and "running" in line)
    assert line.split()[-5:] == ["running", "distill", "1/2", "0.5", "1:01"]


def test_a_large_sweep_shows_what_is_at_work() -> None:
    board = Board(expand(sweep_config(seeds=list(range(40))), 2, 0), slots=2)
    last = list(board.rows)[-1]
    board.start(last)
    rows = visible(board)
    assert len(rows) == MAX_ROWS
    assert last in {row.trial for row in rows}


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (75, "1:15"), (3599.6, "1:00:00"), (36_000, "10:00:00")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], ""),
        ([0.5], "0.5000"),
        ([0.5, 0.7], "0.6000"),
        ([1.0, 2.0, 3.0], "2.0000 ± 2.4841"),  # t(2, 0.975) = 4.3027, s = 1, n = 3
    ],
)
def test_an_interval_needs_three_seeds(values: list[float], text: str) -> None:
    assert over_seeds(values) == text


def test_status_needs_a_sweep(tmp_path: Path) -> None:
    with pytest.raises(FoundryError, match="holds no trials"):
        status(tmp_path)


def test_trials_that_a_search_is_to_suggest_count_from_the_start(clock_: Clock) -> None:
    board = Board(TRIALS[:1], slots=1, num_to_come=3)
    board.start(FIRST)
    clock_.now += 10
    board.end(done(0), {}, {})
    assert (board.num_trials, len(board.rows), board.left_s) == (4, 1, 30.0)
    board.add(TRIALS[:2])
    assert (board.num_trials, len(board.rows), board.left_s) == (4, 2, 30.0)
    text = io.StringIO()
    Lines(board, Console(file=text, width=200)).ended(board.rows[FIRST])
    assert "1/4" in text.getvalue()
