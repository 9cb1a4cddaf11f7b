from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from foundry_bench.config.settings import ViewSettings
from foundry_bench.errors import FoundryError
from foundry_bench.geometry.fps import farthest_points
from foundry_bench.geometry.patches import Patches, PatchSpec, group
from foundry_bench.models.backbone import Embedding
from foundry_bench.seeds import generator
from foundry_bench.testing import tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC
from foundry_bench.training.views import (
    CachedViews,
    FixedViews,
    TokenFile,
    Views,
    farthest_views,
    fixed_view,
    patch_views,
)

CPU = torch.device("cpu")
DATASET = tiny_dataset()
ROWS = DATASET.pool


def patches_of(views: Views, rows: list[int], seed: int = 0) -> Patches:
    inputs = views.draw(torch.tensor(rows), generator(seed)).inputs
    assert isinstance(inputs, Patches)
    return inputs


def embedding_of(views: Views, rows: list[int], seed: int = 0) -> Embedding:
    inputs = views.draw(torch.tensor(rows), generator(seed)).inputs
    assert isinstance(inputs, Embedding)
    return inputs


def view(number: int, **settings: Any) -> Patches:
    made = fixed_view(DATASET, ROWS, SPEC, ViewSettings(**settings), number, CPU)
    return patches_of(made, list(range(len(ROWS))))


def token_file(folder: Path, views: Views) -> TokenFile:
    folder.mkdir()
    TokenFile.write(folder, tiny_teacher(), views)
    return TokenFile(folder)


def test_plain_views_are_the_clouds_as_they_are() -> None:
    found = patches_of(patch_views(DATASET, ROWS, SPEC, None, CPU), [3, 1])
    expected = group(torch.from_numpy(DATASET.points_NP3[ROWS[[3, 1]]]), SPEC)
    assert torch.equal(found.neighbors_BCK3, expected.neighbors_BCK3)
    assert torch.equal(found.centers_BC3, expected.centers_BC3)


@pytest.mark.parametrize("patches", ["cached", "fresh"])
def test_augmented_views_differ_between_draws_and_repeat_with_the_generator(patches: str) -> None:
    views = patch_views(DATASET, ROWS, SPEC, ViewSettings.model_validate({"patches": patches}), CPU)
    first, again, other = (patches_of(views, [0, 1], seed) for seed in (0, 0, 1))
    assert torch.equal(first.centers_BC3, again.centers_BC3)
    assert not torch.equal(first.centers_BC3, other.centers_BC3)


def test_cached_patches_equal_fresh_ones() -> None:
    """Similarities change no neighbours."""
    cached, fresh = (
        patches_of(
            patch_views(
                DATASET, ROWS, SPEC, ViewSettings.model_validate({"patches": patches}), CPU
            ),
            [0, 5, 7],
        )
        for patches in ("cached", "fresh")
    )
    torch.testing.assert_close(cached.centers_BC3, fresh.centers_BC3)
    torch.testing.assert_close(cached.neighbors_BCK3, fresh.neighbors_BCK3)


def test_fixed_views_are_the_same_for_everyone() -> None:
    torch.manual_seed(1)
    first = view(0)
    torch.manual_seed(2)
    assert torch.equal(view(0).neighbors_BCK3, first.neighbors_BCK3)
    assert torch.equal(view(0, count="online", patches="fresh").centers_BC3, first.centers_BC3)


@pytest.mark.parametrize(
    ("number", "settings"), [(1, {}), (0, {"seed": 1}), (0, {"rotate": "none"})]
)
def test_fixed_views_differ_by_number_and_settings(number: int, settings: dict[str, Any]) -> None:
    assert not torch.allclose(view(number, **settings).centers_BC3, view(0).centers_BC3)


def test_chunks_go_through_all_clouds_in_order() -> None:
    views = patch_views(DATASET, ROWS, SPEC, None, CPU)
    chunks = [chunk.inputs for chunk in views.chunks(7)]
    assert [len(chunk) for chunk in chunks if isinstance(chunk, Patches)] == [7, 7, 6]
    whole = torch.cat([chunk.centers_BC3 for chunk in chunks if isinstance(chunk, Patches)])
    assert torch.equal(whole, patches_of(views, list(range(20))).centers_BC3)


