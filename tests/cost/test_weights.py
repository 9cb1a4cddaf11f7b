from torch import nn

from foundry_bench.cost.weights import num_parameters, weight_bytes
from foundry_bench.testing import tiny_teacher


def test_parameters_are_all_counted() -> None:
    assert num_parameters(nn.Linear(3, 2)) == 8


def test_matrices_shrink_to_a_byte_and_vectors_stay() -> None:
    layers = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    vectors = 2 + 4 * 2  # the bias; weight, bias, mean and variance of the norm
    expected = {"fp32": 4 * (6 + vectors), "bf16": 2 * (6 + vectors), "int8": 6 + 4 * vectors}
    assert weight_bytes(layers) == expected


def test_a_teachers_bytes_are_those_of_its_parameters_and_its_norms_statistics() -> None:
    teacher = tiny_teacher()
    statistics = sum(
        2 * norm.num_features for norm in teacher.modules() if hasattr(norm, "running_mean")
    )
    assert weight_bytes(teacher)["fp32"] == 4 * (num_parameters(teacher) + statistics)
