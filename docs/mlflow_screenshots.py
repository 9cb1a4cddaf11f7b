"""The screenshots of docs/mlflow.md: a real sweep in MLflow's pages, in headless Chromium.

python docs/mlflow_screenshots.py [RECORDS] [FOLDER]

RECORDS is an output folder of a sweep, or the records of a report; it is copied, and its runs are
made anew from its records.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "reports/gallery/supertokens/records"
FOLDER = ROOT / "docs/images/mlflow"
CHROMIUM = "/usr/bin/chromium"
WIDTH = 1280
PATIENCE_MS = 120_000.0
SETTLING_MS = 3_000.0
COLUMNS = ("probe_accuracy", "distill_loss", "student.supertokens", "variant")
HIDDEN = ("Dataset", "Source", "Models")
CLOSED = """
localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
"""
"""Keeps MLflow's assistant out of the picture."""
FILTER = "params.student.supertokens = '4' and tags.role = 'main'"


def main() -> None:
    """Make all of them."""
    records, folder = (*map(Path, sys.argv[1:]), *(RECORDS, FOLDER)[len(sys.argv) - 1 :])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        out = Path(temporary) / records.parent.name
        shutil.copytree(records, out)
        with served(out) as address:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": 720})
            page.set_default_timeout(PATIENCE_MS)
            shoot(page, address, folder)
            browser.close()


def shoot(page: Page, address: str, folder: Path) -> None:
    """The runs of a sweep, a filter, and runs side by side."""
    page.add_init_script(CLOSED)
    open_runs(page, address)
    page.get_by_role("button", name="Columns", exact=True).click()
    for name in (*HIDDEN, *COLUMNS):
        page.get_by_placeholder("Search columns").fill(name)
        page.get_by_text(name, exact=True).last.click()
    page.keyboard.press("Escape")
    page.mouse.click(5, 5)
    page.locator("[data-component-id*='runnamecellrenderer']").first.click()
    save(page, folder / "runs.png")
    open_runs(page, address, FILTER)
    save(page, folder / "filter.png")
    compare(page, address, "tags.role = 'main'")
    save(page, folder / "parallel.png")
    compare(page, address, "tags.role = 'main' and tags.seed = '0'")
    page.get_by_text("Visualizations", exact=True).click()
    page.get_by_text("Show diff only").first.click()
    page.set_viewport_size({"width": WIDTH, "height": 1000})
    save(page, folder / "compare.png")


def open_runs(page: Page, address: str, condition: str = "") -> None:
    """Show the runs that fulfil `condition`."""
    query = f"workflowType=machine_learning&searchFilter={quote(condition)}"
    page.goto(f"{address}/#/experiments/1/runs?{query}", wait_until="domcontentloaded")
    page.reload(wait_until="domcontentloaded")
    page.get_by_text(re.compile(r"[1-9]\d* matching run")).first.wait_for()


def compare(page: Page, address: str, condition: str) -> None:
    """Show the runs that fulfil `condition` side by side."""
    asked = {"experiment_ids": ["1"], "filter": condition, "max_results": 100}
    request = urllib.request.Request(
        f"{address}/api/2.0/mlflow/runs/search",
        data=json.dumps(asked).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        runs = [run["info"]["run_id"] for run in json.load(answer)["runs"]]
    query = f"runs={quote(json.dumps(runs))}&experiments={quote(json.dumps(['1']))}"
    page.goto(f"{address}/#/compare-runs?{query}", wait_until="domcontentloaded")
    page.reload(wait_until="domcontentloaded")
    page.locator(".js-plotly-plot .parcoords").first.wait_for(state="attached")


def save(page: Page, path: Path) -> None:
    """What the page shows once it stands still."""
    page.wait_for_timeout(SETTLING_MS)
    page.screenshot(path=path)


@contextmanager
def served(out: Path) -> Iterator[str]:
    """The address of MLflow's pages on the runs of `out`, while the block lasts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    words = ["-m", "foundry_bench", "ui", str(out), "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        while not answers(address):
            assert server.poll() is None, "the server ended"
            time.sleep(0.5)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGINT)  # of the pages' own processes too
        server.wait()


def answers(address: str) -> bool:
    """Whether the server is up."""
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return bool(answer.read() == b"OK")
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    main()
