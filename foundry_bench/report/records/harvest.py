"""Reading of output folders: the one place where the report opens the records' files."""

import json
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from foundry_bench.errors import FoundryError
from foundry_bench.record import SCHEMA_VERSION, Record, TrialRecord, read_json
from foundry_bench.results.redact import redact_command, redact_paths

ARRAYS = "arrays.npz"
Arrays = Mapping[str, NDArray[Any]]
_UNREADABLE = (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)

TRIALS, STAGES = OWN_FOLDERS = ("trials", "stages")
"""Folders of a run directory, or of a store, with a folder for each trial or stage."""

_OF_A_RUN = ("store", "records")
"""What else of a run directory is read: its store, and records kept with a report."""

_OF_A_STORE = ("partial", "data", "locks")
_OF_MLFLOW = ("mlartifacts", "mlruns")
"""Copies of records of any age lie in there."""

_PROFILE = b'"stage": "profile"'

R = TypeVar("R", Record, TrialRecord)


@dataclass(frozen=True)
class SweepInfo:
    """What the output folder says about its sweep beside the records; empty where it does not.

    Attributes:
        command: the command line that ran it, without folders.
        yaml: the resolved sweep file, without folders.
    """

    question: str = ""
    command: str = ""
    yaml: str = ""


@dataclass(frozen=True)
class Evidence:
    """All that a report is made of.

    Attributes:
        trials: ordered by sweep and trial, each once.
        records: the stage records that a trial used, by key.
        profiles: what teachers and students cost, each once, ordered by key; no trial names them.
        folders: where a trial (`trial_id`) or a stage (its key) was found.
        sweeps: what stands beside the trials, by the sweep's name.
        notes: what was left out or is missing, and why, one sentence each.
    """

    trials: tuple[TrialRecord, ...] = ()
    records: Mapping[str, Record] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)
    sweeps: Mapping[str, SweepInfo] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    profiles: tuple[Record, ...] = ()

    @property
    def names(self) -> list[str]:
        """The sweeps that have trials, in order."""
        return sorted({trial.sweep for trial in self.trials})

    def of_sweep(self, name: str) -> "Evidence":
        """The part of one sweep, without the notes."""
        trials = tuple(trial for trial in self.trials if trial.sweep == name)
        keys = {use.key for trial in trials for use in trial.stages}
        records = {key: record for key, record in self.records.items() if key in keys}
        return replace(self, trials=trials, records=records, notes=())

    def arrays_of(self, trial: TrialRecord) -> Iterator[tuple[str, Arrays]]:
        """The key and the arrays of each distillation of `trial` that ended well."""
        for record in self.stages_of(trial):
            if record.stage == "distill" and record.status == "done":
                yield record.key, read_arrays(self.folders[record.key] / ARRAYS)

    def stages_of(self, trial: TrialRecord) -> list[Record]:
        """The records of the stages that `trial` used, in their order, as far as found."""
        return [self.records[use.key] for use in trial.stages if use.key in self.records]


def read_arrays(path: Path) -> Arrays:
    """Name -> array of an `.npz`; empty if one of them cannot be read. Never loads a pickle."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except _UNREADABLE:
        return {}


def settings_of(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The settings called `name` in a configuration; empty where it has none: other versions may
    lack any.
    """
    value = config.get(name)
    return value if isinstance(value, Mapping) else {}


def trial_id(trial: TrialRecord) -> str:
    """What names a trial among several sweeps."""
    return f"{trial.sweep}/{trial.trial}"


def read_folders(roots: Sequence[Path]) -> Evidence:
    """All trials and the stages they used, of every run directory and store under `roots`.

    Only `trials/<trial>/` and `stages/<key>/` are read, and within a run directory only its own and
    those of its store and records: a copy elsewhere may be of an earlier run. A trial found twice
    counts once, the one written last; a stage too, a finished one before another. What cannot be
    read is left out and noted; nothing about a record's content raises.

    Raises:
        FoundryError: if one of `roots` is not a folder.
    """
    for root in roots:
        if not root.is_dir():
            raise FoundryError(
                f"{root} is not a folder; give the output folder of a sweep, such as"
                " runs/supertokens"
            )
    notes: list[str] = []
    trials, folders = _read_trials(roots, notes)
    wanted = {use.key for trial in trials for use in trial.stages}
    found, stage_folders = _read_records(roots, wanted, notes)
    records = {key: record for key, record in found.items() if key in wanted}
    for trial in trials:
        for use in trial.stages:
            if use.key not in records:
                what = f"{use.stage} {use.task}" if use.task else use.stage
                notes.append(
                    f"Trial {trial.trial} names a stage ({what}) whose record was not found."
                )
    return Evidence(
        trials,
        records,
        {**folders, **stage_folders},
        _read_sweeps(trials, folders),
        tuple(sorted(set(notes))),
        tuple(
            found[key]
            for key in sorted(found)
            if (found[key].stage, found[key].status) == ("profile", "done")
        ),
    )


