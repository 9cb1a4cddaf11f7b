import pytest

from foundry_bench.cost.memory import OFFERED as OFFERED_FOR_MEMORY
from foundry_bench.cost.ways import Way, parse_ways
from foundry_bench.errors import FoundryError


def test_a_word_without_a_precision_is_fp32() -> None:
    found = parse_ways("--ways", "eager, compiled:bf16,onnxruntime:int8,eager", "cpu")
    assert found == [Way("eager"), Way("compiled", "bf16"), Way("onnxruntime", "int8")]


@pytest.mark.parametrize(
    ("text", "device", "said"),
    [
        ("eagre", "cpu", "--ways: given 'eagre', expected any of eager:fp32, eager:bf16"),
        ("eager:int8", "cpu", "given 'eager:int8', expected any of"),
        ("cuda_graph", "cpu", "cuda_graph is measured on cuda alone, and the device is cpu"),
        ("onnxruntime", "cuda", "onnxruntime is measured on cpu alone, and the device is cuda"),
    ],
)
def test_what_cannot_be_is_told(text: str, device: str, said: str) -> None:
    with pytest.raises(FoundryError, match=said):
        parse_ways("--ways", text, device)


def test_memory_is_not_that_of_a_compiler() -> None:
    with pytest.raises(FoundryError, match="given 'compiled'"):
        parse_ways("--ways", "compiled", "cpu", OFFERED_FOR_MEMORY)
