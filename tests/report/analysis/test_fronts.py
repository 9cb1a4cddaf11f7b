from collections.abc import Callable
from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from foundry_bench.report.analysis.fronts import Front, find_front, find_fronts
from foundry_bench.report.assemble import assemble
from foundry_bench.report.figures.front import draw_front, picture_front
from foundry_bench.report.records.harvest import SweepInfo
from foundry_bench.report.records.rows import tidy_rows
from foundry_bench.report.sentences.fronts import read_fronts
from foundry_bench.report.study.costs import GMACS, add_costs
from foundry_bench.report.study.runs import measures_in
from foundry_bench.report.study.summary import Summary, summarise
from foundry_bench.report.tables.costs import tabulate_costs
from foundry_bench.report.tables.search import tabulate_search
from tests.report.example_costs import fill_costs, profile
from tests.report.examples import ExampleSweep
from tests.report.summaries import read, study

MakeSweep = Callable[..., ExampleSweep]


def summary_of(sweep: ExampleSweep) -> Summary:
    evidence, runs, _ = read(sweep)
    return summarise(add_costs(runs, evidence).runs, measures_in(tidy_rows(evidence)))


def front_of(sweep: ExampleSweep) -> Front:
    summary = summary_of(sweep)
    front = find_front(summary, summary.results[0], GMACS)
    assert front is not None
    return front


def test_the_front_has_those_that_no_cheaper_one_equals(make_sweep: MakeSweep) -> None:
    front = front_of(fill_costs(make_sweep()))
    assert [(point.name, point.is_on_front) for point in front.points] == [
        ("foundry at s = 1", True),
        ("foundry at s = 4", True),
        ("soft at s = 8", False),
        ("foundry at s = 16", True),
    ]
    assert [front.number(point) for point in front.points] == [1, 2, None, 3]
    assert front.teacher is not None
    assert front.teacher[0].mean == pytest.approx(0.06)


def test_doubt_is_what_seeds_leave(make_sweep: MakeSweep) -> None:
    front = front_of(fill_costs(make_sweep()))
    assert [point.is_sure for point in front.points] == [True, True, False, True]
    assert front.points[0].p == 0, "nothing is cheaper"


