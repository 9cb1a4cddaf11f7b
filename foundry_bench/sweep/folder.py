"""The output folder of a sweep: what lies where, and reading it back."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from foundry_bench.config.load import dump_yaml, load_sweep, load_trial
from foundry_bench.config.sweep import SweepConfig, TrialConfig
from foundry_bench.errors import FoundryError
from foundry_bench.files import replacing
from foundry_bench.record import Record, TrialRecord, read_json
from foundry_bench.store import RECORD
from foundry_bench.sweep.board import Row, waiting_row
from foundry_bench.sweep.expand import trial_id
from foundry_bench.sweep.group import LOG, TRIAL
from foundry_bench.sweep.labels import results_of

LOCK = ".lock"
PROGRESS = "progress.json"
SUMMARY = "sweep.json"
WAITING = "waiting.json"
"""All trials in one file, for `status`: it need not read a file for each that has not begun."""
FREE_TO_CHANGE = ("question", "resources", "keep_weights")
"""Fields of a sweep that may differ between two calls on one folder: they decide no number."""


class FolderBusy(FoundryError):
    """Another process holds the folder."""


@dataclass(frozen=True)
class Folder:
    """The output folder `root` of one sweep."""

    root: Path

    def log(self, identity: str) -> Path:
        """Where a trial's output goes."""
        return self.root / "trials" / identity / LOG

    def trial(self, identity: str) -> TrialRecord | None:
        """The record of a trial that ended, or None."""
        try:
            return read_json(self.root / "trials" / identity / TRIAL, TrialRecord)
        except FileNotFoundError:
            return None

    def identities(self) -> list[str]:
        """Ids of all trials that the folder knows of, ended or not."""
        return sorted(path.name for path in (self.root / "trials").glob("*") if path.is_dir())

    def stage(self, key: str) -> Record | None:
        """The record of a stage that a trial of the sweep used, or None."""
        try:
            return read_json(self.root / "stages" / key / RECORD, Record)
        except FileNotFoundError:
            return None

    def stages(self, trial: TrialRecord) -> list[Record]:
        """The records of the stages that `trial` used and that are here."""
        found = (self.stage(use.key) for use in trial.stages)
        return [record for record in found if record is not None]

    def metrics(self, trial: TrialRecord) -> dict[str, float]:
        """The final numbers of a trial's stages; tokens are shared, and say nothing of a trial."""
        own = [record for record in self.stages(trial) if record.stage != "tokens"]
        return {name: value for record in own for name, value in record.metrics.items()}

    def results(self, trial: TrialRecord) -> dict[str, float]:
        """The main metric of each of a trial's tasks, by its column in tables."""
        return results_of(self.stages(trial))

    def is_complete(self, trial: TrialRecord) -> bool:
        """Whether `trial` is done and the records of all its stages are here."""
        present = all((self.root / "stages" / use.key / RECORD).is_file() for use in trial.stages)
        return trial.status == "done" and present

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Be the one process that writes here, while the block lasts; makes the folder.

        Raises:
            FolderBusy: if another process is at work in it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / LOCK)
        try:
            lock.acquire(timeout=1)  # `status` holds it for a moment
        except Timeout:
            raise FolderBusy(
                f"another process is at work in {self.root}; wait for it, or give another "
                "folder with --out"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def refuse_other(
        self,
        sweep: SweepConfig,
        trials: Sequence[TrialConfig],
        suggested: TrialConfig | None = None,
    ) -> None:
        """Do nothing if `sweep`, which stands for `trials`, may run here; and for others too if it
        has a search, which may have `suggested` this one.

        Raises:
            FoundryError: if the folder is another sweep's, or holds trials that are not the sweep's
                (their number of threads, for one, may be another).
        """
        self._refuse_other_sweep(sweep)
        self._refuse_other_trials(trials, suggested)

    def adopt(self, sweep: SweepConfig, trials: Sequence[TrialConfig]) -> None:
        """Make the folder that of `sweep`, with its `trials`."""
        write_text(self.root / "sweep.yaml", dump_yaml(sweep))
        rows = (waiting_row(trial) for trial in trials)
        write_mapping(self.root / WAITING, {row.trial: asdict(row) for row in rows})
        for trial in trials:
            self.save(trial)

    def waiting(self) -> dict[str, Row]:
        """The trials that were known when the sweep began, as rows that have not begun."""
        return {name: Row(**row) for name, row in read_mapping(self.root / WAITING).items()}

    def forget(self, trial: TrialConfig) -> None:
        """Remove the record of `trial`, which is to run again."""
        (self.root / "trials" / trial_id(trial) / TRIAL).unlink(missing_ok=True)

    def note_changed(self) -> None:
        """Have the next call of the sweep mirror all records, also if it finds nothing to run."""
        if saved := read_mapping(self.root / SUMMARY):
            write_mapping(self.root / SUMMARY, {**saved, "is_mirrored": False})

    def save(self, trial: TrialConfig) -> None:
        """Write the resolved `trial`, as `foundry-bench run` takes it."""
        path = self.root / "trials" / trial_id(trial) / "trial.yaml"
        if not path.exists():
            write_text(path, dump_yaml(trial))

    def _refuse_other_sweep(self, sweep: SweepConfig) -> None:
        path = self.root / "sweep.yaml"
        if not path.exists():
            return
        there = load_sweep(path, [])
        if there.name != sweep.name:
            raise FoundryError(
                f"{self.root} holds the sweep '{there.name}', not '{sweep.name}'; "
                "give another folder with --out"
            )
        old, new = (
            each.model_dump(mode="json", exclude=set(FREE_TO_CHANGE)) for each in (there, sweep)
        )
        changed = [name for name in new if new[name] != old[name]]
        if changed == ["search"] and _goes_on(there, sweep):
            return
        if changed:
            raise FoundryError(
                f"{self.root} holds a sweep '{sweep.name}' with other {', '.join(changed)} "
                f"({path}); give another folder with --out, or delete that one (with "
                f"--store {self.root / 'store'} what is the same is not computed again)"
            )

    def _refuse_other_trials(
        self, trials: Sequence[TrialConfig], suggested: TrialConfig | None
    ) -> None:
        others = sorted(set(self.identities()) - {trial_id(trial) for trial in trials})
        if not others:
            return
        advice = "give another folder with --out"
        ours = suggested or trials[0]
        saved = self.root / "trials" / others[0] / "trial.yaml"
        there = load_trial(saved) if saved.exists() else ours
        words = {"threads": there.threads, "device": there.device}
        changed = [name for name in words if words[name] != getattr(ours, name)]
        if suggested is not None and saved.exists() and not changed:
            return  # the sweep is the same, so the search may well have made it
        if changed:
            given = " and ".join(f"{name} {getattr(ours, name)}" for name in changed)
            settings = " ".join(f"--set resources.{name}={words[name]}" for name in changed)
            advice = (
                f"this call has {given}; go on with `{settings}`, as recorded there, or {advice}"
            )
        raise FoundryError(
            f"{self.root} holds trials that this call does not have, such as {others[0]}: {advice}"
        )


def _goes_on(there: SweepConfig, sweep: SweepConfig) -> bool:
    """Whether `sweep` searches on from where the search of `there` ended: for more suggestions, and
    by a sampler that does not look at how many there will be.
    """
    old, new = there.search, sweep.search
    if old is None or new is None or new.sampler == "nsga2" or new.trials < old.trials:
        return False
    return old.model_copy(update={"trials": new.trials}) == new


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` by one atomic rename."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_mapping(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` to `path` as JSON by one atomic rename."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def read_mapping(path: Path) -> dict[str, Any]:
    """What `write_mapping` wrote to `path`; empty if it is not there or cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
