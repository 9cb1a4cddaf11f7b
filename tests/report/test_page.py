import math
import re
from collections.abc import Callable
from dataclasses import replace

from foundry_bench.report.assemble import Report, assemble
from foundry_bench.report.page import MAX_LINES, data_table, heading_of, render_page
from foundry_bench.report.records.harvest import read_folders
from tests.report.examples import ExampleSweep

MakeSweep = Callable[..., ExampleSweep]
PNG = bytes(16) + (640).to_bytes(4, "big") + (480).to_bytes(4, "big")


def _page(report: Report) -> str:
    several = len(report.sweeps) > 1
    images = {
        f"{f'{sweep.name}/' if several else ''}figures/{picture.name}.png": PNG
        for sweep in report.sweeps
        for picture in sweep.pictures
    }
    return render_page(report, images)


def test_the_answer_stands_first_and_the_first_figure_beside_it(full_sweep: ExampleSweep) -> None:
    report = assemble(read_folders([full_sweep.out]))

    main = _page(report).partition("<main>")[2]

    answer, figure = main.index(report.sweeps[0].statements[0][:30]), main.index("<figure")
    assert answer < figure < main.index("Results table")
    assert f'alt="{report.sweeps[0].pictures[0].alt[:20]}' in main[figure : figure + 600]
    assert 'width="640" height="480"' in main[figure : figure + 600]


def test_contents_name_every_section_and_figure(full_sweep: ExampleSweep) -> None:
    report = assemble(read_folders([full_sweep.out]))

    page = _page(report)

    contents = page.partition("<nav")[2].partition("</nav>")[0]
    for title in ("What came out", "Results", "Figures", "Reproduce", "Environment"):
        assert f">{title}</a>" in contents
    for picture in report.sweeps[0].pictures:
        assert f'href="#example-{picture.name}"' in contents


def test_each_row_leads_to_the_commands_of_its_trials(full_sweep: ExampleSweep) -> None:
    page = _page(assemble(read_folders([full_sweep.out])))

    links = re.findall(r'<a href="#(example-row-\d+)"', page)

    assert links == [f"example-row-{number}" for number in range(1, len(links) + 1)]
    folded = page.partition(f'<details class="row" id="{links[1]}">')[2].partition("</details>")[0]
    assert folded.count("foundry-bench run runs/example/trials/foundry-s1-seed") == 3
    assert "supertokens: 1" in folded


def test_several_sweeps_open_with_the_answer_of_each(make_sweep: MakeSweep) -> None:
    report = assemble(read_folders([make_sweep(name).fill().out for name in ("one", "two")]))

    page = _page(report)

    overview = page.partition('id="overview"')[2].partition("</section>")[0]
    for sweep in report.sweeps:
        assert f'href="#{sweep.name}-top"' in overview
        assert sweep.statements[0][:30] in overview
    assert "<h1>2 sweeps</h1>" in page


def test_costs_beside_sweeps_are_called_by_their_name_and_are_no_sweep(
    make_sweep: MakeSweep,
) -> None:
    report = assemble(read_folders([make_sweep(name).fill((0,)).out for name in ("one", "two")]))
    one, two = report.sweeps
    costs = replace(one, name="profile", commands=("foundry-bench profile flops",))
    assert heading_of(replace(report, sweeps=(one, costs))) == "one + profile"
    assert heading_of(replace(report, sweeps=(one, two, costs))) == "2 sweeps + profile"
    assert heading_of(replace(report, sweeps=())) == report.title


def test_data_of_a_figure_has_four_digits_and_no_nan() -> None:
    lines = [{"series": "foundry", "s": 4, "x": 0.123456}, {"series": "dso", "x": math.nan}]

    table = data_table(lines)

    assert table.header == ("series", "s", "x")
    assert table.num_labels == 1
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["foundry", "4", "0.1235"],
        ["dso", "", ""],
    ]
    assert table.rows[0][2].value == 0.123456


def test_long_data_is_cut_and_says_so() -> None:
    table = data_table([{"x": float(number)} for number in range(MAX_LINES + 1)])

    assert len(table.rows) == MAX_LINES
    assert f"The first {MAX_LINES} of {MAX_LINES + 1} lines." in table.caption
