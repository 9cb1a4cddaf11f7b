import errno
import os
from pathlib import Path

import pytest
import torch

pytest.register_assert_rewrite("foundry_bench.testing")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Small tensors gain nothing from more, and lose much where cores are shared."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny preset and archive."""
    from foundry_bench.testing import tiny_archive, tiny_preset

    folder = tmp_path_factory.mktemp("files")
    tiny_preset(folder)
    tiny_archive(folder)
    return folder


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file can take room on any disk ahead."""

    def refuse(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
