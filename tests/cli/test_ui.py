"""MLflow's pages on a real folder."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from foundry_bench.cli.main import main
from foundry_bench.cli.ui import command, is_free
from foundry_bench.errors import FoundryError
from foundry_bench.store import Store
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.group import run_group
from tests.sweep.planned_stages import plan, sweep_config

ROOT = Path(__file__).parents[2]


def is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return bool(answer.read() == b"OK")
    except (urllib.error.URLError, OSError):
        return False


def test_ui_of_a_folder_without_trials_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(FoundryError, match="typo holds no trials"):
        command(tmp_path / "typo")
    assert not (tmp_path / "typo").exists()


def test_ui_leaves_the_runs_of_a_folder_at_work_to_the_one_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mirrored: list[Path] = []
    monkeypatch.setattr("foundry_bench.tracking.mirror", lambda out, uri: mirrored.append(out))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    (tmp_path / "trials" / "one").mkdir(parents=True)
    with Folder(tmp_path).hold():
        command(tmp_path)
    assert mirrored == []
    assert "another process is at work" in capsys.readouterr().out
    command(tmp_path)
    assert mirrored == [tmp_path]


@pytest.mark.slow
def test_ui_serves_the_runs_to_this_machine_alone_until_ctrl_c(tmp_path: Path) -> None:
    trials = expand(sweep_config(), 2, 0)
    run_group(trials, Store(tmp_path / "store"), tmp_path, lambda *_: None, plan)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    # nohup and `&` have SIGINT ignored
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        " from foundry_bench.cli.main import main; main()"
    )
    words = ["-c", code, "ui", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, *words, "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as server:
        deadline = time.monotonic() + 90
        while not is_healthy(port):
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.3)
        os.killpg(server.pid, signal.SIGINT)
        assert server.wait(30) == 0
    assert not is_healthy(port)


def test_a_port_in_use_is_not_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


def test_ui_on_a_port_in_use_names_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("foundry_bench.tracking.mirror", lambda *_: 0)
    (tmp_path / "trials" / "one").mkdir(parents=True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(
            sys, "argv", ["foundry-bench", "ui", str(tmp_path), "--port", str(port)]
        )
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 2
    proposed = re.search(r"--port (\d+)", capsys.readouterr().err)
    assert proposed is not None
    assert int(proposed[1]) != port
