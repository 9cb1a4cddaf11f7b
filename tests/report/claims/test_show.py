import json
from collections.abc import Callable

from foundry_bench.report.claims.judge import load_claims
from foundry_bench.report.claims.show import claims_data, claims_lines, claims_table
from foundry_bench.report.records.harvest import read_folders
from foundry_bench.report.table import csv_text, latex_text, markdown_text
from tests.report.example_claims import add, judge, judge_all, over_supertokens
from tests.report.examples import ExampleSweep

MakeSweep = Callable[..., ExampleSweep]
CHECK = {"name": "trend", "above": 0.0}


def test_the_table_has_a_row_a_claim(full_sweep: ExampleSweep) -> None:
    judged = judge_all(read_folders([full_sweep.out]), load_claims())

    table = claims_table(judged)

    rows = {row[0].text: [cell.text for cell in row[2:]] for row in table.rows}
    assert len(rows) == len(load_claims().claims)
    assert rows["latency_falls"] == ["not run", "", "", ""]
    assert rows["near_the_teacher"][:2] == ["not applicable", "fails"]
    assert "(claimed: above \N{MINUS SIGN}1 point); point_jepa/tiny" in rows["near_the_teacher"][2]
    assert "| near_the_teacher | " in markdown_text(table)
    assert "near\\_the\\_teacher & " in latex_text(table)


def test_lines_name_every_comparison_and_its_trials(make_sweep: MakeSweep) -> None:
    judged = judge(over_supertokens(make_sweep(), {1: 0.8, 16: 0.9}), CHECK)

    (line,) = claims_lines([judged])

    assert line["outcome"] == "holds"
    assert line["is_spoken_of"] is True
    assert str(line["trials"]).split()[0] == "example/foundry-s1-seed0"
    assert csv_text([line]).startswith("claim,verdict,is_spoken_of,sweep,teacher,data,comparison")


def test_a_claim_without_comparison_has_a_line_too(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    sweep.out.mkdir(parents=True)

    assert claims_lines([judge(sweep, CHECK)]) == [{"claim": "mine", "verdict": "not run"}]


def test_data_is_strict_json(make_sweep: MakeSweep) -> None:
    sweep = over_supertokens(make_sweep(), {1: 0.8, 16: 0.9}, seeds=1)
    add(sweep, "baseline", "teacher", 0.9, seeds=1)

    data = claims_data([judge(sweep, CHECK, {"data": ["modelnet40"]})])

    (told,) = json.loads(json.dumps(data, allow_nan=False))
    assert (told["verdict"], told["judged"]) == ("not applicable", None)
    (comparison,) = told["elsewhere"]["comparisons"]
    assert comparison["low"] is None
    assert comparison["records"] == ["example/foundry-s1-seed0", "example/foundry-s16-seed0"]
    assert told["scope"] == {"data": ["modelnet40"], "distilled_on": []}
