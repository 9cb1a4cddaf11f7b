"""Records of run directories and packed files as one `ResultSet`.

A run directory holds `trials/<trial>/trial.json`, `stages/<key>/record.json` and the same stages in
`store/stages/`. Only files at these places are read: copies that MLflow keeps are ignored.
"""

import json
import os
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from foundry_bench.errors import FoundryError
from foundry_bench.record import SCHEMA_VERSION, Record, TrialRecord, read_json
from foundry_bench.results.packed import ARRAYS_SUFFIX, PACKED_SUFFIX, SweepInfo, read_packed
from foundry_bench.results.redact import redact_command, redact_paths

TRIAL, RECORD, ARRAYS = "trial.json", "record.json", "arrays.npz"
OWNERS = {TRIAL: "trials", "trial.yaml": "trials", RECORD: "stages"}
"""File name -> name of the folder that holds one folder per trial or stage."""

NOT_RECORDS = {"mlartifacts", "mlruns"}
"""Folders that hold MLflow's copies."""

Arrays = Mapping[str, NDArray[Any]]
R = TypeVar("R", Record, TrialRecord)
_UNREADABLE = (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
_PROFILE = b'"stage": "profile"'


@dataclass(frozen=True)
class ResultSet:
    """Trials, the records of their stages, and profiles.

    Attributes:
        trials: ordered by sweep and trial, each once.
        records: key -> record of each stage that a trial used and that was found.
        profiles: finished records of costs, ordered by key; no trial refers to them.
        sources: `trial_id` or stage key -> its folder, or the packed file that holds it.
        sweeps: sweep name -> its question, command and resolved file.
        notes: what was left out or is missing, one sentence each.
    """

    trials: tuple[TrialRecord, ...] = ()
    records: Mapping[str, Record] = field(default_factory=dict)
    profiles: tuple[Record, ...] = ()
    sources: Mapping[str, Path] = field(default_factory=dict)
    sweeps: Mapping[str, SweepInfo] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Names of the sweeps that have trials, sorted."""
        return sorted({trial.sweep for trial in self.trials})

    def of_sweep(self, name: str) -> "ResultSet":
        """The trials and records of one sweep, with all profiles and without notes."""
        trials = tuple(trial for trial in self.trials if trial.sweep == name)
        keys = {use.key for trial in trials for use in trial.stages}
        records = {key: record for key, record in self.records.items() if key in keys}
        return replace(self, trials=trials, records=records, notes=())

    def stages_of(self, trial: TrialRecord) -> list[Record]:
        """The records of the stages that `trial` used, in their order, where found."""
        return [self.records[use.key] for use in trial.stages if use.key in self.records]

    def arrays(self, key: str) -> Arrays:
        """Name -> array of the stage `key`: clouds with their SuperTokens, gate histograms.

        Empty if the stage left none, or if they cannot be read.
        """
        source = self.sources.get(key)
        if source is None:
            return {}
        if source.is_dir():
            return read_arrays(source / ARRAYS)
        packed = source.with_name(source.name.removesuffix(PACKED_SUFFIX) + ARRAYS_SUFFIX)
        return read_arrays(packed, f"{key}/")


def read_arrays(path: Path, prefix: str = "") -> Arrays:
    """Name -> array of those in an `.npz` whose name begins with `prefix`, without it.

    Empty if the file cannot be read. Pickled arrays are refused.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            names = [name for name in arrays.files if name.startswith(prefix)]
            return {name.removeprefix(prefix): arrays[name] for name in names}
    except _UNREADABLE:
        return {}


def trial_id(trial: TrialRecord) -> str:
    """Sweep and trial: unique among several sweeps."""
    return f"{trial.sweep}/{trial.trial}"


def read(*folders: Path | str) -> ResultSet:
    """All trials below `folders`, with the stages that they used.

    Args:
        folders: run directories, report folders with `records/`, folders of several of these, or
            packed files. By default `runs`.

    Of two different records of one trial the newer counts, by the time of the file; the older is
    named in the notes. What cannot be read is left out and noted.

    Raises:
        FoundryError: if a path is neither a folder nor a packed file.
    """
    found = _Found()
    for root in [Path(each) for each in folders] or [Path("runs")]:
        if root.is_dir():
            found.add_folder(root.resolve())
        elif root.is_file() and root.name.endswith(PACKED_SUFFIX):
            found.add_packed(root.resolve())
        else:
            raise FoundryError(
                f"{root} is neither a folder nor a packed file (*{PACKED_SUFFIX}); give the output"
                " folder of a sweep, such as runs/supertokens"
            )
    return found.result()


class _Found:
    """What several folders and packed files hold, with duplicates."""

    def __init__(self) -> None:
        self._trials: dict[str, list[tuple[TrialRecord, Path, float]]] = defaultdict(list)
        self._packed: dict[str, tuple[Record, Path]] = {}
        self._record_files: set[Path] = set()
        self._sweeps: dict[str, SweepInfo] = {}
        self._ended: set[str] = set()
        self._saved: set[str] = set()
        self._notes: list[str] = []

    def add_folder(self, root: Path) -> None:
        """Read the trials below `root`, and note where stages are."""
        files: dict[str, list[Path]] = defaultdict(list)
        for path in _walk(root):
            if path.name.endswith(PACKED_SUFFIX):
                self.add_packed(path)
            else:
                files[path.name].append(path)
        for path in sorted(files[TRIAL]):
            self._ended.add(path.parent.name)
            if (trial := _read(path, TrialRecord, self._notes)) is not None:
                self._trials[trial_id(trial)].append(
                    (trial, path.parent, trial.finished_s(path.stat().st_mtime))
                )
                if trial.sweep not in self._sweeps:
                    self._sweeps[trial.sweep] = _read_sweep(path.parents[2])
        self._saved |= {path.parent.name for path in files["trial.yaml"]}
        self._record_files |= set(files[RECORD])

    def add_packed(self, path: Path) -> None:
        """Read a packed file."""
        packed, changed = read_packed(path), path.stat().st_mtime
        for trial in packed.trials:
            self._trials[trial_id(trial)].append((trial, path, trial.finished_s(changed)))
            self._ended.add(trial.trial)
        for record in packed.records:
            self._packed.setdefault(record.key, (record, path))
        for name, info in packed.sweeps.items():
            self._sweeps.setdefault(name, info)

    def result(self) -> ResultSet:
        """Each trial once, the records they used, and profiles."""
        trials, sources = self._choose_trials()
        wanted = {use.key for trial in trials for use in trial.stages}
        found = self._choose_records(wanted, sources)
        records = {key: record for key, record in found.items() if key in wanted}
        profiles = tuple(
            found[key]
            for key in sorted(found)
            if (found[key].stage, found[key].status) == ("profile", "done")
        )
        self._note_missing(trials, records)
        notes = tuple(sorted(set(self._notes)))
        return ResultSet(tuple(trials), records, profiles, sources, self._sweeps, notes)

    def _choose_trials(self) -> tuple[list[TrialRecord], dict[str, Path]]:
        trials, sources = [], {}
        for name, several in sorted(self._trials.items()):
            # Copies of one run may have equal times: a finished record counts before another.
            newest, *others = sorted(
                several,
                key=lambda each: (-each[2], each[0].status != "done", each[0].model_dump_json()),
            )
            self._notes += [
                f"Trial {name} was found twice with different content: the newer record, in"
                f" {_short(newest[1])}, counts; the older, in {_short(source)}, does not."
                for other, source, _ in others
                if not other.same_result(newest[0])
            ]
            trials.append(newest[0])
            sources[name] = newest[1]
        return trials, sources

    def _choose_records(self, wanted: set[str], sources: dict[str, Path]) -> dict[str, Record]:
        """Used stages and profiles by key; a finished record counts before another."""
        records: dict[str, Record] = {}
        for path in sorted(self._record_files, key=lambda path: ("store" in path.parts, path)):
            key = path.parent.name
            if key in records and records[key].status == "done":
                continue
            if (key in wanted or _is_profile(path)) and (
                record := _read(path, Record, self._notes)
            ):
                records[key], sources[key] = record, path.parent
        for key, (record, path) in self._packed.items():
            if key not in records or (records[key].status != "done" == record.status):
                records[key], sources[key] = record, path
        return records

    def _note_missing(self, trials: Iterable[TrialRecord], records: Mapping[str, Record]) -> None:
        if pending := sorted(self._saved - self._ended):
            self._notes.append(
                f"{len(pending)} trials of the sweep have not ended: {', '.join(pending)}."
            )
        for trial in trials:
            for use in trial.stages:
                if use.key not in records:
                    what = f"{use.stage} {use.task}" if use.task else use.stage
                    self._notes.append(
                        f"Trial {trial.trial} names a stage ({what}) whose record was not found."
                    )


def _walk(root: Path) -> Iterator[Path]:
    """Files of records below `root` at their places in a run directory, and packed files."""
    for directory, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if name not in NOT_RECORDS and not name.startswith(".")
        )
        place = Path(directory)
        for name in files:
            if OWNERS.get(name) == place.parent.name or name.endswith(PACKED_SUFFIX):
                yield place / name


