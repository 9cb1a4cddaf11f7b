"""Losses at a fixed seed, stored: a refactor keeps them, a change of method rewrites them.

On a processor that they were stored for they come out bitwise, elsewhere to 1e-5. Store them for
another one with

    python -m tests.training.test_stored_loss

which drops those of others that differ by more: then say in the commit why they changed.
"""

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch

from foundry_bench import provenance
from foundry_bench.config.settings import DistillSettings, OptimizerSettings, ViewSettings
from foundry_bench.seeds import seeded
from foundry_bench.students.foundry import Foundry, FoundrySettings
from foundry_bench.tasks.task import TaskData
from foundry_bench.testing import tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC
from foundry_bench.training.distill import Distillation
from foundry_bench.training.jepa import Jepa, JepaSettings
from foundry_bench.training.lessons import Lessons
from foundry_bench.training.pretrain import Pretraining
from foundry_bench.training.views import Views, patch_views
from tests.training.runs import losses, train

STORED = Path(__file__).with_name("stored_losses.json")
CPU = torch.device("cpu")
EPOCHS = 3
TOLERANCE = 1e-5


def machine() -> dict[str, str]:
    """What may change the last bits of a sum."""
    kinds = ("vendor_id", "cpu family", "model", "stepping", "flags")
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().partition("\n\n")[0].splitlines() if cpuinfo.exists() else []
    features = "\n".join(line for line in lines if line.startswith(kinds))
    return {
        "processor": str(provenance.device().get("name")),
        "features": hashlib.sha256(features.encode()).hexdigest()[:16],
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
    }


def views() -> Views:
    dataset = tiny_dataset()
    return patch_views(dataset, dataset.pool, SPEC, ViewSettings(count="online"), CPU)


def distillation(folder: Path) -> list[float]:
    settings = DistillSettings(epochs=EPOCHS, batch=8)
    teacher = tiny_teacher()
    with seeded(0, "student"):
        student = Foundry(teacher, FoundrySettings(supertokens=4))
    student.freeze_all_but(settings.trainable)
    return losses(
        train(Distillation(student, Lessons(views(), teacher), settings), settings, folder)
    )


def jepa(folder: Path) -> list[float]:
    settings = OptimizerSettings(epochs=EPOCHS, batch=8)
    small = JepaSettings(predictor_width=12, predictor_depth=1, predictor_heads=3)
    with seeded(0, "init"):
        module = Jepa(tiny_teacher(), small)
    data = TaskData.from_patches(tiny_dataset(), SPEC, CPU)
    objective = Pretraining(module, views(), data, every=EPOCHS, epochs=EPOCHS)
    return losses(train(objective, settings, folder))


RUNS = {"distillation": distillation, "jepa": jepa}


@pytest.mark.parametrize("name", RUNS)
def test_losses_are_those_that_were_stored(tmp_path: Path, name: str) -> None:
    stored = read()
    found = RUNS[name](tmp_path)
    for losses_there in stored:
        assert found == pytest.approx(losses_there[name], rel=TOLERANCE)
        if losses_there["machine"] == machine():
            assert found == losses_there[name]


def read() -> list[dict[str, Any]]:
    """One set of losses a processor."""
    stored: list[dict[str, Any]] = json.loads(STORED.read_text())
    return stored


def store() -> None:
    torch.set_num_threads(1)
    here: dict[str, Any] = {"machine": machine()}
    for name, run in RUNS.items():
        with TemporaryDirectory() as folder:
            here[name] = run(Path(folder))
    others = [
        there
        for there in read()
        if there["machine"] != here["machine"]
        and all(there[name] == pytest.approx(here[name], rel=TOLERANCE) for name in RUNS)
    ]
    STORED.write_text(json.dumps([*others, here], indent=1) + "\n")


if __name__ == "__main__":
    store()
