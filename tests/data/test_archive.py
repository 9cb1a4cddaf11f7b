"""Archives: what loading promises, and what is refused with which words."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundry_bench.data.archive import Archive, ArchiveSettings
from foundry_bench.errors import FoundryError
from tests.data.archives import columns, read, save


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shapes.npz"


def test_clouds_are_normalised_and_keep_their_labels_and_parts(path: Path) -> None:
    given = columns()
    dataset = read(save(path), part="part")
    assert dataset.points_NP3.dtype == np.float32
    assert np.allclose(dataset.points_NP3.mean(axis=1), 0, atol=1e-6)
    assert np.allclose(np.linalg.norm(dataset.points_NP3, axis=-1).max(axis=1), 1, atol=1e-6)
    assert dataset.labels_N.tolist() == given["label"].tolist()
    assert dataset.class_names == ("ant", "bee")
    assert dataset.splits["train"].tolist() == [1, 2, 4, 5, 7, 8, 10]
    assert dataset.splits["test"].tolist() == [0, 3, 6, 9]
    assert dataset.splits["unlabelled"].tolist() == dataset.pool[-1:].tolist() == [11]
    assert dataset.part_names == ("ant/leg", "bee/wing")
    assert dataset.parts_NP is not None
    x_of_leg = dataset.points_NP3[5, dataset.parts_NP[5] == 0, 0]
    points = given["points"][5].astype(np.float64)
    points -= points.mean(axis=0)
    expected = points[given["part"][5] == 0, 0] / np.linalg.norm(points, axis=-1).max()
    assert np.allclose(np.sort(x_of_leg), np.sort(expected), atol=1e-6)


def test_points_lose_the_files_order_in_the_same_way_every_time(path: Path) -> None:
    first, second = read(save(path)), read(path)
    assert np.array_equal(first.points_NP3, second.points_NP3)
    ordered = np.tile(np.linspace(0, 1, 40)[:, None], 3)
    morton = read(save(path, points=np.stack([ordered] * 12)))
    assert np.ptp(morton.points_NP3[0, :10, 0]) > 0.5 * np.ptp(morton.points_NP3[0, :, 0])


@pytest.mark.parametrize(("up", "expected"), [("y", 1), ("z", 2), ("x", 0)])
def test_the_files_up_axis_becomes_y(path: Path, up: Any, expected: int) -> None:
    points = np.random.default_rng(0).normal(size=(12, 40, 3)) * 0.1
    points[:, 0] += 5 * np.eye(3)[expected]
    dataset = read(save(path, points=points), up=up)
    highest = dataset.points_NP3[
        np.arange(12), np.linalg.norm(dataset.points_NP3, axis=-1).argmax(1)
    ]
    assert (highest[:, 1] > 0.99).all()
    side = np.linalg.det(dataset.points_NP3[0, :3].astype(np.float64))
    assert np.sign(side) == np.sign(np.linalg.det(read(path).points_NP3[0, :3].astype(np.float64)))


def test_classes_are_counted_over_train(path: Path) -> None:
    labels = columns()["label"] * 10 + 7
    labels[-1] = -1
    dataset = read(save(path, label=labels, classes=None))
    assert dataset.class_names == ("7", "17")
    assert sorted(set(dataset.labels_N.tolist())) == [-1, 0, 1]


def test_labels_may_be_text(path: Path) -> None:
    texts = np.array(["wasp", "fly"] * 5 + ["wasp", ""])
    for given in (texts, texts.astype("S")):
        dataset = read(save(path, label=given))
        assert dataset.class_names == ("fly", "wasp")
        assert dataset.labels_N[:3].tolist() == [1, 0, 1]
        assert dataset.labels_N[-1] == -1


def test_a_split_is_drawn_inside_each_class_on_request(path: Path) -> None:
    dataset = read(save(path, split=None), split=None, test_share=0.4)
    assert np.bincount(dataset.labels_N[dataset.splits["test"]]).tolist() == [2, 2]
    assert dataset.splits["unlabelled"].tolist() == [11]
    assert np.array_equal(
        read(path, split=None, test_share=0.4).splits["test"], dataset.splits["test"]
    )


def test_unlabelled_test_clouds_are_not_learned_from(path: Path) -> None:
    labels = columns()["label"]
    labels[[0, 1]] = -1
    split = columns()["split"]
    split[2] = "none"
    dataset = read(save(path, label=labels, split=split))
    assert 0 not in np.concatenate(list(dataset.splits.values()))
    assert dataset.splits["unlabelled"].tolist() == [1, 11]
    assert 2 not in np.concatenate(list(dataset.splits.values()))


def test_near_twins_are_left_out_of_test_on_request(path: Path) -> None:
    assert read(save(path)).splits["test"].tolist() == [0, 3, 6, 9]
    assert read(path, chamfer="train_chamfer").splits["test"].tolist() == [3, 6, 9]


def test_the_fingerprint_follows_bytes_and_settings_and_not_the_place(path: Path) -> None:
    def fingerprint(path: Path, **settings: Any) -> str:
        return Archive(ArchiveSettings(path=str(path), **settings)).fingerprint()

    first = fingerprint(save(path))
    elsewhere = path.rename(path.with_name("other.npz"))
    assert fingerprint(elsewhere) == first
    assert fingerprint(elsewhere, up="z") != first
    assert fingerprint(save(path, label=1 - columns()["label"].clip(0))) != first


def with_nan() -> np.ndarray[Any, Any]:
    points = columns()["points"]
    points[4, 7, 1] = np.nan
    return points


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        ({}, {"label": "lable"}, "unknown key 'lable'; did you mean 'label'"),
        ({}, {"label": "label", "split": "fold"}, "unknown key 'fold'"),
        ({"points": with_nan()}, {}, "row 4 of 'points' has NaN or infinity"),
        ({"points": np.zeros((12, 3, 40))}, {}, r"\(12, 3, 40\) .* the axes are swapped"),
        ({"points": np.zeros((12, 40))}, {}, r"'points' is \(12, 40\)"),
        ({"points": np.zeros((0, 40, 3))}, {}, "'points' is empty"),
        ({"points": np.ones((12, 40, 3))}, {}, "row 0 of 'points' is a single point"),
        ({"points": np.full((12, 40, 3), "a")}, {}, "expected numbers"),
        ({"label": np.zeros(11, int)}, {}, r"'label' is \(11,\) of int64; expected \(12,\)"),
        ({"label": np.zeros(12)}, {}, "'label' is .* of float64"),
        ({"label": np.full(12, 2)}, {}, "row 0 of 'label' is 2; expected -1 to 1"),
        ({"label": np.full(12, -2), "classes": None}, {}, "row 0 of 'label' is -2"),
        ({"split": np.full(12, "val")}, {}, "row 0 of 'split' is 'val'; expected 'train', 'test'"),
        (
            {"split": np.full(12, "test")},
            {},
            "no labelled cloud is in the train split",
        ),
        (
            {"label": (columns()["split"] == "test").astype(int)},
            {},
            "class 'bee' has 4 test clouds",
        ),
        ({"split": np.full(12, "train")}, {}, "no labelled cloud is in the test split"),
        (
            {"part": np.full((12, 40), 2)},
            {"part": "part"},
            "row 0 of 'part' has a part outside -1 to 1",
        ),
        ({"part": np.zeros((12, 39), int)}, {"part": "part"}, r"expected integers \(12, 40\)"),
        (
            {"train_chamfer": np.zeros(3)},
            {"chamfer": "train_chamfer"},
            "expected one distance a cloud",
        ),
    ],
)
def test_wrong_content_is_named(
    path: Path, changes: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(FoundryError, match=message) as caught:
        read(save(path, **changes), **settings)
    assert str(path) in str(caught.value)


class Bomb:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (Path.touch, (self.trace,))


def test_a_pickle_inside_is_refused_and_never_loaded(path: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    save(path, points=np.array([Bomb(trace)], dtype=object))
    with pytest.raises(FoundryError, match="'points' is a Python pickle, which could run any code"):
        read(path)
    path.write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(FoundryError, match=r"no \.npz file"):
        read(path)
    assert not trace.exists()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_cut_short_is_one_error(path: Path, share: float) -> None:
    whole = save(path).read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(FoundryError, match="cut short"):
        read(path)


def test_damaged_bytes_are_one_error(path: Path) -> None:
    whole = bytearray(save(path).read_bytes())
    middle = whole.index(b"points.npy") + 400
    whole[middle : middle + 200] = bytes(200)
    path.write_bytes(whole)
    with pytest.raises(FoundryError, match="'points' is damaged"):
        read(path)


def test_a_missing_file_is_one_error(path: Path) -> None:
    with pytest.raises(FoundryError, match=r"shapes\.npz does not exist; expected an \.npz file"):
        read(path)
    with pytest.raises(FoundryError, match="is a folder"):
        read(path.parent)
    with pytest.raises(FoundryError, match="is no file"):
        Archive(ArchiveSettings(path=str(path))).fingerprint()


def test_a_tilde_is_the_home_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(path)
    monkeypatch.setenv("HOME", str(path.parent))
    assert len(read(Path("~/shapes.npz")).points_NP3) == 12


def test_a_limit_takes_few_clouds_of_all_classes(path: Path) -> None:
    save(path, label=np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, -1]))
    whole, few = read(path), read(path, limit=2)
    assert {name: len(rows) for name, rows in few.splits.items()} == {
        "train": 2,
        "test": 2,
        "unlabelled": 1,
    }
    assert sorted(few.labels_N[few.splits["train"]]) == [0, 1]
    assert sorted(few.labels_N[few.splits["test"]]) == [0, 1]
    assert few.fingerprint != whole.fingerprint
    assert len(whole.splits["train"]) == 7


def test_a_limit_keeps_test_to_the_classes_of_train(path: Path) -> None:
    few = read(save(path), limit=1)
    assert few.class_names == ("bee",)
    assert few.labels_N[few.splits["test"]].tolist() == [0]


def test_an_open_set_tests_classes_that_train_has_not(path: Path) -> None:
    split = columns()["split"]
    labels = np.where(split == "test", 2, columns()["label"])
    save(path, label=labels, split=split, classes=np.array(["ant", "bee", "cow", "dog"]))
    with pytest.raises(FoundryError, match=r"class 'cow' .* none in train \(open_set allows that"):
        read(path)
    dataset = read(path, open_set=True)
    assert dataset.class_names == ("ant", "bee", "cow")
    assert dataset.labels_N[dataset.splits["test"]].tolist() == [2] * 4
    assert sorted(set(dataset.labels_N[dataset.splits["train"]])) == [0, 1]
    few = read(path, open_set=True, limit=2)
    assert few.labels_N[few.splits["test"]].tolist() == [2, 2]
    loader = Archive(ArchiveSettings(path=str(path), open_set=True))
    assert [finding for finding in loader.check(dataset) if finding.is_ok is False] == []
    with pytest.raises(FoundryError, match="no labelled cloud is in the train split"):
        read(save(path, split=np.full(12, "test")), open_set=True)


def test_an_open_set_has_another_fingerprint(path: Path) -> None:
    save(path)
    first = Archive(ArchiveSettings(path=str(path))).fingerprint()
    assert Archive(ArchiveSettings(path=str(path), open_set=True)).fingerprint() != first


def test_smoke_takes_a_few_clouds(path: Path) -> None:
    settings = ArchiveSettings(path=str(path))
    assert settings.smoke().limit == 16
    assert settings.model_copy(update={"limit": 4}).smoke().limit == 4
    assert settings.limit is None


def test_points_a_cloud_are_known_from_the_header(path: Path) -> None:
    assert Archive(ArchiveSettings(path=str(save(path)))).num_points() == 40
    save(path, points=np.zeros(3))
    assert Archive(ArchiveSettings(path=str(path))).num_points() is None
    assert Archive(ArchiveSettings(path=str(path), points="pionts")).num_points() is None


def test_two_classes_or_parts_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FoundryError, match="classes 0 and 1 are both named 'ant'"):
        read(save(tmp_path / "classes.npz", classes=np.array(["ant", "ant"])))
    with pytest.raises(FoundryError, match="parts 0 and 1 are both named 'leg'"):
        read(save(tmp_path / "parts.npz", part_names=np.array(["leg", "leg"])), part="part")


def test_bytes_that_are_not_utf8_are_refused_and_counted(tmp_path: Path) -> None:
    label = np.array([b"th\xe9", b"th\xe8", b"x"] * 4)
    with pytest.raises(FoundryError, match=r"row 0 of 'label'.*8 of 12"):
        read(save(tmp_path / "label.npz", label=label))
    with pytest.raises(FoundryError, match=r"row 1 of 'part_names'"):
        read(save(tmp_path / "parts.npz", part_names=np.array([b"a", b"\xe9"])), part="part")
    named = save(tmp_path / "utf8.npz", part_names=np.array([b"a", "\xe9".encode()]))
    assert read(named, part="part").part_names == ("a", "\xe9")


@pytest.mark.parametrize("value", [1.797e308, -1e300, 1e30])
def test_huge_values_for_no_data_are_refused_and_counted(tmp_path: Path, value: float) -> None:
    points = columns()["points"].astype(np.float64)
    points[3:5, 0] = value
    points[4, 1, 2] = -value
    with pytest.raises(FoundryError, match=r"row 3 of 'points'.*2 of 12"):
        read(save(tmp_path / "huge.npz", points=points))


def test_far_points_and_padding_are_no_fault(tmp_path: Path) -> None:
    points = columns()["points"].astype(np.float64)
    points[3, 0] = -9999
    points[4, 1:] = points[4, 1]
    assert np.isfinite(read(save(tmp_path / "far.npz", points=points)).points_NP3).all()


def findings(path: Path) -> dict[str, str]:
    archive = Archive(ArchiveSettings(path=str(path)))
    return {finding.what: finding.found for finding in archive.check(archive.load(None))}


@pytest.mark.parametrize(
    "column",
    [
        {"train_chamfer": np.array(["near"] * 12)},
        {"chamfer_settings": np.array({"k": 1}, dtype=object)},
        {"train_chamfer": np.array([{"k": 1}] * 12, dtype=object)},
    ],
)
def test_columns_that_are_no_distances_do_not_stop_a_check(
    tmp_path: Path, column: dict[str, np.ndarray]
) -> None:
    found = findings(save(tmp_path / "chamfer.npz", **{"train_chamfer": None} | column))
    assert "test clouds with a near twin in train" not in found


def test_a_check_says_duplicate_points_and_coarse_coordinates(tmp_path: Path) -> None:
    points = columns()["points"].astype(np.float32)
    points[:6, 20:] = points[:6, :20]
    found = findings(save(tmp_path / "twice.npz", points=points))
    assert found["clouds with duplicate points"] == "6 (50%, up to 50% of their points)"
    far = (columns()["points"] + np.array([500000.0, 0, 5600000])).astype(np.float32)
    found = findings(save(tmp_path / "far.npz", points=far))
    (coarse,) = (text for what, text in found.items() if what.startswith("coordinate steps"))
    assert coarse.startswith("12 of 12 clouds (float32)")
