from pathlib import Path

import pytest

from foundry_bench import resources
from foundry_bench.errors import FoundryError
from foundry_bench.resources import find_sweep, shipped


def test_shipped_folders_are_found():
    assert (shipped("sweeps") / "smoke.yaml").is_file()
    assert shipped("experiments/teachers").is_dir()


def test_an_installed_wheel_has_them_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package = tmp_path / "foundry_bench"
    inside = package / "_shipped" / "sweeps"
    inside.mkdir(parents=True)
    (tmp_path / "sweeps").mkdir()
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert shipped("sweeps") == inside


def test_an_installation_without_them_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "foundry_bench")
    with pytest.raises(FoundryError, match="install foundry-bench again"):
        shipped("sweeps")


@pytest.mark.parametrize("given", ["sweeps/smoke.yaml", "smoke.yaml", "smoke"])
def test_a_shipped_sweep_is_found_by_name(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert find_sweep(Path(given)) == shipped("sweeps") / "smoke.yaml"


def test_a_file_that_exists_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("smoke.yaml").touch()
    assert find_sweep(Path("smoke.yaml")) == Path("smoke.yaml")


@pytest.mark.parametrize("given", ["/somewhere/smoke.yaml", "../smoke.yaml", "sweeps/smok.yaml"])
def test_other_paths_are_not_guessed(given: str):
    with pytest.raises(FoundryError, match="there is no such file; did you mean 'smoke'"):
        find_sweep(Path(given))
