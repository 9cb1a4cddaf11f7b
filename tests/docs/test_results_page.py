"""The Python of `docs/results.md` runs as it stands."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


def test_the_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    (tmp_path / "reports").symlink_to(ROOT / "reports")
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("agg")
    names: dict[str, object] = {}

    for block in blocks:
        exec(block, names)

    plt.close("all")
    assert len(blocks) == 6
    assert (tmp_path / "accuracy.png").stat().st_size > 1000
    assert r"\begin{tabular}" in capsys.readouterr().out
    front = names["front"]
    assert isinstance(front, pd.DataFrame)
    assert front["is_on_front"].sum() == 6
