"""Losses at a fixed seed, stored: a refactor keeps them, a change of method rewrites them.

On the machine that wrote them they come out bitwise, elsewhere to 1e-5. Rewrite them with

    python -m tests.training.test_stored_loss

and say in the commit why they changed.
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
    student.freeze_all_but(settings.trains)
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
    stored: dict[str, Any] = json.loads(STORED.read_text())
    found = RUNS[name](tmp_path)
    if stored["machine"] == machine():
        assert found == stored[name]
    assert found == pytest.approx(stored[name], rel=1e-5)


def rewrite() -> None:
    torch.set_num_threads(1)
    stored: dict[str, Any] = {"machine": machine()}
    for name, run in RUNS.items():
        with TemporaryDirectory() as folder:
            stored[name] = run(Path(folder))
    STORED.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    rewrite()
