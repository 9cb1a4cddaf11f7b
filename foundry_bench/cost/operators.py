"""What each operator of a traced network costs: handles for fvcore.

fvcore's own leave scaled-dot-product attention, activations, additions and reductions at 0,
miscount products whose batch dimensions are broadcast, and add MACs to other operations. Here a
handle returns a counter of names: those in `MATRIX` count multiplications with their additions
(MACs), all others single operations.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from fvcore.nn.jit_handles import (
    batchnorm_flop_jit,
    conv_flop_jit,
    einsum_flop_jit,
    get_shape,
    norm_flop_counter,
)

Handle = Callable[[Sequence[Any], Sequence[Any]], Counter[str]]

ATTENTION, ATTENTION_SOFTMAX = "attention", "attention_softmax"
MATRIX = frozenset({"linear", "matmul", "convolution", ATTENTION})
"""Names that count MACs."""
SOFTMAX_OPS = 5
"""Of an element: maximum, difference, exponential, sum, quotient."""


def numel(value: Any) -> int:
    """Elements of a tensor; a scalar, which is arithmetic on shapes, has none."""
    shape = get_shape(value)
    return math.prod(shape) if shape else 0


def product(left: int = 0) -> Handle:
    """A matrix product whose first factor is input number `left`: K MACs an element of its result,
    whatever is broadcast.
    """

    def handle(inputs: Sequence[Any], outputs: Sequence[Any]) -> Counter[str]:
        return Counter(matmul=numel(outputs[0]) * get_shape(inputs[left])[-1])

    return handle


def attention(inputs: Sequence[Any], outputs: Sequence[Any]) -> Counter[str]:
    """q·k and attention·v in MACs; scaling, mask and softmax of the logits."""
    query, key, value, mask = (get_shape(given) for given in inputs[:4])
    logits = math.prod(query[:-1]) * key[-2]
    beside = SOFTMAX_OPS + (1 if mask is None else 2)
    return Counter(
        {ATTENTION: logits * (query[-1] + value[-1]), ATTENTION_SOFTMAX: logits * beside}
    )


def named(name: str, handle: Callable[[Sequence[Any], Sequence[Any]], Any]) -> Handle:
    """What one of fvcore's handles counts, under `name`."""

    def renamed(inputs: Sequence[Any], outputs: Sequence[Any]) -> Counter[str]:
        count = handle(inputs, outputs)
        return Counter({name: int(sum(count.values()) if isinstance(count, Counter) else count)})

    return renamed


def each_output(name: str, times: int = 1) -> Handle:
    """`times` for each element of the result."""
    return lambda inputs, outputs: Counter({name: times * numel(outputs[0])})


def each_input(name: str, times: int = 1) -> Handle:
    """`times` for each element that is read."""
    return lambda inputs, outputs: Counter({name: times * numel(inputs[0])})


def sorting(inputs: Sequence[Any], outputs: Sequence[Any]) -> Counter[str]:
    """Comparisons: n log2 n along one dimension, which is taken to be the last."""
    shape = get_shape(inputs[0])
    return Counter(sort=numel(inputs[0]) * math.ceil(math.log2(max(2, shape[-1]))))


def distances(inputs: Sequence[Any], outputs: Sequence[Any]) -> Counter[str]:
    """A difference, a square and an addition for each pair and coordinate."""
    return Counter(distance=3 * numel(outputs[0]) * get_shape(inputs[0])[-1])


def _all(names: str, handle: Handle) -> dict[str, Handle]:
    return {f"aten::{name}": handle for name in names.split()}


ELEMENTWISE = """
    add add_ sub sub_ rsub mul mul_ div div_ reciprocal square pow neg abs sqrt rsqrt exp log sin
    cos clamp clamp_ clamp_max clamp_min clamp_min_ minimum maximum remainder floor_divide gt ge
    lt le eq ne bitwise_and_ bitwise_not logical_not __and__ __or__ __xor__ __lshift__ __rshift__
"""
ACTIVATIONS = "relu relu_ gelu sigmoid tanh elu leaky_relu silu"
REDUCTIONS = "sum mean max min amax amin argmax argmin cumsum scatter_add scatter_add_"
FREE = """
    alias arange cat chunk clone contiguous copy_ detach diag_embed dropout empty expand expand_as
    eye flatten full full_like gather index index_select lift_fresh masked_fill mT narrow new_empty
    new_full new_ones new_zeros one_hot ones ones_like pad permute repeat reshape scatter scatter_
    select size slice split split_with_sizes squeeze stack t to transpose type_as unbind unflatten
    unsqueeze view view_as where zeros zeros_like Int ScalarImplicit
"""
"""What moves, picks or makes numbers, and computes none."""

HANDLES: dict[str, Handle | None] = {
    **{f"aten::{name}": None for name in FREE.split()},
    **_all("linear", named("linear", product())),
    **_all("matmul mm bmm", product()),
    **_all("addmm baddbmm", product(left=1)),
    **_all("einsum", named("matmul", einsum_flop_jit)),
    **_all("_convolution", named("convolution", conv_flop_jit)),
    **_all("scaled_dot_product_attention", attention),
    **_all("layer_norm", named("norm", norm_flop_counter(2))),
    **_all("batch_norm", named("norm", batchnorm_flop_jit)),
    **_all("softmax log_softmax", each_output("softmax", SOFTMAX_OPS)),
    **_all(ACTIVATIONS, each_output("activation")),
    **_all(ELEMENTWISE, each_output("elementwise")),
    **_all(REDUCTIONS, each_input("reduction")),
    **_all("logsumexp", each_input("reduction", 3)),
    **_all("norm linalg_vector_norm", each_input("reduction", 2)),
    **_all("sort argsort topk", sorting),
    **_all("cdist", distances),
}
"""By operator; None: costs nothing."""
