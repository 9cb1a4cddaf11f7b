"""How long a graph takes on this machine, beside torch."""

from collections.abc import Callable, Mapping
from dataclasses import asdict

import torch

from foundry_bench.cost import machine
from foundry_bench.cost.clocks import Clock
from foundry_bench.cost.clouds import procedural_clouds
from foundry_bench.cost.timing import quartiles, take_turns, warm_up
from foundry_bench.export.check import Run
from foundry_bench.export.core import Core
from foundry_bench.export.manifest import Latency, Quartiles
from foundry_bench.export.patches import prepared

ROUNDS = 20
TORCH, PREPARATION = "torch", "preparation"


@torch.inference_mode()
def measure(core: Core, graphs: Mapping[str, Run]) -> Latency:
    """Milliseconds of one cloud, each over 20 turns that all have side by side: of torch and of the
    `graphs`, from patches on, with as many threads as torch has; and of what comes before, by
    `export.patches`.
    """
    spec = core.backbone.patch_spec
    inputs = core.fresh(1, spec.patches)
    cloud, geometry = procedural_clouds(1, spec.points)[0].numpy(), asdict(spec)
    calls: dict[str, Callable[[], object]] = {
        TORCH: lambda: core(*inputs.values()),
        PREPARATION: lambda: prepared(cloud, geometry),
        **{name: lambda run=run: run(inputs) for name, run in graphs.items()},  # type: ignore[misc]
    }
    threads, others = torch.get_num_threads(), machine.OtherWork()
    clock = Clock(threads)

    def turn_of(call: Callable[[], object]) -> tuple[Callable[[int], Mapping[str, float]], int]:
        warm = warm_up(lambda number: clock.call_ms(call, number))
        return lambda number: {"ms": clock.call_ms(call, number)}, warm.calls

    rounds = take_turns(
        {name: turn_of(call) for name, call in calls.items()}, ROUNDS, lambda done: None
    )
    found = {}
    for name, turns in rounds.items():
        low, middle, high = quartiles([each["ms"] for each in turns])
        found[name] = Quartiles(median=middle, q1=low, q3=high)
    return Latency(
        torch_ms=found.pop(TORCH),
        preparation_ms=found.pop(PREPARATION),
        graphs_ms=found,
        rounds=ROUNDS,
        threads=threads,
        hardware=machine.fingerprint(torch.device("cpu")),
        other_cores=others.cores(),
    )
