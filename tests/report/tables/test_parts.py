from collections.abc import Callable

from foundry_bench.report.tables.parts import tabulate_parts
from tests.report.example_tasks import fill_generality
from tests.report.examples import ExampleSweep
from tests.report.summaries import read


def test_a_table_a_segmentation_with_a_row_a_category(
    make_sweep: Callable[..., ExampleSweep],
) -> None:
    _, _, summary = read(fill_generality(make_sweep()))

    extra = tabulate_parts(summary)

    assert extra is not None
    lpsb, shapes = extra.tables
    assert lpsb.header == (
        "category", "teacher", "foundry at s = 16", "not distilled at s = 16", "scratch at s = 16",
        "no residual at s = 16",
    )  # fmt: skip
    assert [row[0].text for row in lpsb.rows] == ["chair", "lamp", "table"]
    assert [row[1].text for row in lpsb.rows] == ["84.5 ± 1.4", "82.5 ± 1.4", "80.5 ± 1.4"]
    assert lpsb.caption.startswith("Part segmentation lpsb parts: mIoU")
    assert shapes.caption.startswith("Part segmentation shapes parts: mIoU")
    assert extra.lines[0]["category"] == "chair"
    assert not lpsb.has_roles


def test_a_sweep_without_parts_has_none(full_sweep: ExampleSweep) -> None:
    _, _, summary = read(full_sweep)

    assert tabulate_parts(summary) is None
