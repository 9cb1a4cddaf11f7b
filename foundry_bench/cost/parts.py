"""How long each part of a pass takes, watched from inside.

B clouds, N points.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from foundry_bench.cost.clocks import Clock
from foundry_bench.cost.counting import PART_OF, Part
from foundry_bench.geometry.patches import Patches, group
from foundry_bench.models.backbone import Backbone
from foundry_bench.models.transformer import Attention


@dataclass(frozen=True)
class Door:
    """A method of a module through which work enters a part."""

    module: nn.Module
    method: str
    part: Part


Span = tuple[Part, Any, Any]


class PartWatch:
    """Watches a backbone and its head; parts as `counting` has them.

    What runs in no module of a part, Python's own work included, is in `compress`.
    """

    def __init__(self, backbone: Backbone, head: nn.Module, patches: Patches, clock: Clock) -> None:
        """`patches` of any number of clouds: one pass tells through which doors work comes in."""
        self._backbone, self._head, self._clock = backbone, head, clock
        self._doors = _outer_doors(backbone, patches)

    def pass_ms(self, points_BN3: Tensor) -> dict[str, float]:
        """One whole pass, by part."""
        mark = self._clock.mark
        with self._open() as spans:
            start = mark()
            patches = group(points_BN3, self._backbone.patch_spec)
            cut = mark()
            tokens_BCD = self._backbone.tokens(patches)
            made = mark()
            self._head(tokens_BCD)
            end = mark()
        between = self._clock.between_ms
        found: dict[str, float] = {"group": between(start, cut), "head": between(made, end)}
        inside = 0.0
        for part, first, last in spans:
            spent = between(first, last)
            found[part] = found.get(part, 0.0) + spent
            inside += spent
        found["compress"] = found.get("compress", 0.0) + between(cut, made) - inside
        return found

    @contextmanager
    def _open(self) -> Iterator[list[Span]]:
        spans: list[Span] = []
        mark = self._clock.mark

        def watched(door: Door) -> Callable[..., Any]:
            inner = getattr(door.module, door.method)

            def call(*given: Any, **named: Any) -> Any:
                start = mark()
                result = inner(*given, **named)
                spans.append((door.part, start, mark()))
                return result

            return call

        with _replaced(self._doors, watched):
            yield spans


def _outer_doors(backbone: Backbone, patches: Patches) -> list[Door]:
    """The doors that a pass uses and that are behind no other."""
    used: dict[tuple[int, str], Door] = {}
    depth = 0

    def watched(door: Door) -> Callable[..., Any]:
        inner = getattr(door.module, door.method)

        def call(*given: Any, **named: Any) -> Any:
            nonlocal depth
            if not depth:
                used[id(door.module), door.method] = door
            depth += 1
            try:
                return inner(*given, **named)
            finally:
                depth -= 1

        return call

    with _replaced(_all_doors(backbone), watched):
        backbone.tokens(patches)
    return list(used.values())


def _all_doors(backbone: Backbone) -> list[Door]:
    """Of all modules in the backbone's children; an attention has two, since students that merge
    walk over the encoder's blocks themselves.
    """
    return [
        Door(module, method, PART_OF.get(name, "compress"))
        for name, child in backbone.named_children()
        for module in child.modules()
        for method in (("forward", "mix") if isinstance(module, Attention) else ("forward",))
    ]


@contextmanager
def _replaced(doors: list[Door], watched: Callable[[Door], Callable[..., Any]]) -> Iterator[None]:
    """Each door's method replaced by what `watched` makes of it; as it was, afterwards."""
    own = [door.module.__dict__.get(door.method) for door in doors]
    try:
        for door in doors:
            setattr(door.module, door.method, watched(door))
        yield
    finally:
        for door, before in zip(doors, own, strict=True):
            if before is None:
                door.module.__dict__.pop(door.method, None)
            else:
                setattr(door.module, door.method, before)
