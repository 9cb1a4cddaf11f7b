"""In a process of its own: threads are set once for all of it."""

import json
import os
import subprocess
import sys

PROGRAM = """
import json, os, threading
import numpy as np
import torch, scipy.linalg, sklearn.cluster
from threadpoolctl import threadpool_info
from foundry_bench.sweep.threads import set_threads
set_threads(2)
import fpsample
cloud = np.random.default_rng(0).random((200_000, 3), dtype=np.float32)
before = len(os.listdir("/proc/self/task"))
most = before
chosen = threading.Thread(target=fpsample.bucket_fps_kdline_sampling, args=(cloud, 512, 5))
chosen.start()
while chosen.is_alive():
    most = max(most, len(os.listdir("/proc/self/task")))
print(json.dumps({
    "torch": torch.get_num_threads(),
    "pools": sorted({pool["num_threads"] for pool in threadpool_info()}),
    "rayon": os.environ["RAYON_NUM_THREADS"],
    "sampling": most - before,
}))
"""


def test_torch_blas_openmp_and_fpsample_are_told() -> None:
    environment = {name: value for name, value in os.environ.items() if "THREADS" not in name}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True
    )
    said = json.loads(done.stdout)
    assert said["torch"] == 2
    assert said["pools"] == [2]
    assert said["rayon"] == "2"
    assert said["sampling"] <= 2 + 1  # the thread that calls it, and those it computes with
