"""Addresses of clusters that are not there: an error that says what to do, and soon."""

import socket
import time
from importlib import util
from typing import Any

import pytest

from foundry_bench.errors import FoundryError
from foundry_bench.sweep import ray_start
from foundry_bench.sweep.ray_start import joined


def refused(address: str) -> str:
    start = time.perf_counter()
    with pytest.raises(FoundryError) as caught, joined(address):
        pass
    assert time.perf_counter() - start < 20
    return str(caught.value)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.mark.parametrize("address", ["local", "10.0.0.1", "ray://", "ray://host:port"])
def test_what_is_no_address(address: str) -> None:
    assert f"given '{address}', expected auto, HOST:PORT or ray://HOST:PORT" in refused(address)


def test_nobody_answers(free_port: int) -> None:
    message = refused(f"127.0.0.1:{free_port}")
    assert "nobody answers there" in message
    assert "as printed by `ray start --head`, or leave --address out" in message
    message = refused(f"ray://127.0.0.1:{free_port}")
    assert "--ray-client-server-port" in message


def test_rays_client_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    found = util.find_spec

    def without_grpc(name: str, *more: Any) -> Any:
        return None if name == "grpc" else found(name, *more)

    monkeypatch.setattr(ray_start, "find_spec", without_grpc)
    assert "pip install 'foundry-bench[cluster]'" in refused("ray://127.0.0.1")


def test_no_cluster_to_be_part_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    def missing(**given: Any) -> None:
        assert given["address"] == "auto"
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr(ray_start.ray, "init", missing)
    assert "this machine is in no Ray cluster; start one with `ray start --head`" in refused("auto")
