from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checksums are remembered in a folder of the test, roots are not those of the machine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("FOUNDRY_BENCH_DATA", raising=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of published folders."""
    return tmp_path / "published"
