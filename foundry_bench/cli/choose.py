"""`foundry-bench choose`: the best student for a device, from records."""

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foundry_bench.errors import FoundryError

if TYPE_CHECKING:
    from foundry_bench.record import Record, TrialRecord
    from foundry_bench.report.analysis.choosing import Choice, Limit, Wanted
    from foundry_bench.report.records.harvest import Evidence
    from foundry_bench.report.study.costs import Costs
    from foundry_bench.report.study.summary import Group

EXAMPLES = """
foundry-bench choose runs/supertokens --max-gmacs 0.02
foundry-bench choose runs/supertokens runs/latency --max-latency-ms 20 --max-mib 50
foundry-bench choose runs/parts --task part_segmentation --metric miou_class --max-gmacs 1 --json
"""
COUNTED = ("--max-gmacs", "--max-mib")
"""Limits on what needs no device to be known."""

TEACHER = {"teacher": "name", "preset": "preset", "weights": "weights"}
"""Options of `profile` -> fields of a trial's teacher."""

HEADED = ("classification", "part_segmentation")
"""Tasks that leave a head to export."""


def command(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR", help="Output folders of sweeps, and those of profiles (--out)."
        ),
    ],
    max_latency_ms: Annotated[
        float | None, typer.Option(help="Of a batch; see --batch and those below it.")
    ] = None,
    max_mib: Annotated[float | None, typer.Option(help="Of weights, in --precision.")] = None,
    max_peak_mib: Annotated[
        float | None, typer.Option(help="Of memory at its peak, as measured.")
    ] = None,
    max_gmacs: Annotated[
        float | None, typer.Option(help="Thousand million MACs of a cloud, without a head.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Whose result counts; by default the report's first.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Which of the task's results, such as miou_class.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Clouds at a time, of measurements.")] = 1,
    mode: Annotated[str, typer.Option(help="Of measurements: eager, onnxruntime, …")] = "eager",
    precision: Annotated[str, typer.Option(help="fp32, bf16 or int8.")] = "fp32",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of measurements; needed where there are several.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="A part of its name; needed where there are several.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Where the sweep kept its stages, for the export.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """The best student within limits, the front around it, how sure that is, and its export.

    Each sweep in DIR is answered by itself: other data and other training are not compared. MACs
    and weights are counted if no record has them. Latency and memory are not measured here: the
    command that does is printed.
    """
    from foundry_bench.report.analysis.choosing import Wanted
    from foundry_bench.report.records.harvest import read_folders

    limits = {
        "--max-latency-ms": max_latency_ms,
        "--max-mib": max_mib,
        "--max-peak-mib": max_peak_mib,
        "--max-gmacs": max_gmacs,
    }
    _refuse_impossible(limits)
    wanted = Wanted(
        max_latency_ms,
        max_mib,
        max_peak_mib,
        max_gmacs,
        batch,
        mode,
        precision,
        threads,
        device,
    )
    evidence = read_folders(folders)
    if (max_gmacs or max_mib) and _count_missing(folders, evidence.profiles):
        evidence = read_folders(folders)
    if not evidence.names:
        raise FoundryError(
            f"no trials in {', '.join(map(str, folders))}; give the output folder of a sweep, such"
            " as runs/supertokens"
        )
    found: list[dict[str, Any]] = []
    failures: list[str] = []
    for name in evidence.names:
        part = evidence.of_sweep(name)
        try:
            found.append(_answer(part, name, wanted, (task, metric), store, quiet=as_json))
        except FoundryError as error:
            failures.append(f"{name}: {error}")
    if not found:
        raise FoundryError("\n".join(failures))
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    for failure in failures:
        typer.echo(failure, err=True)


def _count_missing(folders: Sequence[Path], counted: Sequence["Record"]) -> bool:
    """Count MACs and weights of run directories without any; whether there was one."""
    from foundry_bench.cost.trials import count_trials

    if any(record.task == "flops" for record in counted):
        return False
    runs = [folder for folder in folders if (folder / "sweep.json").is_file()]
    for folder in runs:
        typer.echo(f"counting MACs and weights of the students in {folder}", err=True)
        count_trials(folder)
    return bool(runs)


def _refuse_impossible(limits: Mapping[str, float | None]) -> None:
    """Raise FoundryError if one of `limits` (option -> value, None if not given) is no budget."""
    faults = [
        f"{option}: given {value:g}; give a number above 0, or leave it out for no limit"
        for option, value in limits.items()
        if value is not None and not 0 < value < math.inf
    ]
    if faults:
        raise FoundryError("\n".join(faults))


def _answer(
    evidence: "Evidence",
    name: str,
    wanted: "Wanted",
    result: tuple[str | None, str | None],
    store: Path | None,
    *,
    quiet: bool,
) -> dict[str, Any]:
    """The answer for a sweep, printed unless it is to be `quiet`."""
    from foundry_bench.cli.choices import as_json, describe, limits_text, table
    from foundry_bench.cli.console import stdout
    from foundry_bench.report.analysis.choosing import choose, find_limits, find_result
    from foundry_bench.report.records.rows import tidy_rows
    from foundry_bench.report.study.costs import add_costs
    from foundry_bench.report.study.runs import collect_runs, measures_in
    from foundry_bench.report.study.series import name_series
    from foundry_bench.report.study.summary import summarise

    rows = tidy_rows(evidence)
    runs = collect_runs(rows, evidence.trials, name_series(evidence.trials))
    costs = add_costs(runs, evidence)
    summary = summarise(costs.runs, measures_in(rows))
    measure = find_result(summary, *result)
    limits = find_limits(wanted, costs)
    sources = _Sources(evidence, costs, store)
    missing = [limit for limit in limits if limit.measure is None]
    if missing:
        students = [group for group in summary.groups if group.role != "baseline"]
        raise FoundryError(
            "\n".join(_how_to_measure(limit, wanted, sources, students) for limit in missing)
        )
    choice = choose(summary, measure, limits)
    trial = sources.first_trial(choice.best)
    export = _export(choice, trial, wanted, sources)
    notes = [
        f"not known: {student.name}: {', '.join(limit.what for limit in student.limits)}"
        for student in choice.unknown
    ]
    for limit in limits:
        lacking = [each.group for each in choice.unknown if limit in each.limits]
        notes += [_how_to_measure(limit, wanted, sources, lacking)] if lacking else []
    if not quiet:
        typer.echo(f"{name}: {limits_text(choice)}")
        stdout().print(table(choice, costs))
        for line in [*describe(choice), *notes, f"export: {export}"]:
            typer.echo(line)
    return as_json(name, choice, costs) | {"trial": trial.trial, "export": export, "notes": notes}


@dataclass(frozen=True)
class _Sources:
    """Where the students of a sweep come from.

    Attributes:
        store: where the stages with their weights are, if it was given.
    """

    evidence: "Evidence"
    costs: "Costs"
    store: Path | None

    def first_trial(self, group: "Group") -> "TrialRecord":
        """Of the smallest seed: no seed is better than another but by chance."""
        found = [
            (run.seed, run.trial)
            for run in self.costs.runs
            if (run.role, run.series, run.level) == (group.role, group.setting, group.level)
            and run.status == "done"
        ]
        _, name = min(found)
        return next(trial for trial in self.evidence.trials if trial.trial == name)

    def folder(self, trial: "TrialRecord") -> Path:
        """The folder of `trial`, from here if it is below."""
        folder, here = self.evidence.folders[f"{trial.sweep}/{trial.trial}"], Path.cwd()
        return folder.relative_to(here) if folder.is_relative_to(here) else folder

    def store_of(self, trial: "TrialRecord") -> Path | None:
        """The store with the weights of `trial`; None if it is not beside the trials."""
        if self.store is not None:
            return self.store
        beside = self.folder(trial).parent.parent / "store"
        keys = [use.key for use in trial.stages if use.stage in ("distill", "evaluate")]
        return beside if all((beside / "stages" / key).is_dir() for key in keys) else None


def _how_to_measure(
    limit: "Limit", wanted: "Wanted", sources: _Sources, groups: Sequence["Group"]
) -> str:
    """What to run for a cost of `groups` that no record tells."""
    trials = [sources.first_trial(group) for group in groups]
    out = sources.folder(trials[0]).parent.parent
    if limit.option in COUNTED:
        return (
            f"{limit.option}: not counted yet; run: foundry-bench profile trials"
            f" {shlex.quote(str(out))}"
        )
    teacher = trials[0].config.get("teacher", {})
    verb = "latency" if limit.option == "--max-latency-ms" else "memory"
    words = ["foundry-bench", "profile", verb]
    words += [f"--{name}={teacher[key]}" for name, key in TEACHER.items() if teacher.get(key)]
    store = sources.store_of(trials[0]) or Path("STORE")
    keys = [use.key for trial in trials for use in trial.stages if use.stage == "distill"]
    words += [f"--distilled={store / 'stages' / key}" for key in dict.fromkeys(keys)]
    where = f", on {wanted.device}" if wanted.device else ""
    threads = f", {wanted.threads} threads" if wanted.threads else ""
    return (
        f"{limit.option}: not measured at batch {wanted.batch}, {wanted.mode}"
        f" {wanted.precision}{threads}{where}; run, on the device in question:"
        f" {shlex.join([*words, f'--out={out}'])}"
    )


def _export(choice: "Choice", trial: "TrialRecord", wanted: "Wanted", sources: _Sources) -> str:
    """The command that exports `trial`."""
    words = ["foundry-bench", "export", str(sources.folder(trial))]
    if choice.result.word in HEADED:
        words += ["--task", choice.result.task]
    student = trial.config.get("student") or {}
    budget = choice.best.level.budget
    if budget is not None and budget != student.get("budget"):
        words += ["--budget", str(budget)]
    if wanted.precision == "int8":
        words += ["--quantize", "int8"]
    store = sources.store_of(trial)
    if store is None:
        return f"{shlex.join(words)} --store STORE   (where the sweep kept its stages)"
    return shlex.join([*words, *(["--store", str(store)] if sources.store else [])])
