"""MLflow's pages on a real folder."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from foundry_bench.store import Store
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.group import run_group
from tests.sweep.planned_stages import plan, sweep_config

ROOT = Path(__file__).parents[2]


def is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return bool(answer.read() == b"OK")
    except (urllib.error.URLError, OSError):
        return False


@pytest.mark.slow
def test_ui_serves_the_runs_to_this_machine_alone_until_ctrl_c(tmp_path: Path) -> None:
    trials = expand(sweep_config(), 2, 0)
    run_group(trials, Store(tmp_path / "store"), tmp_path, lambda *_: None, plan)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    words = ["-c", "from foundry_bench.cli.main import main; main()", "ui", str(tmp_path)]
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
