"""The Ray that a sweep runs on: its own on this machine, or a cluster that is there."""

import gc
import logging
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path

import ray
from ray._private.node import Node

from foundry_bench import provenance
from foundry_bench.errors import FoundryError
from foundry_bench.sweep import leftovers
from foundry_bench.sweep.shares import Machine
from foundry_bench.sweep.shipping import shipped_code
from foundry_bench.sweep.slots import Slots
from foundry_bench.sweep.tune_gaps import replaced

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_prestart_worker_first_driver": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_MAX_PENDING_TRIALS_PG": "10000",
}
"""For Ray's environment: no telemetry, loggers, snapshots, output or signal handlers of its own,
and no workers before they are asked for: Tune would not use them. Tune itself would start a worker
only once the one before is there; how many there may be is our matter.
"""

UNUSED = ("start_api_server", "start_log_monitor", "start_monitor")
"""What a Ray on one machine starts for its dashboard, for output that nobody reads and to get more
machines: each a process that imports for a second, while the workers want to.
"""

OBJECT_STORE_BYTES = 100 * 2**20
"""Trials exchange files, not objects; small machines must hold it."""

MAX_TEMPORARY_CHARACTERS = 40
"""Ray's sockets lie up to 66 characters below its folder, and the path of a socket ends at 107."""

CLIENT = "ray://"
CLIENT_PORT = 10001
ANSWER_S = 5.0
"""A machine that is there answers sooner; Ray itself would wait for minutes."""


@contextmanager
def started_ray(slots: Slots) -> Iterator[None]:
    """Ray on this machine for as long as the block lasts; what it writes goes with it.

    Workers can import what this process can. What is printed to `sys.stdout` meanwhile is dropped:
    Ray prints there.
    """
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    parent = tempfile.gettempdir()
    parent = (
        parent if len(parent) + len("/foundry-01234567") <= MAX_TEMPORARY_CHARACTERS else "/tmp"
    )
    with quiet(), _cleared(tempfile.mkdtemp(prefix="foundry-", dir=parent)) as temporary:
        try:
            with _bare(temporary):
                ray.init(
                    address="local",
                    num_cpus=slots.count,
                    num_gpus=slots.gpus,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.CRITICAL,
                    object_store_memory=OBJECT_STORE_BYTES,
                    _temp_dir=temporary,
                )
            yield
        finally:
            _leave()


@contextmanager
def _cleared(folder: str) -> Iterator[str]:
    """Gives `folder`, that of a Ray; after the block, or once this process has died, nothing is
    left of either.
    """
    # A driver that is itself of a Ray of ours is ended with it; who ends its own Ray then is not.
    environment = {name: value for name, value in os.environ.items() if name != leftovers.MARK}
    watcher = subprocess.Popen(
        [sys.executable, "-IS", leftovers.__file__, folder],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with watcher:
        try:
            yield folder
        finally:
            leftovers.end(folder)
            watcher.kill()


@contextmanager
def _bare(folder: str) -> Iterator[None]:
    """A Ray that starts within the block starts without what is unused, and its processes are
    marked as of `folder`.
    """
    # With the second a process that gives itself a name does not write it over its environment.
    marks = {leftovers.MARK: folder, "SPT_NOENV": "1"}
    before = {name: os.environ.get(name) for name in marks}
    os.environ.update(marks)
    with ExitStack() as stack:
        for name in UNUSED:
            stack.enter_context(replaced(Node, name, lambda *_, **__: None))
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


@contextmanager
def joined(address: str) -> Iterator[list[Machine]]:
    """The cluster at `address` for as long as the block lasts; gives its machines.

    Its workers get the code that this process runs.

    Args:
        address: `auto` (the cluster that this machine is part of), `HOST:PORT` of its head, or
            `ray://HOST:PORT` of Ray's client server, from a machine that is no part of it.

    Raises:
        FoundryError: if there is no cluster, with what to do.
    """
    _check(address)
    with quiet(), tempfile.TemporaryDirectory(prefix="foundry-code-") as folder:
        variables = QUIET | {provenance.COMMIT: provenance.commit() or ""}
        environment = {"env_vars": variables, **shipped_code(Path(folder))}
        try:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                runtime_env=environment,
            )
        except Exception as error:
            _leave()
            raise FoundryError(_advice(address, error)) from error
    try:
        yield _machines(address)
    finally:
        _leave()


def _leave() -> None:
    """Leave Ray. Nobody collects garbage meanwhile: with what Tune left, another thread would ask
    for what is being shut down, and Ray ends the process for that.
    """
    gc.disable()
    try:
        ray.shutdown()
    finally:
        gc.enable()


@contextmanager
def quiet() -> Iterator[None]:
    """What Ray prints to `sys.stdout` is dropped while the block lasts."""
    os.environ.update(QUIET)
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield


def _machines(address: str) -> list[Machine]:
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    found = [node["Resources"] for node in nodes if node["Alive"]]
    machines = [
        Machine(int(resources.get("CPU", 0)), int(resources.get("GPU", 0))) for resources in found
    ]
    if not any(machine.cpus or machine.gpus for machine in machines):
        raise FoundryError(
            f"--address {address}: the machines of this cluster offer neither CPUs nor GPUs; start "
            "some with `ray start --address=HEAD:PORT`"
        )
    return machines


def _check(address: str) -> None:
    """Do nothing if somebody answers at `address`.

    Raises:
        FoundryError: if nobody does, it is no address, or a package is missing for it.
    """
    if address == "auto":
        return
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    is_client = address.startswith(CLIENT)
    if is_client and not host:
        host, port = port, str(CLIENT_PORT)
    if not host or not port.isdecimal():
        raise FoundryError(
            f"--address: given '{address}', expected auto, HOST:PORT or ray://HOST:PORT, such as "
            f"10.0.0.1:6379 or ray://10.0.0.1:{CLIENT_PORT}"
        )
    if is_client and find_spec("grpc") is None:
        raise FoundryError(
            f"--address {address} goes through Ray's client, which is not installed: "
            "pip install 'foundry-bench[cluster]'"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
    except (OSError, OverflowError) as error:
        start = "with the port --ray-client-server-port of" if is_client else "as printed by"
        raise FoundryError(
            f"--address {address}: nobody answers there ({error}); give the address of the "
            f"cluster's head, {start} `ray start --head`, or leave --address out to run on this "
            "machine alone"
        ) from error


def _advice(address: str, error: Exception) -> str:
    if address == "auto":
        return (
            "--address auto: this machine is in no Ray cluster; start one with `ray start --head`, "
            "join one with `ray start --address=HEAD:PORT`, or leave --address out"
        )
    token = "if the cluster asks for a token: export RAY_AUTH_MODE=token"
    if address.startswith(CLIENT):
        return (
            f"--address {address}: Ray's client was refused: {error}. Use the same versions of "
            f"Python and Ray here and there; {token}"
        )
    return (
        f"--address {address}: cannot join that cluster: {error}. Start a node of it on this "
        f"machine with `ray start --address={address}`, with the same versions of Python and Ray, "
        f"or come in from outside with {CLIENT}HEAD:{CLIENT_PORT}; {token}"
    )
