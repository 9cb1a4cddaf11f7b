"""MLflow as a mirror of the records: it can be rebuilt from an output folder at any time.

A sweep is an experiment with one parent run; each trial that ended is a child run. The names below
are a promise, so that filters such as `params.student.supertokens = '4'` and saved comparisons go
on working (docs/mlflow.md shows them at work):

    tags      kind (sweep or trial), sweep, trial_id, role, variant, seed, status, error,
              records (hash of what was mirrored), folder (an id of the output folder: several may
              hold a sweep of one name)
    params    the resolved trial's fields by dotted path: student.supertokens, train.distill.lr,
              data.name, seed, role, variant ...; a task's by its label: tasks.probe.name
    metrics   final: as in the records (distill_loss, heldout_nmse, accuracy, probe_accuracy ...),
              of a task with a label of its own after that: db69.accuracy
              per epoch, step = epoch: <stage or task>/<name> (distill/loss, classification/lr ...)
              a name that MLflow refuses has other characters and a hash: the tag `original.<name>`
              holds what it was
    artifacts trial.json, and record.json of each stage in its folder (distill-<key>/,
              evaluate-probe/ ...); of the sweep's own run sweep.yaml and, if asked for, report/
"""

import hashlib
import json
import logging
import os
import posixpath
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundry_bench.config.source import parse
from foundry_bench.errors import FoundryError
from foundry_bench.files import replacing
from foundry_bench.record import Record, TrialRecord
from foundry_bench.store import RECORD
from foundry_bench.sweep.folder import Folder, write_text
from foundry_bench.sweep.group import TRIAL
from foundry_bench.sweep.labels import Labels

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run
    from mlflow.tracking import MlflowClient

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
"""For MLflow's environment: no telemetry, no log of its own, no processes for jobs, which runs do
not need.
"""
IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
"""Limits of MLflow's own attempts, four minutes a request by default, unless the user sets them:
the callers here repeat requests themselves.
"""
KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Makes MLflow show an experiment as runs to compare, without a question about its kind."""
VERSION = 3
"""Raised when a record is mirrored in another way, so that older runs are written again."""
ID = "mlflow.id"
PARENT = "mlflow.parentRunId"
MAX_PARAMS = 100
MAX_METRICS = 900
MAX_VALUE_CHARACTERS = 500
MAX_NAME_CHARACTERS, KEPT_CHARACTERS, MAX_TAG_CHARACTERS = 200, 150, 5000
DIGEST_CHARACTERS = 16
ORIGINAL = "original."
_LEGAL = re.compile(r"[/\w.\- :]+")
_MADE = re.compile(rf"__[0-9a-f]{{{DIGEST_CHARACTERS}}}$")
NOT_PARAMS = ("sweep", "varies")
OWN_TAGS = {"kind", "sweep", "trial_id"}
"""A run without any of them was made by someone else, and is left alone."""
REPORT = "report"
"""Artifacts of the sweep's own run below which a report lies."""


