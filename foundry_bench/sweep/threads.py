"""How many CPU threads a trial computes with: part of what decides its numbers."""

import os
from contextlib import suppress

VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
)


def set_threads(threads: int) -> None:
    """Have torch, BLAS, OpenMP and fpsample compute with `threads` threads from now on.

    OpenMP counts by calling thread, so this must be called by the thread that computes. torch's
    inter-op pool can be sized only before its first use; where it is too late it stays as it is,
    which decides no result.
    """
    os.environ.update(dict.fromkeys(VARIABLES, str(threads)))
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    if torch.get_num_interop_threads() != threads:
        with suppress(RuntimeError):
            torch.set_num_interop_threads(threads)
    threadpool_limits(threads)
