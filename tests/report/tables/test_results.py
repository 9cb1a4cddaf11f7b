import csv
import io
from collections.abc import Callable

import pytest

from foundry_bench.report.records.harvest import read_folders
from foundry_bench.report.records.rows import tidy_rows
from foundry_bench.report.study.runs import collect_runs, measures_in
from foundry_bench.report.study.summary import Summary, summarise
from foundry_bench.report.table import csv_text, latex_text, markdown_text
from foundry_bench.report.tables.results import results_lines, results_table
from tests.report.example_sweeps import fill_budget, fill_gate
from tests.report.examples import ExampleSweep
from tests.report.summaries import read


@pytest.fixture
def summary(make_sweep: Callable[..., ExampleSweep]) -> Summary:
    sweep = make_sweep()
    for seed, shift in enumerate((-0.01, 0.0, 0.01)):
        sweep.trial("main", "foundry", seed, 0.9 + shift, supertokens=2, loss=0.02)
        sweep.trial("baseline", "teacher", seed, 0.95 - shift)
    sweep.trial("ablation", "no_residual", 0, 0.5, supertokens=2)
    sweep.trial("ablation", "no_residual", 1, None, supertokens=2, status="failed")
    evidence = read_folders([sweep.out])
    rows = tidy_rows(evidence)
    return summarise(collect_runs(rows, evidence.trials, {}), measures_in(rows))


def test_markdown(summary: Summary) -> None:
    lines = markdown_text(results_table(summary)).splitlines()

    assert lines[:5] == [
        "| variant | role | s | n | trials | distill. loss | held-out 1 \u2212 R² | in use"
        " | accuracy (%) | accuracy \u2212 teacher | p (Holm) | accuracy (%), best of 3 |",
        "| :-- | :-- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |",
        "| teacher | baseline |  | 3 | 3 done |  |  |  | 95.0 ± 2.5 |  |  | 96.0 |",
        "| foundry | main | 2 | 3 | 3 done | 0.0200 ± 0.0000 | 0.044 ± 0.000 | 1.8 ± 0.0"
        " | 90.0 ± 2.5 | \u22125.0 ± 5.0 | 0.049 | 91.0 |",
        "| no_residual | ablation | 2 | 1 | 1 done, 1 failed |  |  |  | 50.0 | \u221246.0 |  |  |",
    ]


def test_latex_is_escaped_booktabs(summary: Summary) -> None:
    text = latex_text(results_table(summary))

    assert r"\begin{tabular}{llrrrrrrrrrr}" in text
    assert r"no\_residual & ablation & 2 & 1 & 1 done, 1 failed" in text
    assert r"$-$5.0 $\pm$ 5.0 & 0.049 & 91.0 \\" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    body = text.split("toprule")[1]
    assert "±" not in body
    assert "\u2212" not in body
    assert all(
        len(row) == len(results_table(summary).header) for row in results_table(summary).rows
    )


def test_csv_has_numbers(summary: Summary) -> None:
    lines = list(csv.DictReader(io.StringIO(csv_text(results_lines(summary)))))

    foundry = lines[1]
    assert (foundry["series"], foundry["supertokens"], foundry["n"]) == ("foundry", "2", "3")
    assert float(foundry["accuracy"]) == pytest.approx(90.0)
    assert float(foundry["accuracy_to_teacher"]) == pytest.approx(-5.0)
    assert float(foundry["accuracy_to_teacher_high"]) == pytest.approx(-0.0317, abs=1e-4)
    assert lines[2]["accuracy_low"] == lines[2]["accuracy_best_of_n"] == ""
    assert float(foundry["accuracy_best_of_n"]) == pytest.approx(91.0)
    assert lines[0]["accuracy_to_teacher"] == ""


def test_marks_say_what_is_deterministic_and_what_untrained(
    make_sweep: Callable[..., ExampleSweep],
) -> None:
    evidence = read_folders([make_sweep().fill_deterministic_probe().out])
    rows = tidy_rows(evidence)
    summary = summarise(collect_runs(rows, evidence.trials, {}), measures_in(rows))

    table = results_table(summary)
    cells = {row[0].text: [cell.text for cell in row] for row in table.rows}
    numbers = {line["variant"]: line for line in results_lines(summary)}

    assert cells["teacher"][3:5] == ["1", "3 done"]
    assert "62.4 (deterministic)" in cells["teacher"]
    assert "20.0 ± 2.5 (random weights)" in cells["scratch"]
    assert "50.0 ± 2.5" in cells["foundry"]
    assert "\u221212.4 ± 2.5" in cells["foundry"]
    assert "deterministic value is one measurement" in table.caption
    assert "scratch has random weights there" in table.caption
    assert numbers["teacher"]["probe_accuracy_n"] == 1
    assert numbers["foundry"]["probe_accuracy_n"] == 3


def test_the_best_of_fewer_seeds_says_of_how_many(make_sweep: Callable[..., ExampleSweep]) -> None:
    sweep = make_sweep()
    for seed in range(3):
        sweep.trial("baseline", "teacher", seed, 0.95 - 0.01 * seed, probe=0.5)
    for seed in range(2):
        sweep.trial("main", "foundry", seed, 0.9 + 0.01 * seed, supertokens=2, probe=0.4)
    _, _, summary = read(sweep)

    table = results_table(summary)

    assert [each for each in table.header if "best" in each] == ["accuracy (%), best of 3"]
    assert [row[-1].text for row in table.rows] == ["95.0", "91.0 (of 2)"]
    assert "nothing here rests on it" in table.caption
    assert results_lines(summary)[1]["probe_accuracy_best_of_n"] == pytest.approx(40.0)


def test_one_seed_has_no_best(make_sweep: Callable[..., ExampleSweep]) -> None:
    sweep = make_sweep()
    sweep.trial("main", "foundry", 0, 0.9, supertokens=2)

    table = results_table(read(sweep)[2])

    assert not any("best" in each for each in table.header)
    assert "Best of n" not in table.caption


def test_what_trains_has_no_marks(summary: Summary) -> None:
    assert "deterministic" not in markdown_text(results_table(summary))
    assert "random weights" not in markdown_text(results_table(summary))


def test_budgets_and_tokens_have_columns_where_they_vary(
    make_sweep: Callable[..., ExampleSweep],
) -> None:
    _, _, summary = read(fill_budget(make_sweep()))

    table = results_table(summary)
    lines = {(line["series"], line.get("budget")): line for line in results_lines(summary)}

    assert table.header[:8] == (
        "variant", "role", "s", "budget", "n", "trials", "distill. loss", "held-out 1 \u2212 R²"
    )  # fmt: skip
    assert table.header[8:11] == ("encoder tokens", "encoder tokens, p95", "kept tokens")
    assert "95th percentile of clouds" in table.caption
    row = next(row for row in table.rows if row[0].text == "foundry gate" and row[3].text == "8")
    assert [cell.text for cell in row[8:11]] == ["7.5 ± 0.0", "8.0 ± 0.0", "3.5 ± 0.0"]
    assert lines["foundry gate", 8]["encoder_tokens"] == pytest.approx(7.5)
    assert lines["inference only", 8]["accuracy"] == pytest.approx(75.0)


def test_lambda_has_a_column_where_it_varies(make_sweep: Callable[..., ExampleSweep]) -> None:
    _, _, summary = read(fill_gate(make_sweep()))

    table = results_table(summary)

    assert table.header[3] == "λ"
    assert [row[3].text for row in table.rows if row[1].text == "main"] == [
        "0", "0.001", "0.01", "0.1"
    ]  # fmt: skip
