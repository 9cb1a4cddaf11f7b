"""`foundry-bench ui`: MLflow's pages on a sweep."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
foundry-bench ui runs/supertokens
foundry-bench ui runs/supertokens --port 5001
"""


def command(
    directory: Annotated[Path, typer.Argument(help="The output folder of a sweep.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 5000,
) -> None:
    """Serve MLflow's pages on the runs of a sweep, to this machine alone; Ctrl-C ends it.

    What the records say and MLflow does not know yet is mirrored first.
    """
    from foundry_bench.errors import FoundryError
    from foundry_bench.sweep.folder import Folder, FolderBusy
    from foundry_bench.tracking import (
        QUIET,
        is_server,
        mirror,
        tracking_uri,
        without_escaped_folders,
    )

    folder = Folder(directory.absolute())
    if not folder.identities():
        raise FoundryError(
            f"{directory} holds no trials; give the output folder of a sweep, such as runs/<name>"
        )
    uri = tracking_uri(directory)
    try:
        with folder.hold():
            mirror(directory, uri)
    except FolderBusy:
        typer.echo("another process is at work in the folder: its runs come as they end")
    if is_server(uri):
        typer.echo(f"the runs are on {uri}")
        return
    if not is_free(port):
        raise FoundryError(
            f"port {port} is in use on this machine: give another one, such as --port {other(port)}"
        )
    typer.echo(f"http://127.0.0.1:{port} (Ctrl-C ends it)")
    words = [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--backend-store-uri", uri),
        *("--artifacts-destination", (directory.absolute() / "mlartifacts").as_uri()),
        *("--host", "127.0.0.1"),
        *("--port", str(port)),
        *("--workers", "1"),
    ]
    try:
        with without_escaped_folders(uri):
            done = subprocess.run(words, env={**os.environ, **QUIET}, check=False)
    except KeyboardInterrupt:
        return
    raise typer.Exit(2 if done.returncode else 0)


def is_free(port: int) -> bool:
    """Whether a server may listen on `port` of this machine."""
    with socket.socket() as probe:
        # as servers do: a port whose connections were closed a moment ago is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def other(port: int) -> int:
    """A port to propose instead of `port`."""
    return port + 1 if port < 65535 else port - 1