def test_equal_students_have_one_place(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for seed in range(3):
        for variant in ("one", "two"):
            sweep.trial("main", variant, seed, 0.8, supertokens=4, tag=variant)
    profile(sweep, {"name": "foundry", "supertokens": 4}, {"macs": 1e9}, key="a")
    assert [point.is_on_front for point in front_of(sweep).points] == [True, False]


def test_of_students_that_cost_the_same_the_better_one_is_on_the_front(
    make_sweep: MakeSweep,
) -> None:
    sweep = make_sweep()
    for seed in range(3):
        sweep.trial("main", "worse", seed, 0.7, supertokens=4, tag="a")
        sweep.trial("main", "better", seed, 0.8, supertokens=4, tag="b")
    profile(sweep, {"name": "foundry", "supertokens": 4}, {"macs": 1e9}, key="a")
    front = front_of(sweep)
    assert [point.name for point in front.front] == ["better at s = 4"]
    assert all(point.is_sure for point in front.points)


def test_a_place_is_as_sure_as_the_closest_of_those_it_has_to_beat(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for seed, shift in enumerate((-0.01, 0.0, 0.01)):
        for count, accuracy in ((1, 0.6 + shift), (2, 0.799 - shift), (4, 0.8 + shift)):
            sweep.trial("main", "foundry", seed, accuracy, supertokens=count)
    for count in (1, 2, 4):
        student = {"name": "foundry", "supertokens": count}
        profile(sweep, student, {"macs": count * 1e9}, key=str(count))
    front = front_of(sweep)
    assert [point.is_on_front for point in front.points] == [True, True, True]
    assert [point.is_sure for point in front.points] == [True, True, False]


def test_who_has_too_few_seeds_is_left_out_beside_those_that_have_enough(
    make_sweep: MakeSweep,
) -> None:
    sweep = fill_costs(make_sweep())
    sweep.trial("main", "foundry", 0, 0.99, supertokens=2)
    profile(sweep, {"name": "foundry", "supertokens": 2}, {"macs": 1e6}, key="count-2")
    front = front_of(sweep)
    assert front.few == ("foundry at s = 2",)
    assert front.front[0].name == "foundry at s = 1"


def test_below_three_seeds_nothing_is_beyond_doubt(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for count in (1, 4, 16):
        sweep.trial("main", "foundry", 0, 0.7 + count / 100, supertokens=count)
        settings = {"name": "foundry", "supertokens": count}
        profile(sweep, settings, {"macs": count * 1e9}, key=str(count))
    front = front_of(sweep)
    assert [point.is_sure for point in front.points] == [True, False, False]
    (statement,) = read_fronts([front])
    assert "takes three seeds" in statement


def test_the_reading_counts_what_is_beyond_doubt(make_sweep: MakeSweep) -> None:
    (statement,) = read_fronts([front_of(fill_costs(make_sweep()))])
    assert "foundry at s = 4 (0.0140 G, 80.0 %)" in statement
    assert "of 3 of the 3 on it" in statement
    assert "and of 0 of the 1 that are not" in statement


def test_each_kind_of_cost_has_a_picture_and_a_table_tells_all(make_sweep: MakeSweep) -> None:
    evidence, runs, _ = read(fill_costs(make_sweep()))
    costs = add_costs(runs, evidence)
    summary = summarise(costs.runs, measures_in(tidy_rows(evidence)))
    fronts = find_fronts(summary, costs)
    pictures = [picture_front(each, costs, is_search=False) for each in fronts]

    assert [front.cost.unit for front in fronts] == ["G", "ms", "MiB"]
    assert pictures[0].name == "accuracy_vs_gmacs"
    assert "measured on Example CPU (2 cores)" in pictures[1].caption
    assert all(isinstance(picture.draw(), Figure) for picture in pictures)
    extra = tabulate_costs(summary, costs, fronts)
    assert extra is not None
    assert len(extra.lines) == 5
    by_name = {line["series"]: line for line in extra.lines if line["supertokens"] != 1}
    assert by_name["soft"]["front_gmacs"] is None
    assert by_name["foundry"]["front_gmacs"] == 3


def test_costs_that_all_share_make_no_front(make_sweep: MakeSweep) -> None:
    front = front_of(fill_costs(make_sweep()))
    alike = tuple(
        replace(point, cost=replace(point.cost, mean=1 + index / 100))
        for index, point in enumerate(front.points)
    )
    assert front.is_telling
    assert not replace(front, points=alike).is_telling


def test_costs_over_more_than_a_decade_have_a_logarithmic_axis(make_sweep: MakeSweep) -> None:
    front = front_of(fill_costs(make_sweep()))
    dear = replace(front.points[-1], cost=replace(front.points[-1].cost, mean=1.0))
    (axes,) = draw_front(replace(front, points=(*front.points[:-1], dear))).axes
    assert axes.get_xscale() == "log"
    (axes,) = draw_front(front).axes
    assert axes.get_xscale() == "linear"


def test_a_searched_front_comes_with_its_settings_and_what_was_stopped(
    make_sweep: MakeSweep,
) -> None:
    sweep = fill_costs(make_sweep())
    sweep.trial("main", "foundry", 0, None, supertokens=2, status="pruned")
    text = "axes:\n  student.supertokens: [1, 4]\n  student.assignment: []\nsearch: {trials: 3}"
    (sweep.out / "sweep.yaml").write_text(text)
    searched = study(sweep)
    fronts = find_fronts(searched.summary, searched.costs)[:1]

    extra = tabulate_search(searched, fronts)

    assert extra is not None
    front, stopped = extra.tables
    assert front.header[3:5] == ("supertokens", "assignment")
    assert [row[3].text for row in front.rows] == ["1", "4", "16"]
    assert front.rows[0][4].text == "dso_pos"
    assert [row[0].text for row in stopped.rows] == ["foundry-s2-seed0"]
    caption = picture_front(fronts[0], searched.costs, is_search=True).caption
    assert "were searched by these very numbers" in caption


@pytest.mark.parametrize("text", ["", "a: [", "- search", "search: null"])
def test_a_file_that_says_nothing_of_a_search_has_none(make_sweep: MakeSweep, text: str) -> None:
    sweep = fill_costs(make_sweep())
    (sweep.out / "sweep.yaml").write_text(text)

    assert not study(sweep).is_search
    assert tabulate_search(study(sweep), []) is None


def test_results_on_other_data_make_no_front(make_sweep: MakeSweep) -> None:
    sweep = make_sweep().fill_two_difficulties()
    for count in (1, 4, 16):
        student = {"name": "foundry", "supertokens": count}
        profile(sweep, student, {"macs": count * 1e9}, key=str(count))
    evidence, runs, _ = read(sweep)
    costs, summary = add_costs(runs, evidence), summary_of(sweep)
    assert GMACS in costs.measures
    assert find_fronts(summary, costs) == []
    extra = tabulate_costs(summary, costs, [])
    assert extra is not None
    assert "No front: results on other data" in extra.tables[0].caption


def test_students_of_several_teachers_share_a_front(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for seed in range(3):
        for name in ("one", "two"):
            varies = {"teacher.name": name}
            sweep.trial("main", "foundry", seed, 0.8, supertokens=4, varies=varies, tag=name)
    profile(sweep, {"name": "foundry", "supertokens": 4}, {"macs": 1e9}, key="a")
    assert len(front_of(sweep).points) == 2


def test_no_test_is_told_of_the_cheapest(make_sweep: MakeSweep) -> None:
    evidence, runs, _ = read(fill_costs(make_sweep(), latency=False))
    costs = add_costs(runs, evidence)
    summary = summarise(costs.runs, measures_in(tidy_rows(evidence)))
    extra = tabulate_costs(summary, costs, find_fronts(summary, costs)[:1])
    assert extra is not None
    said = {row[2].text: row[-1].text for row in extra.tables[0].rows if row[1].text == "main"}
    assert said["1"] == "by cost"
    assert "by cost" not in (said["4"], said["16"])


def test_a_report_of_a_search_shows_its_fronts_and_no_series_for_each_suggestion(
    make_sweep: MakeSweep,
) -> None:
    evidence, _, _ = read(fill_costs(make_sweep()))
    name = evidence.names[0]
    (usual,) = assemble(evidence).sweeps
    info = SweepInfo(yaml="axes: {student.supertokens: [1, 4]}\nsearch: {trials: 3}")
    (searched,) = assemble(replace(evidence, sweeps={name: info})).sweeps

    fronts = [picture.name for picture in searched.pictures[:3]]
    assert fronts[0] == "accuracy_vs_gmacs"
    assert {picture.name for picture in searched.pictures[3:]} <= {"time_by_stage"}
    assert usual.pictures[0].name == "accuracy_vs_supertokens"
    assert searched.statements[0].startswith("On the front")
    assert len(searched.statements) < len(usual.statements)
