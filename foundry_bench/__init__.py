"""Benchmarks of distillation of 3D point-cloud foundation models."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foundry_bench.trained import Trained


def load(
    path: Path | str,
    task: str | None = None,
    *,
    store: Path | str | None = None,
    budget: int | None = None,
) -> "Trained":
    """What a trial left: its backbone as tasks get it or, with `task`, as that task tuned it, with
    the head. On the CPU, in eval mode.

        model = foundry_bench.load("runs/supertokens/trials/foundry-s16-seed0-1a2b3c4d")
        tokens_BCD = model.backbone.tokens(model.patches(points_BN3))

    Args:
        path: folder of a trial, or of a stage that a trial used (or the record in it).
        task: the word that a task's numbers go by; a stage of a task needs none.
        store: where the sweep kept its stages, if not in the folder `store` beside `trials`.
        budget: most tokens that the encoder is to get, for students that heed one; None: as the
            trial had it.

    Raises:
        FoundryError: if there is no such trial, task or head; or if the weights are not there, or
            not those of the records.
    """
    from foundry_bench.trained import load_trained

    return load_trained(Path(path), task, None if store is None else Path(store), budget)
