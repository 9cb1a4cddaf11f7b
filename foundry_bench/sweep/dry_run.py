"""What a sweep would run."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from foundry_bench.config.search import SearchSettings
from foundry_bench.precision import slow_lines
from foundry_bench.stage import Stage
from foundry_bench.store import Store
from foundry_bench.sweep.board import waiting_row
from foundry_bench.sweep.display import clock, label
from foundry_bench.sweep.estimate import estimate, room_lines
from foundry_bench.sweep.execution import Call, to_do
from foundry_bench.sweep.expand import trial_id
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.labels import Labels
from foundry_bench.sweep.planning import plan_sweep, stage_name


def dry_run(call: Call) -> Group:
    """The trials of `call` with their stages, how many of those the store has already, and how long
    the others will take as far as its records say.

    Raises:
        FoundryError: as the sweep itself, before its first trial.
    """
    folder = Folder(call.out)
    folder.refuse_other(call.sweep, call.trials, next(iter(call.corners), None))
    plan = plan_sweep(call.trials, Store(call.store), call.planner)
    waiting = {trial_id(each.trial) for each in to_do(call, folder, plan)}
    to_run = {
        stage.key: stage
        for each in plan.trials
        if trial_id(each.trial) in waiting
        for stage in each.stages
        if stage.key in plan.to_run
    }
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("trial", "role", "what", "to run", "in store"):
        table.add_column(name, overflow="fold")
    labels = Labels(each.trial.varies for each in plan.trials)
    for each in plan.trials:
        identity = trial_id(each.trial)
        table.add_row(
            identity,
            each.trial.role,
            label(waiting_row(each.trial), labels),
            _names(stage for stage in each.stages if stage.key in to_run)
            if identity in waiting
            else "has ended",
            _names(stage for stage in each.stages if stage.key in plan.in_store),
        )
    kinds = counted(Counter(map(stage_name, to_run.values()))) or "none"
    num_ended = len(call.trials) - len(waiting)
    at_a_time = f"{'at most ' if call.slots.is_unpacked else ''}{call.slots.count} at a time"
    lines = [
        f"{len(call.trials)} trials, {num_ended} of them have ended; {at_a_time}",
        f"{len(to_run)} stages to run ({kinds}), {len(plan.in_store)} in store {call.store}",
    ]
    if to_run:
        lines.append(time_line(call, list(to_run.values())))
        lines += room_lines(call.store, list(to_run.values()))
        lines += slow_lines(each.trial for each in plan.trials)
    if call.sweep.search is not None:
        lines.insert(0, _search_line(call, call.sweep.search))
    return Group(table, "", *map(Text, lines))


def time_line(call: Call, stages: Sequence[Stage]) -> str:
    """How long `stages` will take, and how that is known."""
    device = call.trials[0].device
    found = estimate(stages, Store(call.store), device)
    num_unknown = sum(found.unknown.values())
    if num_unknown == len(stages):
        return f"how long is not known: the store has no record of such stages on {device}"
    slots = call.slots
    per_slot = slots.gpus / slots.count if slots.gpus else call.trials[0].threads
    unit = "GPU-hours" if slots.gpus else "CPU core-hours"
    wall_s = max(found.longest_s, found.stage_s / slots.count)
    num_records = sum(found.records.values())
    line = (
        f"about {found.stage_s * per_slot / 3600:.2g} {unit}, {clock(wall_s)} at least, from "
        f"{num_records} records of such stages on {', '.join(found.records)}"
    )
    unknown = f"; nothing is known of {counted(found.unknown)}" if num_unknown else ""
    others = f"; {found.others} stages have other data or weights" if found.others else ""
    beside = "; without what the search suggests" if call.sweep.search is not None else ""
    return line + others + unknown + beside


def counted(counts: Mapping[str, int]) -> str:
    """`1 tokens, 3 distill`."""
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _search_line(call: Call, search: SearchSettings) -> str:
    from foundry_bench.sweep.search import JOURNAL, read_journal

    num_seeds = len(call.sweep.seeds)
    made = len(read_journal(call.out / JOURNAL))
    objectives = ", ".join(map(str, search.objectives))
    return (
        f"a search for {objectives} ({search.sampler}): {search.trials} suggestions x {num_seeds} "
        f"seeds = {search.trials * num_seeds} trials beside these; {made} suggestions are made"
    )


def _names(stages: Iterable[Stage]) -> str:
    counts = Counter(stage_name(stage) for stage in stages)
    return ", ".join(name if count == 1 else f"{count} {name}" for name, count in counts.items())
