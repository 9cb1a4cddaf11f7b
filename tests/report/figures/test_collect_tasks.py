import re
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib import style

from foundry_bench.report.assemble import assemble
from foundry_bench.report.figures.style import STYLE
from foundry_bench.report.records.harvest import read_folders
from foundry_bench.report.write import write_report
from tests.report.example_tasks import fill_generalist, fill_generality
from tests.report.examples import ExampleSweep

MakeSweep = Callable[..., ExampleSweep]


@pytest.mark.parametrize("severities", [(), (1, 3, 5)])
def test_many_tasks_have_a_matrix_and_no_figure_each(
    make_sweep: MakeSweep, severities: tuple[int, ...]
) -> None:
    sweep = fill_generality(make_sweep(), severities=severities)

    pictures = assemble(read_folders([sweep.out])).sweeps[0].pictures

    assert [picture.name for picture in pictures] == [
        "generality", "token_similarity", "corruption", "distillation_curves", "time_by_stage"
    ]  # fmt: skip
    for picture in pictures:
        with style.context(STYLE, after_reset=True):
            figure = picture.draw()
            figure.canvas.draw()
        assert figure.get_figwidth() == 3.5
        for legend in figure.legends:
            assert legend.get_window_extent().x1 <= figure.bbox.x1, picture.name
        assert picture.lines
    assert "from scratch is random weights there" in pictures[0].caption


def test_levels_bring_back_the_figures_of_the_first_result(make_sweep: MakeSweep) -> None:
    sweep = fill_generality(make_sweep(), counts=(4, 16))

    names = [picture.name for picture in assemble(read_folders([sweep.out])).sweeps[0].pictures]

    assert names[:5] == [
        "generality", "token_similarity", "corruption", "loss_vs_accuracy",
        "accuracy_vs_supertokens"
    ]  # fmt: skip
    assert "lpsb_parts_miou_instance_vs_supertokens" not in names


def test_few_tasks_keep_a_figure_each(make_sweep: MakeSweep) -> None:
    sweep = fill_generalist(make_sweep())

    report = assemble(read_folders([sweep.out])).sweeps[0]

    assert [picture.name for picture in report.pictures] == [
        "accuracy_by_variant",
        "lpsb_parts_miou_instance_by_variant",
        "lpsb_parts_miou_class_by_variant",
        "time_by_stage",
    ]
    assert [extra.name for extra in report.extras] == ["specialists", "parts"]
    assert "one teacher and one data set a task" in report.statements[-1]


def test_the_page_holds_every_table_and_the_same_bytes_twice(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    sweep = fill_generality(make_sweep())
    for name in ("one", "two"):
        write_report([sweep.out], tmp_path / name)

    files = {path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*")}
    assert {
        Path(f"{name}.{end}")
        for name in ("generality", "corruption", "parts")
        for end in ("csv", "md", "tex")
    } <= files
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()
    page = (tmp_path / "one" / "index.html").read_text()
    for baseline in ("generality", "corruption", "parts"):
        place = f"example-table-{baseline}"
        assert page.count(f'id="{place}"') == page.count(f'href="#{place}"') == 1
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "few-shot 5w10s · shapes · accuracy (%)" in page
    assert "94.4 ± 1.3" in page
    markdown = (tmp_path / "one" / "generality.md").read_text()
    assert markdown.count("| :-- |") == 2
    assert r"$\cdot$" in (tmp_path / "one" / "generality.tex").read_text()


def test_the_results_table_has_one_result_a_task(make_sweep: MakeSweep) -> None:
    report = assemble(read_folders([fill_generality(make_sweep()).out])).sweeps[0]

    assert report.table.header[8:] == (
        "accuracy (%)",
        "db69 accuracy (%)",
        "few-shot 5w10s (%)",
        "few-shot 5w20s (%)",
        "few-shot 10w10s (%)",
        "few-shot 10w20s (%)",
        "lpsb parts instance mIoU (%)",
        "shapes parts instance mIoU (%)",
        "mAP (%)",
        "db69 retrieval mAP (%)",
        "corrupted (%)",
        "token cosine",
        "accuracy (%), best of 3",
    )
    assert "in the table of all tasks" in report.table.caption


def test_validation_curves_are_of_the_first_task(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for seed in range(3):
        history = [{"epoch": float(epoch), "val_accuracy": 0.1} for epoch in (1, 2)]
        few_shot = sweep.stage(
            f"few-{seed}",
            "evaluate",
            task="few_shot",
            metrics={"few_shot_accuracy": 0.5},
            history=history,
        )
        for step, variant in enumerate(("foundry", "soft")):
            sweep.trial(
                "ablation" if step else "main",
                variant,
                seed,
                0.9,
                supertokens=4,
                validation=[0.8, 0.9],
                stages=[few_shot],
            )

    pictures = {p.name: p for p in assemble(read_folders([sweep.out])).sweeps[0].pictures}

    assert {line["y"] for line in pictures["validation_curves"].lines} == {80.0, 90.0}


def test_an_epoch_chosen_on_test_is_noted_and_marked(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    metrics = {"accuracy": 0.8, "literature_accuracy": 0.9}
    for seed in range(3):
        use = sweep.stage(f"k{seed}", "evaluate", task="classification", metrics=metrics)
        sweep.trial("main", "foundry", seed, None, supertokens=4, stages=[use])

    report = assemble(read_folders([sweep.out])).sweeps[0]

    assert any("the test set chose their epoch" in note for note in report.notes)
    assert report.table.header[-3:-1] == ("accuracy (%)", "accuracy\N{DAGGER} (%)")
    assert "\N{DAGGER}: the epoch was chosen on the test set" in report.table.caption
    assert not any("literature" in picture.name for picture in report.pictures)


def test_a_few_shot_result_stands_beside_its_spread_over_folds(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for seed in range(3):
        metrics = {"few_shot_accuracy": 0.8, "few_shot_std": 0.04}
        use = sweep.stage(f"k{seed}", "evaluate", task="few_shot", metrics=metrics)
        sweep.trial("main", "foundry", seed, None, supertokens=4, stages=[use])

    report = assemble(read_folders([sweep.out])).sweeps[0]

    assert report.table.header[-3:-1] == ("few-shot (%)", "standard deviation over folds (%)")
    assert [cell.text for cell in report.table.rows[0]][-3:-1] == ["80.0 ± 0.0", "4.0 ± 0.0"]
    assert report.lines[0]["few_shot_std"] == pytest.approx(4.0)
