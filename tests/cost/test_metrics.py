from foundry_bench.cost.counting import PARTS, Work, count
from foundry_bench.cost.metrics import COLUMNS, metrics_of, size_of, work_of
from foundry_bench.models.heads import ClassificationHead
from foundry_bench.students.tome import Tome, TomeSettings
from foundry_bench.testing import tiny_teacher
from foundry_bench.testing.tiny import TINY


def test_totals_parts_and_operators_add_up() -> None:
    student = Tome(tiny_teacher(), TomeSettings(supertokens=4))
    metrics = metrics_of(count(student, ClassificationHead(TINY.width, 5)))
    work = work_of(metrics)
    for column in COLUMNS:
        parts = {part: metrics.get(f"{column}_{part}", 0) for part in PARTS}
        assert metrics[column] == sum(parts.values()) > 0
        for part, number in parts.items():
            assert number == sum(getattr(row, column) for row in work if row.part == part)
    assert metrics["flops"] == 2 * metrics["macs"]
    assert metrics["silent_modules"] == 0


def test_operators_survive_the_record() -> None:
    counts = count(tiny_teacher())
    assert work_of(metrics_of(counts)) == list(counts.work)
    assert Work("encode", "attention_softmax", other_ops=2304) in work_of(metrics_of(counts))


def test_size_names_every_precision() -> None:
    assert set(size_of(tiny_teacher())) == {
        "parameters",
        "weight_bytes_fp32",
        "weight_bytes_bf16",
        "weight_bytes_int8",
    }
