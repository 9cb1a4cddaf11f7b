import shutil
from pathlib import Path

import pandas as pd
import pytest

from foundry_bench import results
from foundry_bench.errors import FoundryError
from foundry_bench.results.packed import unpacked
from tests.results.gallery import GALLERY
from tests.results.test_loader import small_sweep


def test_a_packed_file_is_read_like_its_folder(tmp_path: Path) -> None:
    packed = tmp_path / "budget.jsonl.gz"
    results.pack(results.read(GALLERY / "budget"), packed)

    pd.testing.assert_frame_equal(results.load(packed), results.load(GALLERY / "budget"))
    assert packed.stat().st_size < 300_000


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    run = small_sweep(tmp_path / "run")
    copy = shutil.copytree(run, tmp_path / "copy")
    files = [tmp_path / "first.jsonl.gz", tmp_path / "second.jsonl.gz"]
    for folder, file in zip((run, copy), files, strict=True):
        results.pack(results.read(folder), file)

    assert files[0].read_bytes() == files[1].read_bytes()


def test_arrays_lie_beside_the_file(tmp_path: Path) -> None:
    found = results.read(GALLERY / "gate")
    files = results.pack(found, tmp_path / "gate.jsonl.gz", arrays=True)
    again = results.read(files[0])
    key = next(key for key in found.records if found.arrays(key))

    assert [file.name for file in files] == ["gate.jsonl.gz", "gate.npz"]
    assert again.arrays(key).keys() == found.arrays(key).keys()
    for name, array in found.arrays(key).items():
        assert (again.arrays(key)[name] == array).all()


def test_unpacked_it_is_a_run_directory(tmp_path: Path) -> None:
    packed = tmp_path / "real.jsonl.gz"
    results.pack(results.read(GALLERY / "real"), packed, arrays=True)

    with unpacked([packed, tmp_path]) as (folder, other):
        pd.testing.assert_frame_equal(results.load(folder), results.load(GALLERY / "real"))
        assert list(folder.rglob("arrays.npz"))
        assert other == tmp_path
    assert not folder.exists()


def test_a_packed_file_in_a_folder_is_found(tmp_path: Path) -> None:
    results.pack(results.read(small_sweep(tmp_path / "run")), tmp_path / "report" / "r.jsonl.gz")

    assert len(results.read(tmp_path / "report").trials) == 6


def test_other_content_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "x.jsonl.gz"
    broken.write_bytes(b"no gzip")
    (tmp_path / "empty").mkdir()

    with pytest.raises(FoundryError, match="not a packed file"):
        results.read(broken)
    with pytest.raises(FoundryError, match="no records"):
        results.pack(results.read(tmp_path / "empty"), broken)
    with pytest.raises(FoundryError, match="ends in"):
        results.pack(results.read(tmp_path / "empty"), tmp_path / "x.zip")
