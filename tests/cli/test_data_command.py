"""`foundry-bench data` as its users call it."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from foundry_bench.cli.main import app
from tests.data.archives import columns, save
from tests.data.published_files import scanobjectnn


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, arguments)], env={"COLUMNS": "120"})


def test_check_prints_found_against_expected(tmp_path: Path) -> None:
    result = call("check", "archive", "--path", save(tmp_path / "mine.npz"))
    assert result.exit_code == 0, result.output
    for text in ("split train", "unit sphere", "up axis", "NaN", "train_chamfer", "bee", "█"):
        assert text in result.output, text


def test_check_takes_any_setting(tmp_path: Path) -> None:
    path = save(tmp_path / "mine.npz", kind=columns()["label"], split=None)
    result = call("check", "archive", f"--path={path}", "--set=label=kind", "--set=split=null")
    assert result.exit_code == 0, result.output


def test_what_is_off_gives_exit_code_1(tmp_path: Path) -> None:
    points = columns()["points"]
    points[0] = points[1]
    result = call("check", "archive", "--path", save(tmp_path / "mine.npz", points=points))
    assert result.exit_code == 1
    assert "OFF" in result.output
    assert "0 = 1" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "archiv"], "unknown dataset 'archiv'; did you mean 'archive'?"),
        (["check", "archive"], "path: is missing"),
        (["check", "archive", "--path", "nowhere.npz"], "nowhere.npz does not exist"),
        (["check", "shapes", "--set", "trian=9"], "did you mean 'train'?"),
        (["check", "shapes", "--set", "train"], "expected KEY=VALUE"),
        (["check", "shapes", "--set", "train={a: 1, a: 2}"], "given twice"),
        (["check", "shapes", "--path", "a.npz"], "path: unknown field"),
        (["check", "shapes", "--root", "data"], "root: unknown field"),
        (["check", "modelnet40", "--root", "nowhere"], "no folder 'modelnet40_ply_hdf5_2048'"),
        (["prepare", "shapenetpart", "--root", ".", "--store", "s"], "shapenet.org"),
    ],
)
def test_user_errors_are_one_message_and_exit_code_2(arguments: list[str], message: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output


def test_prepare_leaves_the_dataset_in_the_store(tmp_path: Path) -> None:
    path = save(tmp_path / "mine.npz")
    result = call("prepare", "archive", "--path", path, "--store", tmp_path / "store")
    assert result.exit_code == 0, result.output
    (folder,) = [path for path in (tmp_path / "store" / "data").iterdir() if path.is_dir()]
    assert np.load(folder / "points.npy").shape == (12, 40, 3)


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small ScanObjectNN, and a cache of the user for it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return scanobjectnn(tmp_path).parent


def test_check_of_a_published_set_knows_its_counts_source_and_terms(scans: Path) -> None:
    result = call(
        "check", "scanobjectnn", "--root", scans, "--set=points=40", "--set=variant=obj_only"
    )
    assert result.exit_code == 1, result.output
    for text in ("OFF", "2,309", "581", "main_split_nobg/", "hkust-vgd", "terms of use", "toilet"):
        assert text in result.output, text


def test_prepare_of_a_published_set_says_where_it_is_from(scans: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    result = call("prepare", "scanobjectnn", "--root", scans, "--set=points=40", "--store", store)
    assert result.exit_code == 0, result.output
    for text in ("hkust-vgd", "terms of use", str(scans / "ScanObjectNN"), "5 clouds are ready"):
        assert text in result.output, text
    (folder,) = [path for path in (store / "data").iterdir() if path.is_dir()]
    assert np.load(folder / "points.npy").shape == (5, 40, 3)
