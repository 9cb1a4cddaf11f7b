"""MLflow as a mirror of the records: it can be rebuilt from an output folder at any time.

A sweep is an experiment with one parent run; each trial that ended is a child run. The names below
are a promise, so that filters such as `params.student.supertokens = '4'` and saved comparisons go
on working:

    tags      sweep, trial_id, role, variant, seed, status, records (hash of what was mirrored),
              folder (an id of the output folder: several may hold a sweep of one name)
    params    the resolved trial's fields by dotted path: student.supertokens, train.distill.lr,
              data.name ...; a task's by its label: tasks.probe.name
    metrics   final: as in the records (distill_loss, heldout_nmse, accuracy, probe_accuracy ...),
              of a task with a label of its own after that: db69.accuracy
              per epoch, step = epoch: <stage or task>/<name> (distill/loss, classification/lr ...)
    artifacts trial.json, and record.json of each stage in its folder (distill-<key>/,
              evaluate-probe/ ...)
"""

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundry_bench.record import Record, TrialRecord
from foundry_bench.store import RECORD
from foundry_bench.sweep.folder import Folder, write_text
from foundry_bench.sweep.group import TRIAL

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run
    from mlflow.tracking import MlflowClient

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_CONFIGURE_LOGGING": "false",
}
ID = "mlflow.id"
MAX_PARAMS = 100
MAX_METRICS = 900
MAX_VALUE_CHARACTERS = 500
NOT_PARAMS = ("sweep", "role", "variant", "varies")


def tracking_uri(out: Path) -> str:
    """Where the runs of `out` go: MLFLOW_TRACKING_URI if set, else a database in the folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{out.absolute() / 'mlflow.db'}"


def is_server(uri: str) -> bool:
    """Whether `uri` is an MLflow server, which keeps artifacts itself, rather than a database."""
    return uri.startswith(("http:", "https:"))


def mirror(out: Path, uri: str | None = None) -> int:
    """Bring MLflow to what the records of `out` say; returns the number of runs written.

    Runs whose records have not changed are left alone, so calling it again adds nothing.
    """
    folder = Folder(out.absolute())
    trials = [trial for identity in folder.identities() if (trial := folder.trial(identity))]
    if not trials:
        return 0
    runs = Mirror(folder, trials[0].sweep, uri or tracking_uri(out))
    written = sum(runs.write(identity) for identity in folder.identities())
    runs.finish()
    return written


class Mirror:
    """The one writer of a sweep's runs."""

    def __init__(self, folder: Folder, sweep: str, uri: str) -> None:
        """Connect to `uri`; makes the database if there is none, which takes seconds."""
        self._folder = folder
        self._name = sweep
        self._client = connect(uri)
        artifacts = None if is_server(uri) else (folder.root / "mlartifacts").as_uri()
        experiment = self._client.get_experiment_by_name(self._name)
        self._experiment: str = (
            experiment.experiment_id
            if experiment
            else self._client.create_experiment(self._name, artifact_location=artifacts)
        )
        self._folder_id = folder_id(folder)
        self._runs = {
            run.data.tags["trial_id"]: (run.info.run_id, run.data.tags.get("records"))
            for run in self._search("tags.kind = 'trial'")
        }
        parents = self._search("tags.kind = 'sweep'")
        self._parent: str = (parents[0] if parents else self._create_parent()).info.run_id

    def write(self, identity: str) -> bool:
        """Mirror a trial that has ended and whose run is not up to date; returns whether it did."""
        trial = self._folder.trial(identity)
        if trial is None:
            return False
        stages = self._folder.stages(trial)
        digest = records_hash(trial, stages)
        run_id, mirrored = self._runs.get(identity, (None, None))
        if mirrored == digest:
            return False
        if run_id is not None:
            self._client.delete_run(run_id)
        path = self._folder.root / "trials" / identity / TRIAL
        ended_ms = int(path.stat().st_mtime * 1000)
        spent_ms = int(sum(stage.timings.get("wall_s", 0.0) for stage in stages) * 1000)
        run = self._client.create_run(
            self._experiment,
            start_time=ended_ms - spent_ms,
            tags=self._tags(trial),
            run_name=identity,
        )
        self._log(run, trial, stages, ended_ms)
        self._client.set_tag(run.info.run_id, "records", digest)
        status = "FINISHED" if trial.status in ("done", "pruned") else "FAILED"
        self._client.set_terminated(run.info.run_id, status, end_time=ended_ms)
        self._runs[identity] = run.info.run_id, digest
        return True

    def finish(self) -> None:
        """Close the sweep's own run."""
        if (self._folder.root / "sweep.yaml").exists():
            self._client.log_artifact(self._parent, str(self._folder.root / "sweep.yaml"))
        self._client.set_terminated(self._parent)

    def _search(self, condition: str) -> list["Run"]:
        found: list[Run] = []
        token: str | None = None
        while True:
            page = self._client.search_runs(
                [self._experiment],
                f"{condition} and tags.folder = '{self._folder_id}'",
                max_results=1000,
                page_token=token,
            )
            found += page
            token = page.token
            if not token:
                return found

    def _create_parent(self) -> "Run":
        tags = {"kind": "sweep", "folder": self._folder_id, "sweep": self._name}
        return self._client.create_run(self._experiment, tags=tags, run_name=self._name)

    def _tags(self, trial: TrialRecord) -> dict[str, str]:
        return {
            "kind": "trial",
            "folder": self._folder_id,
            "sweep": trial.sweep,
            "trial_id": trial.trial,
            "role": trial.role,
            "variant": trial.variant,
            "seed": str(trial.seed),
            "status": trial.status,
            "mlflow.parentRunId": self._parent,
            **({"error": trial.error[:MAX_VALUE_CHARACTERS]} if trial.error else {}),
        }

    def _log(self, run: "Run", trial: TrialRecord, stages: list[Record], time_ms: int) -> None:
        from mlflow.entities import Param

        client, identity = self._client, run.info.run_id
        config = {name: value for name, value in trial.config.items() if name not in NOT_PARAMS}
        params = [Param(name, value) for name, value in flatten(config).items()]
        for start in range(0, len(params), MAX_PARAMS):
            client.log_batch(identity, params=params[start : start + MAX_PARAMS])
        metrics = list(stage_metrics(stages, time_ms))
        for start in range(0, len(metrics), MAX_METRICS):
            client.log_batch(identity, metrics=metrics[start : start + MAX_METRICS])
        client.log_artifact(identity, str(self._folder.root / "trials" / trial.trial / TRIAL))
        for stage in stages:
            name = "-".join([stage.stage, stage.task or stage.key[:8]])
            client.log_artifact(
                identity, str(self._folder.root / "stages" / stage.key / RECORD), name
            )


