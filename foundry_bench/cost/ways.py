"""How a network can be run: by which machinery, in which precision."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from foundry_bench.errors import FoundryError

Mode = Literal["eager", "compiled", "onnxruntime", "cuda_graph"]
Precision = Literal["fp32", "bf16", "int8"]


@dataclass(frozen=True)
class Way:
    """One of them.

    Attributes:
        mode: torch as it is, through `torch.compile`, ONNX Runtime on the exported graph, or the
            replay of a CUDA graph.
        precision: bf16 is torch's autocast (weights stay fp32 and are cast in each pass), int8 is
            ONNX Runtime's dynamic quantisation.
    """

    mode: Mode = "eager"
    precision: Precision = "fp32"

    def __str__(self) -> str:
        return f"{self.mode}:{self.precision}"

    @property
    def packages(self) -> tuple[str, ...]:
        """What runs it beside torch."""
        return ("onnxruntime",) if self.mode == "onnxruntime" else ()


OFFERED = (
    Way("eager"),
    Way("eager", "bf16"),
    Way("compiled"),
    Way("compiled", "bf16"),
    Way("onnxruntime"),
    Way("onnxruntime", "int8"),
    Way("cuda_graph"),
    Way("cuda_graph", "bf16"),
)
"""All there are."""
ONLY_ON = {"onnxruntime": "cpu", "cuda_graph": "cuda"}


def parse_ways(option: str, text: str, device: str, offered: Sequence[Way] = OFFERED) -> list[Way]:
    """Ways from words such as `eager,eager:bf16`; without a precision, fp32.

    Raises:
        FoundryError: opening with `option`, for a word that is none of those offered, or one that
            `device` lacks.
    """
    words = [word.strip() for word in text.split(",")]
    return list(dict.fromkeys(_parse(option, word, device, offered) for word in words))


def _parse(option: str, word: str, device: str, offered: Sequence[Way]) -> Way:
    known = {str(way): way for way in offered}
    way = known.get(word if ":" in word else f"{word}:fp32")
    if way is None:
        raise FoundryError(f"{option}: given '{word}', expected any of {', '.join(known)}")
    only = ONLY_ON.get(way.mode, device)
    if only != device:
        raise FoundryError(
            f"{option}: {way.mode} is measured on {only} alone, and the device is {device}; leave "
            "it out or give another --device"
        )
    return way
