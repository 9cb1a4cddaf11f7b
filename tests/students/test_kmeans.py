import pytest
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from foundry_bench.seeds import generator
from foundry_bench.students.assignments import Assignment
from foundry_bench.students.assignments.distance import farthest, take
from foundry_bench.students.assignments.kmeans import KMeansSettings, KMeansTokens, KMeansXyz
from foundry_bench.testing import AssignmentContract


class TestKMeansXyz(AssignmentContract):
    noisy = False

    def assignment(self, width: int, supertokens: int) -> Assignment:
        return KMeansXyz(KMeansSettings(name="kmeans_xyz"), width, supertokens)


class TestKMeansTokens(AssignmentContract):
    noisy = False

    def assignment(self, width: int, supertokens: int) -> Assignment:
        return KMeansTokens(KMeansSettings(name="kmeans_tokens"), width, supertokens)


def given() -> tuple[Tensor, Tensor, Tensor]:
    stream = generator(0, "given")
    tokens, positions = (torch.randn(4, 40, 24, generator=stream) for _ in range(2))
    return 5 * tokens + 2, positions, torch.randn(4, 40, 3, generator=stream)


@pytest.mark.parametrize("kind", [KMeansXyz, KMeansTokens])
@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_clusters_are_those_of_scikit_learn_from_the_same_start(
    kind: type[KMeansXyz] | type[KMeansTokens], iterations: int
) -> None:
    tokens, positions, centers = given()
    made = kind(KMeansSettings(name="any", iterations=iterations), 24, 6)
    found = made(tokens, positions, centers).argmax(-1)
    points = made.points(tokens, centers)
    start = take(points, farthest(points, 6))
    for cloud in range(4):
        reference = KMeans(6, init=start[cloud].numpy(), n_init=1, max_iter=iterations, tol=0)
        assert found[cloud].tolist() == reference.fit(points[cloud].numpy()).labels_.tolist()


def test_the_scale_of_a_token_does_not_matter() -> None:
    tokens, positions, centers = given()
    made = KMeansTokens(KMeansSettings(name="any"), 24, 6)
    scale = 1 + torch.rand(4, 40, 1, generator=generator(0, "scale"))
    expected = made(tokens, positions, centers)
    assert torch.equal(made(tokens * scale - 3, positions, centers), expected)


def test_an_empty_cluster_keeps_its_place() -> None:
    """Two places, three clusters: the third has no token, and comes to no harm."""
    centers = torch.tensor([[[0.0, 0, 0], [0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]]])
    tokens = torch.zeros(1, 5, 24)
    found = KMeansXyz(KMeansSettings(name="any"), 24, 3)(tokens, tokens, centers)
    assert sorted(found.sum(1)[0].tolist()) == [0, 2, 3]
