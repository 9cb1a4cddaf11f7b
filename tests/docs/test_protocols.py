"""The table of differences from the published code names tests that there are."""

import re
from pathlib import Path

from foundry_bench.config.settings import FinetuneSettings
from foundry_bench.tasks.classification import ClassificationSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocols.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| theirs", "|--"))
]


def test_each_row_names_a_test_file() -> None:
    assert len(ROWS) >= 15
    for row in ROWS:
        assert len(row) == 5, row
        files = re.findall(r"tests/[a-z0-9_/]+\.py", row[4])
        assert files, row
        assert all((ROOT / file).is_file() for file in files), row


def test_each_switch_is_a_setting() -> None:
    fields = {f"finetune.{name}" for name in FinetuneSettings.model_fields}
    fields |= set(ClassificationSettings.model_fields)
    fields |= {"student.drop_path", "optimizer.decay_vectors"}
    for row in ROWS:
        for switch in re.findall(r"(?<!: )`([a-z_.]+)`", row[3]):
            assert switch in fields, row