def tracking_uri(out: Path) -> str:
    """The address for the runs of `out`: MLFLOW_TRACKING_URI, else a database in the folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or database_uri(out.absolute() / "mlflow.db")


def database_uri(path: Path) -> str:
    """The address of the SQLite database in the file `path`."""
    from sqlalchemy import URL

    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def is_server(uri: str) -> bool:
    """Whether `uri` is an MLflow server, which keeps artifacts itself, rather than a database."""
    return uri.startswith(("http:", "https:"))


def output_folders(root: Path) -> list[Path]:
    """`root` if it is the output folder of a sweep, else all output folders below it.

    Raises:
        FoundryError: if there is none.
    """
    if Folder(root).identities():
        return [root]
    below = (path.parent.parent.parent for path in root.rglob(f"trials/*/{TRIAL}"))
    found = sorted(set(below))
    if not found:
        raise FoundryError(
            f"{root} holds no trials; give the output folder of a sweep, such as runs/<name>"
        )
    return found


def shown(uri: str) -> str:
    """`uri` without the password that it may hold."""
    before, at, host = uri.rpartition("@")
    scheme, _, _ = before.partition("://")
    return f"{scheme}://{host}" if at and not uri.startswith("sqlite:") else uri


def mirror(out: Path, uri: str | None = None) -> int:
    """Bring MLflow to what the records of `out` say.

    Returns the number of runs that were made or changed, the sweep's own among them.

    Runs whose records have not changed are left alone, so calling it again adds nothing.

    Raises:
        FoundryError: if MLflow refuses, or does not answer.
    """
    folder = Folder(out.absolute())
    name = sweep_name(folder)
    if name is None:
        return 0
    with told(uri or tracking_uri(out)) as place:
        runs = Mirror(folder, name, place)
        for identity in folder.identities():
            runs.write(identity)
        runs.finish()
    return runs.num_written


def log_report(out: Path, report: Path, files: Iterable[Path], uri: str | None = None) -> int:
    """Mirror the records of `out`, then put `files` among the artifacts of its sweep's run.

    Args:
        out: the output folder of a sweep.
        report: the folder below which `files` lie.
        files: the files of the report.
        uri: MLflow's address; by default that of `out`.

    Returns:
        The number of files.

    Raises:
        FoundryError: if there are no trials in `out`; or MLflow refuses, or does not answer.
    """
    mirror(out, uri)
    folder = Folder(out.absolute())
    name = sweep_name(folder)
    if name is None:
        raise FoundryError(f"{out} holds no trial that ended: it has no run in MLflow")
    with told(uri or tracking_uri(out)) as place:
        runs = Mirror(folder, name, place)
        paths = list(files)
        for path in paths:
            runs.log_file(path, f"{REPORT}/{path.parent.relative_to(report)}".removesuffix("/."))
    return len(paths)


def sweep_name(folder: Folder) -> str | None:
    """The name of the sweep whose trials lie in `folder`; None if none of them ended."""
    trials = (folder.trial(identity) for identity in folder.identities())
    return next((trial.sweep for trial in trials if trial), None)


@contextmanager
def told(uri: str) -> Iterator[str]:
    """Turn MLflow's many kinds of exceptions into a message for the user."""
    try:
        yield uri
    except FoundryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise  # a file of this machine, not the network
        raise FoundryError(
            f"MLflow at {shown(uri)} does not take the records: {first_line(error, uri)}\n"
            "Nothing is lost: mend that, and call again."
        ) from error


def first_line(error: Exception, uri: str) -> str:
    """The type and first line of `error`, without the password that `uri` may hold."""
    return f"{type(error).__name__}: {error}".splitlines()[0].replace(uri, shown(uri))


def is_refusal(error: Exception) -> bool:
    """Whether MLflow refused the content of a request: the same one would be refused again."""
    return getattr(error, "error_code", None) == "INVALID_PARAMETER_VALUE"


