"""What fvcore counts on the trace of a module."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from fvcore.nn.jit_analysis import JitModelAnalysis
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from foundry_bench.cost.operators import HANDLES
from foundry_bench.errors import FoundryError


@dataclass(frozen=True)
class Trace:
    """One pass through a module.

    Attributes:
        by_module: path of a module, "" for the whole -> what it and the modules in it cost, by the
            names of `operators`.
        silent: paths of modules that have parameters of their own and counted nothing, neither when
            called nor where somebody else multiplied by their weights. There should be none.
    """

    by_module: Mapping[str, Counter[str]]
    silent: tuple[str, ...]


def trace_of(module: nn.Module, inputs: tuple[Tensor, ...]) -> Trace:
    """The costs of `module(*inputs)`.

    Raises:
        FoundryError: for an operator that `operators` has no rule for, so that none is overlooked.
    """
    analysis = JitModelAnalysis(module, inputs).set_op_handle(**HANDLES)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.tracer_warnings("none")
    with _Watch() as watch:
        by_module: dict[str, Counter[str]] = analysis.by_module_and_operator()
    if unknown := analysis.unsupported_ops():
        raise FoundryError(
            f"no rule for the cost of {', '.join(sorted(unknown))}, which this network uses; add "
            "one to foundry_bench/cost/operators.py"
        )
    silent = tuple(
        name
        for name, inner in module.named_modules()
        if (own := list(inner.parameters(recurse=False)))
        and not by_module[name].total()
        and not any(_storage(parameter) in watch.read for parameter in own)
    )
    return Trace(by_module, silent)


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


class _Watch(TorchFunctionMode):
    """Watches a trace.

    Attributes:
        read: storages of what products of matrices read, a weight's own or through a view.
    """

    PRODUCTS = frozenset({F.linear, torch.matmul, Tensor.matmul, Tensor.__matmul__})

    def __init__(self) -> None:
        super().__init__()
        self.read: set[int] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """`func`; numbers read as bits, which torch's tracer cannot follow, become a constant."""
        if func in self.PRODUCTS:
            self.read |= {_storage(given) for given in args if isinstance(given, Tensor)}
        if func is Tensor.view and isinstance(args[1], torch.dtype):
            wanted = torch.empty(0, dtype=args[1]).numpy().dtype
            bits = args[0].detach().cpu().numpy().view(wanted)
            return torch.from_numpy(bits).to(args[0].device)
        return func(*args, **(kwargs or {}))
