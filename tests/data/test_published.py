"""What all published datasets have in common, and how they are checked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundry_bench.data import published
from foundry_bench.data.published import Published
from foundry_bench.errors import FoundryError
from foundry_bench.registries import DATASETS
from tests.data import published_files as files
from tests.data.published_files import loader

Case = tuple[str, dict[str, Any], Callable[[Path], Path]]
CASES: list[Case] = [
    ("modelnet40", {}, files.modelnet40_hdf5),
    ("modelnet40", {"source": "normals"}, files.modelnet40_normals),
    ("modelnet40", {"source": "dat"}, files.modelnet40_dat),
    ("modelnet40_few_shot", {}, files.modelnet40_few_shot),
    ("scanobjectnn", {}, files.scanobjectnn),
    ("shapenet55", {}, files.shapenet55),
    ("shapenetpart", {}, files.shapenetpart),
]
COUNTS = {
    "modelnet40": (9843, 2468),
    "shapenet55": (41952, 10518),
    "shapenetpart": (13998, 2874),
    "scanobjectnn": (11416, 2882),
}
every = pytest.mark.parametrize(
    ("name", "settings", "write"),
    CASES,
    ids=["-".join([name, *map(str, settings.values())]) for name, settings, _ in CASES],
)


@every
def test_clouds_are_normalised_and_shuffled_the_same_way_every_time(
    root: Path, tmp_path: Path, name: str, settings: dict[str, Any], write: Callable[[Path], Path]
) -> None:
    write(root)
    dataset = loader(name, root, **settings).load(None)
    assert dataset.points_NP3.dtype == np.float32
    assert np.allclose(dataset.points_NP3.mean(axis=1), 0, atol=1e-6)
    assert np.allclose(np.linalg.norm(dataset.points_NP3, axis=-1).max(axis=1), 1, atol=1e-6)
    spread_3 = dataset.points_NP3.std(axis=(0, 1))
    assert spread_3.argmin() == 1, "the flat axis of the files is still y"
    again = loader(name, root, **settings).load(tmp_path / "cache")
    assert np.array_equal(dataset.points_NP3, again.points_NP3)
    assert np.array_equal(dataset.labels_N, again.labels_N)
    assert dataset.fingerprint == again.fingerprint
    if dataset.parts_NP is not None:
        assert again.parts_NP is not None
        assert np.array_equal(dataset.parts_NP, again.parts_NP)


def test_a_prefix_is_of_the_whole_cloud_though_the_files_order_follows_the_shape(
    root: Path,
) -> None:
    folder = files.shapenet55(root)
    line = np.linspace(0, 1, 40)[:, None].repeat(3, axis=1)
    for path in (folder / "shapenet_pc").iterdir():
        np.save(path, line)
    x_P = loader("shapenet55", root).load(None).points_NP3[0, :, 0]
    assert np.ptp(x_P[:10]) > 0.5 * np.ptp(x_P)
    few_P = loader("shapenet55", root, points=10).load(None).points_NP3[0, :, 0]
    assert np.array_equal(few_P.argsort(), x_P[:10].argsort())


@every
def test_the_conversion_fills_a_file_and_the_next_start_reads_it(
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    settings: dict[str, Any],
    write: Callable[[Path], Path],
) -> None:
    write(root)
    filled: list[Any] = []
    made = loader(name, root, **settings)
    read_into = made.read_into
    monkeypatch.setattr(
        made, "read_into", lambda allocate: filled.append(read_into(allocate)) or filled[0]
    )
    made.load(tmp_path / "cache")
    assert isinstance(filled[0].points_NP3, np.memmap)
    second = loader(name, root, **settings)
    monkeypatch.setattr(second, "read_into", lambda _: pytest.fail("read again"))
    found = second.load(tmp_path / "cache")
    assert isinstance(found.points_NP3, np.memmap)
    assert not found.points_NP3.flags.writeable
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == [
        tmp_path / "cache" / found.fingerprint
    ]


@every
def test_the_fingerprint_follows_content_and_settings_and_not_the_place(
    root: Path, name: str, settings: dict[str, Any], write: Callable[[Path], Path]
) -> None:
    folder = write(root)
    first = loader(name, root, **settings).fingerprint()
    assert loader(name, root, **settings, points=39).fingerprint() != first
    elsewhere = root.rename(root.with_name("elsewhere"))
    assert loader(name, elsewhere, **settings).fingerprint() == first
    assert loader(name, elsewhere / folder.name, **settings).fingerprint() == first
    made = loader(name, elsewhere, **settings)
    path = elsewhere / folder.name / made.files()[-1]
    path.write_bytes(path.read_bytes() + b" ")
    assert loader(name, elsewhere, **settings).fingerprint() != first


@every
def test_a_folder_that_is_nowhere_is_described(
    root: Path, name: str, settings: dict[str, Any], write: Callable[[Path], Path]
) -> None:
    with pytest.raises(FoundryError) as caught:
        loader(name, root, **settings).load(None)
    known = loader(name, root, **settings).publication
    for text in (str(root), "data.root", "--root", known.folders[0], known.source, known.terms):
        assert text in str(caught.value), text


@every
def test_small_sets_are_off_from_the_published_counts(
    root: Path, name: str, settings: dict[str, Any], write: Callable[[Path], Path]
) -> None:
    write(root)
    made = loader(name, root, **settings)
    findings = {finding.what: finding for finding in made.check(made.load(None))}
    if name == "modelnet40_few_shot":
        assert findings["folds"].is_ok
        return
    assert findings["train clouds"].is_ok is False
    assert findings["test clouds"].is_ok is False
    assert findings["classes"].is_ok is True


def test_the_published_counts_are_known() -> None:
    for name, counts in COUNTS.items():
        loader_class = DATASETS.get(name)
        assert issubclass(loader_class, Published)
        assert tuple(loader_class.publications[-1].counts.values()) == counts
    hdf5 = loader("modelnet40", Path()).publication
    assert tuple(hdf5.counts.values()) == (9840, 2468)


def test_the_root_is_given_or_the_environments_or_the_folder_data(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files.shapenet55(root)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FoundryError, match=r"neither data\.root nor FOUNDRY_BENCH_DATA is set"):
        loader("shapenet55", Path(), root="").fingerprint()
    monkeypatch.setenv("FOUNDRY_BENCH_DATA", str(root))
    first = loader("shapenet55", Path(), root="").fingerprint()
    monkeypatch.setenv("FOUNDRY_BENCH_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FoundryError, match=r"nowhere \(FOUNDRY_BENCH_DATA\)"):
        loader("shapenet55", Path(), root="").fingerprint()
    assert loader("shapenet55", root).fingerprint() == first
    monkeypatch.delenv("FOUNDRY_BENCH_DATA")
    root.rename(tmp_path / "data")
    assert loader("shapenet55", Path(), root="").fingerprint() == first
    monkeypatch.setenv("HOME", str(tmp_path))
    assert loader("shapenet55", Path(), root="~/data").fingerprint() == first


def test_a_smoke_test_takes_a_few_clouds() -> None:
    settings = loader("shapenet55", Path()).settings
    assert settings.smoke().model_dump()["limit"] == published.SMOKE_CLOUDS
    few = settings.model_copy(update={"limit": 4})
    assert few.smoke().model_dump()["limit"] == 4


def test_a_limit_has_another_fingerprint(root: Path) -> None:
    files.shapenet55(root)
    assert (
        loader("shapenet55", root, limit=9).fingerprint()
        != loader("shapenet55", root).fingerprint()
    )


def test_points_a_cloud_are_known_before_reading(root: Path) -> None:
    assert loader("shapenet55", root, points=1234).num_points() == 1234
