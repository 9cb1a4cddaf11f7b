from collections.abc import Callable
from pathlib import Path

import pytest

from tests.toys import register_toys

BASE = """\
name: small
question: Does it load?
student: {name: toy, supertokens: 4}
data: blobs
tasks: [quiz, {name: exam, protocol: literature}]
"""


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch) -> None:
    register_toys(monkeypatch)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a sweep file: a valid one, with lines added, or wholly other text."""

    def write_file(more: str = "", *, text: str | None = None) -> Path:
        path = tmp_path / "sweep.yaml"
        path.write_text(BASE + more if text is None else text)
        return path

    return write_file
