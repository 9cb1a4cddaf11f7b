"""Orders that look random and are the same on every machine and with every numpy.

numpy keeps the raw streams of its bit generators from version to version, but not what a
`Generator` makes of them (NEP 19), so what must never change is drawn from the raw stream.
"""

import numpy as np

from foundry_bench.data.dataset import Rows


def shuffled(num: int, *key: int) -> Rows:
    """0 to `num` - 1, sorted by 64 random bits of PCG64 each; `key` alone decides the order."""
    bits = np.random.PCG64(np.random.SeedSequence(key)).random_raw(num)
    return np.argsort(bits, kind="stable").astype(np.int64)