def _is_profile(path: Path) -> bool:
    # A substring test: parsing every record of a large store would take minutes.
    with suppress(OSError):
        return _PROFILE in path.read_bytes()
    return False


def _read_sweep(out: Path) -> SweepInfo:
    """What a run directory holds beside its trials; empty where it holds nothing."""
    said: object = {}
    text = ""
    with suppress(OSError, ValueError):
        said = json.loads((out / "sweep.json").read_text(encoding="utf-8"))
    with suppress(OSError, ValueError):
        text = (out / "sweep.yaml").read_text(encoding="utf-8")
    known = said if isinstance(said, dict) else {}
    command = redact_command(known.get("command", ""))
    return SweepInfo(str(known.get("question", "")), command, redact_paths(text))


def _read(path: Path, kind: type[R], notes: list[str]) -> R | None:
    why = "is cut short or not a record that this version knows"
    try:
        record = read_json(path, kind)
        if record.schema_version == SCHEMA_VERSION:
            return record
        version: object = record.schema_version
    except (FoundryError, OSError):
        version = None
        with suppress(OSError, ValueError):
            said = json.loads(path.read_text(encoding="utf-8"))
            version = said.get("schema_version") if isinstance(said, dict) else None
    if version not in (None, SCHEMA_VERSION):
        why = f"has schema {version}, and this version reads schema {SCHEMA_VERSION}"
    notes.append(f"{'/'.join(path.parts[-3:])} {why}; it was left out.")
    return None


def _short(source: Path) -> str:
    """The last parts of a source: enough to find it, without the machine's folders."""
    return source.name if source.is_file() else "/".join(source.parts[-3:])
