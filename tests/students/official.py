"""What the official code of a merging method made of a few random tokens.

`parity/NAME.npz`: `source` (repository, commit, file), and per case the keys that decide, the
values and sizes that are merged, what came out, and who went where. `plain` and `most` have no
class token, `class` and `limit` have one; in `most` and `limit` as many merge as can. B clouds,
T tokens, L those left, D width.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from foundry_bench.students.bipartite import sum_at

CASES = ("plain", "most", "class", "limit")
Case = dict[str, Tensor]


def cases(name: str) -> Iterator[Case]:
    """The recorded cases."""
    with np.load(Path(__file__).parent / "parity" / f"{name}.npz") as file:
        for case in CASES:
            names = [key for key in file.files if key.startswith(f"{case}_")]
            yield {key.removeprefix(f"{case}_"): torch.from_numpy(file[key]) for key in names}


def assert_as_recorded(case: Case, place_BT: Tensor) -> None:
    """The same tokens together at the same places, and the same weighted means."""
    values_BTD, size_BT1, left = case["values"], case["sizes"], case["merged"].shape[1]
    source_BLT = F.one_hot(place_BT, left).mT.float()
    assert torch.equal(source_BLT, case["source"])
    sizes_BL1 = sum_at(size_BT1, place_BT, left)
    assert torch.equal(sizes_BL1, case["merged_sizes"])
    means_BLD = sum_at(values_BTD * size_BT1, place_BT, left) / sizes_BL1
    torch.testing.assert_close(means_BLD, case["merged"], rtol=1e-5, atol=1e-5)
