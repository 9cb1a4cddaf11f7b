"""How large a module is."""

import math

from torch import nn

PRECISIONS = ("fp32", "bf16", "int8")


def num_parameters(module: nn.Module) -> int:
    """Weights and biases, trained or not."""
    return sum(parameter.numel() for parameter in module.parameters())


def weight_bytes(module: nn.Module) -> dict[str, int]:
    """Bytes of all that inference reads, the statistics of batch norms included, by precision.

    `int8`: matrices at one byte an element, as dynamic quantisation leaves them, vectors (biases,
    norms) at four; scales are not counted.
    """
    shapes = [tensor.shape for tensor in module.state_dict().values() if tensor.is_floating_point()]
    matrices = sum(math.prod(shape) for shape in shapes if len(shape) > 1)
    vectors = sum(math.prod(shape) for shape in shapes if len(shape) <= 1)
    sizes = (4 * (matrices + vectors), 2 * (matrices + vectors), matrices + 4 * vectors)
    return dict(zip(PRECISIONS, sizes, strict=True))
