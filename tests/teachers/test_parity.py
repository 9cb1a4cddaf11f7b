"""Tokens equal those of the official code."""

from pathlib import Path

import numpy as np
import pytest
import torch

from foundry_bench.geometry.patches import Patches
from foundry_bench.teachers.loading import load_teacher
from tests.teachers.families import FAMILIES
from tests.teachers.recordings import FOLDER, published, recorded, recorded_teacher


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_and_layers_equal_those_of_the_official_code(tmp_path: Path, family: str) -> None:
    teacher, arrays = recorded_teacher(family), recorded(family)
    torch.save({"state_dict": published(family)}, tmp_path / "published.pt")
    load_teacher(teacher, teacher.settings, tmp_path / "published.pt")
    patches = Patches(arrays["neighbors"], arrays["centers"])
    assert arrays["tokens"].std() > 0.5
    torch.testing.assert_close(teacher.tokens(patches), arrays["tokens"], rtol=0, atol=1e-5)
    layers = teacher.layers(patches, range(len(arrays["layers"])))
    torch.testing.assert_close(torch.stack(layers), arrays["layers"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_recording_says_where_it_is_from(family: str) -> None:
    path = FOLDER / f"{family}.npz"
    with np.load(path, allow_pickle=False) as file:
        assert str(file["source"]).startswith("github.com/")
        assert " at commit " in str(file["source"])
    assert path.stat().st_size < 300_000
