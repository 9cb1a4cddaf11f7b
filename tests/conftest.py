import pytest
import torch

pytest.register_assert_rewrite("foundry_bench.testing")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Small tensors gain nothing from more, and lose much where cores are shared."""
    torch.set_num_threads(1)
