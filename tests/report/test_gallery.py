"""The committed reports are what their records give, and what the documents show."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "reports" / "rebuild_gallery.py"
CHECKED = ("supertokens", "budget", "parts")
"""Those that are compared here; `make gallery` does them all."""


def _check(*names: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(SCRIPT), "--check", *names]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_numbers_and_drawings_are_what_the_records_give() -> None:
    done = _check(*CHECKED)

    changed = {
        name.strip()
        for line in done.stdout.splitlines()
        for name in line.partition(": ")[2].split(",")
    }
    # another machine may pack the same pixels into other bytes, also those within the page
    numbers = {name for name in changed if not name.endswith((".png", "index.html", "as it was"))}
    assert len(done.stdout.splitlines()) == len(CHECKED), done.stderr
    assert numbers == set(), "make gallery writes them again"


@pytest.mark.slow
def test_reports_are_byte_equal_to_what_their_records_give() -> None:
    done = _check()

    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nmake gallery writes them again"


@pytest.mark.parametrize("document", ["README.md", "docs/findings.md", "reports/README.md"])
def test_documents_show_and_link_what_is_in_the_gallery(document: str) -> None:
    path = ROOT / document
    text = path.read_text(encoding="utf-8")

    links = re.findall(r'(?:\]\(|src=")([^)"#:]*gallery/[^)"#:]*)', text)

    assert links
    missing = [link for link in links if not (path.parent / link).exists()]
    assert missing == []