def test_a_subset_counts_from_its_own_start() -> None:
    views = patch_views(DATASET, ROWS, SPEC, None, CPU)
    part = views.subset(torch.tensor([4, 2, 9]))
    assert len(part) == 3
    found = patches_of(part, [2, 0]).centers_BC3
    assert torch.equal(found, patches_of(views, [9, 4]).centers_BC3)


def test_cached_tokens_are_close_to_those_computed_anew(tmp_path: Path) -> None:
    shown = fixed_view(DATASET, ROWS, SPEC, ViewSettings(), 0, CPU)
    cached = CachedViews((token_file(tmp_path / "view0", shown),), CPU)
    batch = cached.draw(torch.tensor([5, 0, 19]))
    teacher, patches = tiny_teacher(), patches_of(shown, [5, 0, 19])
    assert isinstance(batch.inputs, Embedding)
    assert batch.targets_BCD is not None
    near = {"rtol": 2e-3, "atol": 2e-3}
    torch.testing.assert_close(batch.inputs.tokens_BCD, teacher.embed(patches).tokens_BCD, **near)
    torch.testing.assert_close(batch.targets_BCD, teacher.tokens(patches), **near)
    assert torch.equal(batch.inputs.centers_BC3, patches.centers_BC3)
    assert batch.targets_BCD.dtype == batch.inputs.tokens_BCD.dtype == torch.float32


def test_token_files_are_float16_but_for_centres(tmp_path: Path) -> None:
    file = token_file(tmp_path / "view0", patch_views(DATASET, ROWS, SPEC, None, CPU))
    kinds = {name: file.array(name).dtype for name in TokenFile.NAMES}
    assert kinds == {"tokens": np.float16, "centers": np.float32, "targets": np.float16}
    assert isinstance(file.array("tokens"), np.memmap)


@pytest.mark.usefixtures("full_disk")
def test_tokens_that_the_disk_has_no_room_for_are_refused_before_they_are_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(FoundryError, match=r"tokens\.npy takes"):
        token_file(tmp_path / "view", patch_views(DATASET, ROWS, SPEC, None, CPU))


def test_chunks_of_any_size_write_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = patch_views(DATASET, ROWS, SPEC, None, CPU)
    whole = token_file(tmp_path / "whole", views)
    monkeypatch.setattr(Views.chunks, "__defaults__", (7,))
    parts = token_file(tmp_path / "parts", views)
    for name in TokenFile.NAMES:
        np.testing.assert_allclose(parts.array(name), whole.array(name), atol=2e-3)


def test_a_draw_picks_a_view_for_each_cloud(tmp_path: Path) -> None:
    files = [
        token_file(
            tmp_path / f"view{number}",
            fixed_view(DATASET, ROWS, SPEC, ViewSettings(), number, CPU),
        )
        for number in range(3)
    ]
    views = CachedViews(tuple(files), CPU)
    rows = list(range(20)) * 10
    centers = embedding_of(views, rows).centers_BC3.numpy()
    choices = np.stack([file.array("centers")[rows] for file in files])
    equal = (choices == centers).all((2, 3))
    assert (equal.sum(0) == 1).all()
    assert (equal.sum(1) > 30).all()
    assert len({tuple(equal[:, row::20].argmax(0)) for row in range(20)}) > 10


def test_a_cloud_gets_input_and_target_of_one_view(tmp_path: Path) -> None:
    shown = [fixed_view(DATASET, ROWS, SPEC, ViewSettings(), number, CPU) for number in (0, 1)]
    files = [token_file(tmp_path / f"view{number}", one) for number, one in enumerate(shown)]
    batch = CachedViews(tuple(files), CPU).draw(torch.arange(20), generator(0))
    assert batch.targets_BCD is not None
    expected = tiny_teacher().tokens(batch.inputs)
    torch.testing.assert_close(batch.targets_BCD, expected, rtol=1e-2, atol=1e-2)