def folder_id(folder: Folder) -> str:
    """What tells the runs of `folder` from those of others that hold a sweep of the same name."""
    path = folder.root / ID
    if not path.exists():
        write_text(path, uuid.uuid4().hex)
    return path.read_text()


def connect(uri: str) -> "MlflowClient":
    """A client of MLflow at `uri`, without its telemetry and its log."""
    os.environ.update(QUIET)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from mlflow.tracking import MlflowClient

    return MlflowClient(uri)


def records_hash(trial: TrialRecord, stages: list[Record]) -> str:
    """A hash that changes when anything that is mirrored does."""
    text = trial.model_dump_json() + "".join(stage.model_dump_json() for stage in stages)
    return hashlib.sha256(text.encode()).hexdigest()


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted path -> value as text. Lists of named things go by label or name, other lists stay
    whole.
    """
    flat: dict[str, str] = {}
    for key, value in config.items():
        path = f"{prefix}{key}"
        if (
            isinstance(value, list)
            and value
            and all(isinstance(one, dict) and "name" in one for one in value)
        ):
            value = {one.get("label") or one["name"]: one for one in value}
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{path}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value)
            flat[path] = (
                text
                if len(text) <= MAX_VALUE_CHARACTERS
                else f"{text[: MAX_VALUE_CHARACTERS - 1]}…"
            )
    return flat


def stage_metrics(stages: list[Record], time_ms: int) -> Iterator["Metric"]:
    """Final and per-epoch numbers of a trial's stages, but for tokens, which it shares."""
    from mlflow.entities import Metric

    for stage in (stage for stage in stages if stage.stage != "tokens"):
        word = _mapping(stage.config.get("task")).get("name")
        prefix = "" if word in (None, stage.task) else f"{stage.task}."
        for name, value in stage.metrics.items():
            yield Metric(f"{prefix}{name}", float(value), time_ms, 0)
        for epoch in stage.history:
            step = int(epoch.get("epoch", 0))
            for name, value in epoch.items():
                if name != "epoch":
                    yield Metric(f"{stage.task or stage.stage}/{name}", float(value), time_ms, step)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