def _read_trials(
    roots: Sequence[Path], notes: list[str]
) -> tuple[tuple[TrialRecord, ...], dict[str, Path]]:
    found: dict[str, list[tuple[TrialRecord, Path]]] = defaultdict(list)
    paths = _files(roots, "trial.json")
    for path in paths:
        trial = _read(path, TrialRecord, notes)
        if trial is not None:
            found[trial_id(trial)].append((trial, path.parent))
    names = {path.parent.name for path in paths}
    names |= {folder.name for several in found.values() for _, folder in several}
    pending = {path.parent.name for path in _files(roots, "trial.yaml")} - names
    if pending:
        notes.append(
            f"{len(pending)} trials of the sweep have not ended: {', '.join(sorted(pending))}."
        )
    trials, folders = [], {}
    for name in sorted(found):
        (trial, folder), *others = sorted(
            found[name], key=lambda pair: -pair[0].finished_s(_written_s(pair[1]))
        )
        differing = [where for other, where in others if not other.same_result(trial)]
        if differing:
            older = ", ".join(_within(where, roots) for where in differing)
            notes.append(
                f"Trial {name} was found more than once with different content; the one written"
                f" last counts ({_within(folder, roots)}), and not {older}."
            )
        trials.append(trial)
        folders[name] = folder
    return tuple(trials), folders


def _written_s(folder: Path) -> float:
    """When the record of the trial in `folder` was written."""
    with suppress(OSError):
        return (folder / "trial.json").stat().st_mtime
    return 0


def _within(folder: Path, roots: Sequence[Path]) -> str:
    """`folder` from the innermost of `roots` on: a page names no folders above those."""
    above = [root.resolve() for root in roots if folder.is_relative_to(root.resolve())]
    if not above:  # a store may lie elsewhere, behind a link
        return "/".join(folder.parts[-2:])
    root = max(above, key=lambda each: len(each.parts))
    return (Path(root.name) / folder.relative_to(root)).as_posix()


def _read_records(
    roots: Sequence[Path], wanted: set[str], notes: list[str]
) -> tuple[dict[str, Record], dict[str, Path]]:
    """The stages called `wanted`, of each one that ended well, if any did; and all profiles that
    ended well, which no trial names.
    """
    records: dict[str, Record] = {}
    folders: dict[str, Path] = {}
    for path in _files(roots, "record.json"):
        key = path.parent.name
        if key in records and records[key].status == "done":
            continue
        if key in wanted or _is_profile(path):
            record = _read(path, Record, notes)
            if record is not None and (key in wanted or record.status == "done"):
                records[key], folders[key] = record, path.parent
    return records, folders


def _is_profile(path: Path) -> bool:
    with suppress(OSError):
        return _PROFILE in path.read_bytes()
    return False


def _read_sweeps(
    trials: Sequence[TrialRecord], folders: Mapping[str, Path]
) -> dict[str, SweepInfo]:
    outs: dict[str, Path] = {}
    for trial in trials:
        outs.setdefault(trial.sweep, folders[trial_id(trial)].parent.parent)
    return {name: _read_sweep(out) for name, out in outs.items()}


def _read_sweep(out: Path) -> SweepInfo:
    said: dict[str, Any] = {}
    text = ""
    with suppress(OSError, ValueError):
        said = json.loads((out / "sweep.json").read_text(encoding="utf-8"))
    with suppress(OSError, ValueError):
        text = (out / "sweep.yaml").read_text(encoding="utf-8")
    if not isinstance(said, dict):
        said = {}
    return SweepInfo(
        str(said.get("question", "")), redact_command(said.get("command", "")), redact_paths(text)
    )


def _files(roots: Sequence[Path], name: str) -> list[Path]:
    """Files called `name` of trials and stages, each once: those of stores last, newer ones first.

    Records in a store are shared by sweeps; a sweep's own copy may have arrays beside it.
    """
    folders = {folder for root in roots for folder in _record_folders(root.resolve())}
    paths = {path.resolve() for folder in folders if (path := folder / name).is_file()}
    return sorted(paths, key=lambda path: ("store" in path.parts, -path.stat().st_mtime_ns, path))


def _record_folders(folder: Path) -> Iterator[Path]:
    """The folders of trials and stages in `folder`, by the layout of run directories and stores."""
    if folder.name in OWN_FOLDERS:
        yield from _folders_in(folder).values()
        return
    if folder.parent.name in OWN_FOLDERS:
        yield folder
        return
    children = _folders_in(folder)
    if TRIALS in children:
        children = {name: children[name] for name in (*OWN_FOLDERS, *_OF_A_RUN) if name in children}
    if "locks" in children:
        children = {name: each for name, each in children.items() if name not in _OF_A_STORE}
    for name, child in children.items():
        # links are followed to what a run directory has, and nowhere else: they may lead back
        if name in (*OWN_FOLDERS, *_OF_A_RUN) or not child.is_symlink():
            yield from _record_folders(child)


def _folders_in(folder: Path) -> dict[str, Path]:
    """The folders in `folder` by name, in order, without those of MLflow."""
    with suppress(OSError):
        found = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}
        return {name: path for name, path in found.items() if name not in _OF_MLFLOW}
    return {}


def _read(path: Path, kind: type[R], notes: list[str]) -> R | None:
    what = f"{path.parent.parent.name}/{path.parent.name}/{path.name}"
    try:
        record = read_json(path, kind)
    except (FoundryError, OSError):
        version = _schema_of(path)
        why = "is cut short or not a record that this version knows"
    else:
        version = record.schema_version
        if version == SCHEMA_VERSION:
            return record
    if version not in (None, SCHEMA_VERSION):
        why = f"has schema {version}, and this version reads schema {SCHEMA_VERSION}"
    notes.append(f"{what} {why}; it was left out.")
    return None


def _schema_of(path: Path) -> object:
    """The schema that a file names which is no record; None if it names none."""
    with suppress(OSError, ValueError):
        said = json.loads(path.read_text(encoding="utf-8"))
        return said.get("schema_version") if isinstance(said, dict) else None
    return None
