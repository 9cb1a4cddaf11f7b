"""The committed reports are what their records give, and what the documents show."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from foundry_bench.report.assemble import assemble
from foundry_bench.report.records.harvest import read_folders
from foundry_bench.report.write import RECORDS, build_files
from tests.stored import differences

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "reports" / "gallery"
SCRIPT = ROOT / "reports" / "rebuild_gallery.py"
CHECKED = ("supertokens", "budget", "parts")
"""Those that are compared here; `make gallery` does them all."""


DRAWN = (".png", ".svg", "index.html")
"""Endings of files whose bytes another machine may make otherwise from the same numbers."""


def _built(name: str) -> dict[str, bytes]:
    return build_files(assemble(read_folders([GALLERY / name / RECORDS])))


@pytest.mark.parametrize("name", CHECKED)
def test_numbers_and_drawings_are_what_the_records_give(name: str) -> None:
    found = _built(name)

    folder = GALLERY / name
    stored = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and RECORDS not in path.relative_to(folder).parts
    }
    advice = "make gallery writes them again"
    assert found.keys() == stored.keys(), advice
    texts = {file: content.decode() for file, content in found.items() if not file.endswith(DRAWN)}
    tables = {file for file in texts if file.endswith(".csv")}
    changed = {file: differences(texts[file], stored[file].decode())[:3] for file in tables}
    assert changed == {file: [] for file in tables}, advice
    assert {file: texts[file] for file in texts.keys() - tables} == {
        file: stored[file].decode() for file in texts.keys() - tables
    }, advice


@pytest.mark.slow
def test_reports_are_byte_equal_to_what_their_records_give() -> None:
    command = [sys.executable, str(SCRIPT), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nmake gallery writes them again"


@pytest.mark.parametrize("document", ["README.md", "docs/findings.md", "reports/README.md"])
def test_documents_show_and_link_what_is_in_the_gallery(document: str) -> None:
    path = ROOT / document
    text = path.read_text(encoding="utf-8")

    links = re.findall(r'(?:\]\(|src=")([^)"#:]*gallery/[^)"#:]*)', text)

    assert links
    missing = [link for link in links if not (path.parent / link).exists()]
    assert missing == []