class Mirror:
    """The one writer of a sweep's runs.

    After a call that failed, make a new `Mirror`: it replaces or removes runs that are incomplete
    or that were made although no answer came.

    Attributes:
        num_written: runs that were made or changed so far, the sweep's own among them.
    """

    def __init__(self, folder: Folder, sweep: str, uri: str) -> None:
        """Connect to `uri`; make the database if there is none, which takes seconds."""
        self._folder = folder
        self._name = sweep
        self._client = connect(uri)
        artifacts = None if is_server(uri) else (folder.root / "mlartifacts").as_uri()
        self._experiment = self._open_experiment(artifacts)
        self._folder_id = folder_id(folder)
        self.num_written = 0
        self._runs: dict[str, tuple[str, dict[str, str]]] = {}  # trial -> id and tags
        self._labels: Labels | None = None
        parent: Run | None = None
        for run in self._search():
            tags = run.data.tags
            if tags.get("kind") == "sweep":
                parent = parent or run
            elif (identity := tags.get("trial_id")) is not None and (
                "records" in tags or identity not in self._runs
            ):
                self._runs[identity] = run.info.run_id, dict(tags)
        self._parent = self._sweep_run(parent)

    def write(self, identity: str) -> None:
        """Mirror a trial that has ended, if its run is missing or not up to date."""
        trial = self._folder.trial(identity)
        if trial is None:
            return
        stages = self._folder.stages(trial)
        digest = records_hash(trial, stages)
        tags = self._tags(trial)
        run_id, found = self._runs.get(identity, (None, {}))
        if run_id is not None and found.get("records") == digest:
            self._mend_tags(run_id, found, tags)
            return
        if run_id is not None:
            self._client.delete_run(run_id)
        path = self._folder.root / "trials" / identity / TRIAL
        ended_ms = int(trial.finished_s(path.stat().st_mtime) * 1000)
        spent_ms = int(sum(stage.timings.get("wall_s", 0.0) for stage in stages) * 1000)
        run = self._client.create_run(
            self._experiment,
            start_time=ended_ms - spent_ms,
            tags=tags,
            run_name=self._label(trial),
        )
        self._log(run, trial, stages, ended_ms)
        self._client.set_tag(run.info.run_id, "records", digest)
        status = "FINISHED" if trial.status in ("done", "pruned") else "FAILED"
        self._client.set_terminated(run.info.run_id, status, end_time=ended_ms)
        self._runs[identity] = run.info.run_id, {**tags, "records": digest}
        self.num_written += 1

    def finish(self) -> None:
        """Close the sweep's own run; remove runs without a record, and second runs of one."""
        ended = {path.parent.name for path in self._folder.root.glob(f"trials/*/{TRIAL}")}
        own = (self._runs[identity][0] for identity in ended & self._runs.keys())
        kept = {self._parent, *own}
        for run in self._search():
            if run.info.run_id not in kept:
                self._client.delete_run(run.info.run_id)
        path = self._folder.root / "sweep.yaml"
        if path.exists():
            self._client.log_artifact(self._parent, str(path))
            question = _mapping(parse(path.read_text(encoding="utf-8"), str(path)).value).get(
                "question", ""
            )
            self._client.set_tag(self._parent, "mlflow.note.content", str(question))
        self._client.set_terminated(self._parent)

    def log_file(self, path: Path, folder: str) -> None:
        """Make a file an artifact of the sweep's own run."""
        self._client.log_artifact(self._parent, str(path), folder)

    def _open_experiment(self, artifacts: str | None) -> str:
        found = self._client.get_experiment_by_name(self._name)
        if found is None:
            return str(self._client.create_experiment(self._name, artifacts, KIND))
        if found.lifecycle_stage != "active":
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _search(self) -> list["Run"]:
        """All runs of the folder, the latest first.

        Runs that lost the tag `folder` are among them: those below or above a run that has it, and
        those of the folder's trials, unless they lie below a run of another folder.
        """
        runs = self._all_runs()
        # A run of a sweep and those of its trials form a group, named by the id of the former.
        groups = {run.info.run_id: run.data.tags.get(PARENT, run.info.run_id) for run in runs}
        owners = {
            groups[run.info.run_id]: run.data.tags["folder"]
            for run in runs
            if "folder" in run.data.tags
        }
        identities = set(self._folder.identities())
        for run in runs:
            if run.data.tags.get("trial_id") in identities:
                owners.setdefault(groups[run.info.run_id], self._folder_id)
        return [
            run
            for run in runs
            if run.data.tags.get("folder", owners.get(groups[run.info.run_id])) == self._folder_id
            and run.data.tags.keys() & OWN_TAGS
        ]

    def _all_runs(self) -> list["Run"]:
        """All runs of the experiment, which several folders may share, the latest first."""
        found: list[Run] = []
        token: str | None = None
        while True:
            page = self._client.search_runs([self._experiment], max_results=1000, page_token=token)
            found += page
            token = page.token
            if not token:
                return found

    def _sweep_run(self, found: "Run | None") -> str:
        """The id of the sweep's own run: that of `found`, with all its tags, or of a new one."""
        tags = {"kind": "sweep", "folder": self._folder_id, "sweep": self._name}
        if found is None:
            found = self._client.create_run(self._experiment, tags=tags, run_name=self._name)
            self.num_written += 1
        else:
            self._mend_tags(found.info.run_id, dict(found.data.tags), tags)
        return str(found.info.run_id)

    def _label(self, trial: TrialRecord) -> str:
        """The run's name: the trial's label among those that are known."""
        if self._labels is None:
            known = [row.varies for row in self._folder.waiting().values()]
            ended = (self._folder.trial(identity) for identity in self._folder.identities())
            self._labels = Labels([*known, *(each.varies for each in ended if each)])
        return f"{self._labels.of(trial.variant, trial.varies)} seed={trial.seed}"

    def _mend_tags(self, run_id: str, found: dict[str, str], wanted: Mapping[str, str]) -> None:
        """Add the `wanted` tags that a run lost to those `found`, and set its present parent."""
        lost = {
            name: value
            for name, value in wanted.items()
            if name not in found or (name == PARENT and found[name] != value)
        }
        for name, value in lost.items():
            self._client.set_tag(run_id, name, value)
        found.update(lost)
        self.num_written += bool(lost)

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
            PARENT: self._parent,
            **({"error": trial.error[:MAX_VALUE_CHARACTERS]} if trial.error else {}),
        }

    def _log(self, run: "Run", trial: TrialRecord, stages: list[Record], time_ms: int) -> None:
        from mlflow.entities import Metric, Param, RunTag

        client, identity = self._client, run.info.run_id
        config = {name: value for name, value in trial.config.items() if name not in NOT_PARAMS}
        flat = flatten(config)
        params = [Param(legal_name(name), value) for name, value in flat.items()]
        for start in range(0, len(params), MAX_PARAMS):
            client.log_batch(identity, params=params[start : start + MAX_PARAMS])
        metrics = list(stage_metrics(stages, time_ms))
        originals = original_tags([*flat, *(metric.key for metric in metrics)])
        metrics = [
            Metric(legal_name(metric.key), metric.value, metric.timestamp, metric.step)
            for metric in metrics
        ]
        for start in range(0, len(metrics), MAX_METRICS):
            client.log_batch(identity, metrics=metrics[start : start + MAX_METRICS])
        tags = [RunTag(name, value) for name, value in originals.items()]
        for start in range(0, len(tags), MAX_PARAMS):
            client.log_batch(identity, tags=tags[start : start + MAX_PARAMS])
        client.log_artifact(identity, str(self._folder.root / "trials" / trial.trial / TRIAL))
        for stage in stages:
            name = "-".join([stage.stage, stage.task or stage.key[:8]])
            client.log_artifact(
                identity, str(self._folder.root / "stages" / stage.key / RECORD), name
            )


