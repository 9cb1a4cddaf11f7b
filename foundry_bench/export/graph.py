"""A core as an ONNX graph, and its weights as int8."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch.export import Dim, ExportedProgram

from foundry_bench.errors import FoundryError
from foundry_bench.export.core import Core
from foundry_bench.files import replacing

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
TRACED_CLOUDS = 3
"""In the example that is traced: a batch of 1 would be taken for a constant."""
INT32 = 6
"""Of ONNX's `TensorProto.DataType`."""


@dataclass(frozen=True)
class PatchCounts:
    """How many patches a graph can take; `most` None: any number."""

    least: int
    most: int | None

    def __contains__(self, num: int) -> bool:
        return self.least <= num and (self.most is None or num <= self.most)


def require_packages() -> None:
    """Do nothing if all that export needs is installed.

    Raises:
        FoundryError: with what is missing.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise FoundryError(
            f"export needs {', '.join(missing)}: pip install 'foundry-bench[export]'"
        )


def write_graph(core: Core, path: Path) -> PatchCounts:
    """Write `core` to `path` as one file of ONNX; any number of clouds and, within what is
    returned, of patches can be given to it. (Where code depends on that number, it is a constant.)

    Raises:
        FoundryError: if something in it cannot be part of a graph, with the reason.
    """
    require_packages()
    names = list(core.axes)
    example = tuple(core.fresh(TRACED_CLOUDS, core.backbone.patch_spec.patches).values())
    shapes = tuple(
        {axis: Dim.AUTO if name == "patches" else Dim.DYNAMIC for axis, name in axes.items()}
        for axes in core.axes.values()
    )
    with torch.no_grad(), _quiet():
        try:
            program = torch.export.export(core, example, dynamic_shapes=shapes, strict=False)
            graph = torch.onnx.export(
                program,
                input_names=names,
                output_names=[core.output],
                dynamic_shapes=tuple(core.axes.values()),
                custom_translation_table=_translations(),
                verbose=False,
            )
        except FoundryError as error:
            raise FoundryError(f"{_name(core)} cannot be exported: {error}") from error
        except Exception as error:
            raise FoundryError(
                f"{_name(core)} cannot be exported: torch finds no graph for it ({_reason(error)})"
            ) from error
    assert graph is not None
    for node in graph.model.graph.all_nodes():
        node.metadata_props.clear()  # where each came from, with the paths of this machine
    with replacing(path) as temporary:
        graph.save(temporary, external_data=False)
    return _patch_counts(program)


def write_int8(graph: Path, path: Path) -> None:
    """Write the graph with its matrices as int8 to `path`; what they are multiplied with is
    quantised as it comes (dynamic quantisation).
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet(), replacing(path) as temporary:
        quantize_dynamic(graph, temporary, weight_type=QuantType.QInt8)


def _name(core: Core) -> str:
    return type(core.backbone).__name__


def _reason(error: BaseException) -> str:
    """The first line of what began it: the rest tells how to mend torch."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _patch_counts(program: ExportedProgram) -> PatchCounts:
    first = program.graph_signature.user_inputs[0]
    shape = next(node.meta["val"].shape for node in program.graph.nodes if node.name == first)
    size = shape[1] if isinstance(shape[1], int) else shape[1].node.expr
    if size not in program.range_constraints:
        return PatchCounts(int(size), int(size))
    found = program.range_constraints[size]
    most = int(found.upper) if found.upper.is_Integer else None
    return PatchCounts(max(1, int(found.lower)), most)


def _translations() -> dict[Any, Any]:
    """Operators of torch that its exporter has no ONNX for, as of torch 2.13."""
    op: Any = import_module("onnxscript").opset18

    def distances(first: Any, second: Any, p: float = 2.0, compute_mode: int | None = None) -> Any:
        assert p == 2
        difference = op.Sub(op.Unsqueeze(first, [-2]), op.Unsqueeze(second, [-3]))
        return op.Sqrt(op.ReduceSumSquare(difference, [-1], keepdims=0))

    def stable_sort(
        values: Any, stable: bool | None = None, dim: int = -1, descending: bool = False
    ) -> Any:
        """TopK of all: of equal values it takes the lower index first."""
        if values.dtype is not None and values.dtype.name in ("UINT8", "BOOL"):
            values = op.Cast(values, to=INT32)
        size = op.Gather(op.Shape(values), op.Constant(value_ints=[dim]))
        return op.TopK(values, size, axis=dim, largest=int(descending), sorted=1)

    return {
        torch.ops.aten._cdist_forward.default: distances,
        torch.ops.aten.sort.stable: stable_sort,
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporters have to say of their own insides."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