def test_cached_targets_come_with_the_patches_of_the_same_view(tmp_path: Path) -> None:
    shown = [fixed_view(DATASET, ROWS, SPEC, ViewSettings(), number, CPU) for number in (0, 1)]
    shards = tuple(token_file(tmp_path / f"view{n}", view) for n, view in enumerate(shown))
    patches = FixedViews(tuple(view.patches for view in shown))
    rows_B = torch.tensor([5, 0, 19, 5, 5, 7])
    plain = CachedViews(shards, CPU).draw(rows_B, generator(0))
    both = CachedViews(shards, CPU, patches).draw(rows_B, generator(0))
    assert isinstance(both.inputs, Patches)
    assert isinstance(plain.inputs, Embedding)
    assert both.targets_BCD is not None
    assert both.embedding_BCD is not None
    assert plain.targets_BCD is not None
    assert torch.equal(both.targets_BCD, plain.targets_BCD)
    assert torch.equal(both.inputs.centers_BC3, plain.inputs.centers_BC3)
    found_BCD = tiny_teacher().embed(both.inputs).tokens_BCD
    torch.testing.assert_close(found_BCD, both.embedding_BCD, rtol=2e-3, atol=2e-3)


def test_tokens_that_stay_on_the_device_are_those_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = [fixed_view(DATASET, ROWS, SPEC, ViewSettings(), number, CPU) for number in (0, 1)]
    shards = tuple(token_file(tmp_path / f"view{n}", view) for n, view in enumerate(shown))
    rows_B = torch.tensor([5, 0, 19, 5, 5, 7])
    read = CachedViews(shards, CPU).draw(rows_B, generator(0))
    monkeypatch.setattr(CachedViews, "_is_resident", True)
    views = CachedViews(shards, CPU)
    for _ in range(2):
        held = views.draw(rows_B, generator(0))
        for name in ("targets_BCD", "embedding_BCD"):
            found, wanted = getattr(held, name), getattr(read, name)
            assert torch.equal(found, wanted)
            assert found.dtype == torch.float32
        monkeypatch.setattr(TokenFile, "array", None)  # files are read once


def test_fixed_views_alone_draw_a_view_for_each_cloud() -> None:
    shown = [fixed_view(DATASET, ROWS, SPEC, ViewSettings(), number, CPU) for number in (0, 1)]
    views = FixedViews(tuple(view.patches for view in shown))
    drawn = views.draw(torch.zeros(40, dtype=torch.long), generator(0)).inputs
    assert isinstance(drawn, Patches)
    assert len({tuple(center.tolist()) for center in drawn.centers_BC3[:, 0]}) == 2
    assert torch.equal(views.views[0].centers_BC3, shown[0].patches.centers_BC3)


def test_tokens_too_large_for_float16_are_refused(tmp_path: Path) -> None:
    teacher = tiny_teacher()
    torch.nn.init.constant_(teacher.get_submodule("tokenizer.out").bias, 1e6)
    with pytest.raises(FoundryError, match=r"tokens go up to 1e\+06, which .* \(float16\)"):
        TokenFile.write(tmp_path, teacher, patch_views(DATASET, ROWS, SPEC, None, CPU))


def test_farthest_views_choose_among_all_points_stored() -> None:
    dataset, spec = tiny_dataset(), PatchSpec(points=8, patches=2, patch_size=8)
    rows = dataset.splits["test"][:3]
    seen = farthest_views(dataset, rows, spec, CPU).patches
    points_NP3 = torch.from_numpy(dataset.points_NP3[rows])
    index_NQ = farthest_points(points_NP3, 8)
    wanted_NQ3 = points_NP3.gather(1, index_NQ[..., None].expand(-1, -1, 3))
    found_NQ3 = seen.neighbors_BCK3[:, 0] + seen.centers_BC3[:, :1]
    for found, wanted in zip(found_NQ3, wanted_NQ3, strict=True):
        assert sorted(found.round(decimals=4).tolist()) == sorted(wanted.round(decimals=4).tolist())