def folder_id(folder: Folder) -> str:
    """The id of `folder`, which its runs carry: other folders may hold a sweep of the same name."""
    path = folder.root / ID
    if not path.exists():
        write_text(path, uuid.uuid4().hex)
    return path.read_text(encoding="utf-8")


def connect(uri: str) -> "MlflowClient":
    """A client of MLflow at `uri`, without its telemetry and its log.

    The file of a database that does not exist yet is made, whole or not at all.
    """
    os.environ.update(QUIET)
    for variable, value in IMPATIENT.items():
        os.environ.setdefault(variable, value)
    for name in ("mlflow", "alembic", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from mlflow.tracking import MlflowClient
    from sqlalchemy import make_url

    path = make_url(uri).database if uri.startswith("sqlite:") else None
    if path and not Path(path).exists():
        # Made in many steps: a process killed in between would leave one that MLflow refuses.
        with replacing(Path(path)) as temporary:
            address = database_uri(temporary)
            with without_escaped_folders(address):
                MlflowClient(address).search_experiments(max_results=1)
    with without_escaped_folders(uri):
        client = MlflowClient(uri)
        client.search_experiments(max_results=1)
    return client


@contextmanager
def without_escaped_folders(uri: str) -> Iterator[None]:
    """Remove the empty folders that MLflow makes by mistake within the block.

    It makes the parents of a database's path without undoing the escapes of the address: a folder
    `what%3F` beside `what?`.
    """
    scheme, _, path = uri.partition(":///")
    parents = Path(path).parents if scheme == "sqlite" and "%" in path else ()
    missing = [parent for parent in parents if not parent.exists()]
    try:
        yield
    finally:
        for parent in missing:
            with suppress(OSError):  # not made, or not empty
                parent.rmdir()


def legal_name(name: str) -> str:
    """`name` as MLflow takes it for a metric or parameter; no two names become the same.

    Legal names stay, unless they look like one that was made here.
    """
    is_legal = (
        _LEGAL.fullmatch(name) is not None
        and len(name) <= MAX_NAME_CHARACTERS
        and posixpath.normpath(name) == name
        and not name.startswith(("/", ".."))
        and name != "."
    )
    if is_legal and not _MADE.search(name):
        return name
    plain = re.sub(r"[^/\w.\- :]", "_", name)
    parts = [part for part in plain.split("/") if part.strip(".")]
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:DIGEST_CHARACTERS]
    return f"{'/'.join(parts)[:KEPT_CHARACTERS]}__{digest}"


def original_tags(names: Iterable[str]) -> dict[str, str]:
    """Tags `original.<legal name>` -> name, of the `names` that MLflow refuses."""
    changed = ((legal_name(name), name) for name in dict.fromkeys(names))
    return {
        f"{ORIGINAL}{legal}": name[:MAX_TAG_CHARACTERS] for legal, name in changed if legal != name
    }


def records_hash(trial: TrialRecord, stages: list[Record]) -> str:
    """A hash that changes when anything that is mirrored does."""
    texts = [str(VERSION), *(record.model_dump_json() for record in (trial, *stages))]
    return hashlib.sha256("".join(texts).encode()).hexdigest()


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted path -> value as text.

    Lists of named things are entered by label or name, other lists stay whole.
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
    """Final and per-epoch numbers of a trial's stages, except of tokens, which trials share."""
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
