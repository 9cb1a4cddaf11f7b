import numpy as np
import torch

from foundry_bench.tasks.features import pooled_features
from foundry_bench.testing import tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC
from foundry_bench.training.views import patch_views

DATASET = tiny_dataset(300)
VIEWS = patch_views(DATASET, DATASET.splits["train"], SPEC, None, torch.device("cpu"))


def test_a_feature_is_maximum_and_mean_over_the_tokens_of_a_cloud() -> None:
    teacher = tiny_teacher()
    features = pooled_features(teacher, VIEWS)
    assert features.shape == (300, 2 * teacher.width)
    for row in (0, 255, 256, 299):
        tokens_CD = teacher.tokens(VIEWS.draw(torch.tensor([row])).inputs)[0].detach().numpy()
        expected = np.concatenate([tokens_CD.max(0), tokens_CD.mean(0)])
        np.testing.assert_allclose(features[row], expected, atol=1e-5)


def test_it_is_taken_in_eval_mode() -> None:
    expected = pooled_features(tiny_teacher(), VIEWS)
    assert np.array_equal(pooled_features(tiny_teacher().train(), VIEWS), expected)
