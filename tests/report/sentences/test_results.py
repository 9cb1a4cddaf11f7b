from collections.abc import Callable, Sequence

import pytest

from foundry_bench.report.figures.collect import fig2_data
from foundry_bench.report.records.harvest import read_folders
from foundry_bench.report.records.rows import tidy_rows
from foundry_bench.report.sentences.results import read_results
from foundry_bench.report.study.runs import collect_runs, measures_in
from foundry_bench.report.study.summary import summarise
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

Tell = Callable[..., list[str]]
WOBBLE = (-0.001, 0.0, 0.001)


@pytest.fixture
def tell(make_sweep: Callable[..., ExampleSweep]) -> Tell:
    """The reading of main students whose mean accuracies at s = 1, 4, 16 are given."""

    def told(accuracies: Sequence[float], losses: Sequence[float], seeds: int = 3) -> list[str]:
        sweep = make_sweep()
        for count, accuracy, loss in zip((1, 4, 16), accuracies, losses, strict=True):
            for seed, shift in list(enumerate(WOBBLE))[:seeds]:
                turn = shift if count != 4 else -shift
                sweep.trial(
                    "main",
                    "foundry",
                    seed,
                    accuracy + turn,
                    supertokens=count,
                    loss=loss - turn / 50,
                )
        evidence = read_folders([sweep.out])
        rows = tidy_rows(evidence)
        summary = summarise(collect_runs(rows, evidence.trials, {}), measures_in(rows))
        return read_results(summary, fig2_data(summary))

    return told


def _read(sweep: ExampleSweep) -> list[str]:
    _, _, summary = read(sweep)
    return read_results(summary, fig2_data(summary))


def _about(statements: list[str], words: str) -> str:
    return next(statement for statement in statements if words in statement)


def test_what_the_numbers_say_is_told(tell: Tell) -> None:
    statements = tell((0.80, 0.90, 0.91), (0.04, 0.03, 0.02))

    assert statements[0] == (
        "Classification accuracy rises from s = 1 (80.0 ± 0.2 %) to s = 16 (91.0 ± 0.2 %):"
        " +11.0 points [+11.0, +11.0], paired over 3 seeds, beyond the 95 % interval."
    )
    assert "in 2 of 2 steps" in _about(statements, "Distillation loss falls")
    assert "between distillation loss and classification accuracy is" in _about(
        statements, "Spearman"
    )
    assert "Beyond s = 4 the gain is +1.0 points" in _about(statements, "Beyond s = 4")


def test_the_opposite_is_told_as_it_is(tell: Tell) -> None:
    statements = tell((0.91, 0.90, 0.80), (0.04, 0.03, 0.02))

    assert "accuracy falls from" in statements[0]
    assert "(beyond the 95 % interval)" in _about(statements, "Beyond s = 4")


def test_no_trend_is_told_as_none(tell: Tell) -> None:
    statements = tell((0.90, 0.90, 0.9001), (0.03, 0.03, 0.03))

    assert _about(statements, "Beyond s = 4").count("within the 95 % interval") == 1


def test_only_claims_judge(tell: Tell) -> None:
    statements = tell((0.80, 0.90, 0.91), (0.04, 0.03, 0.02))

    assert not any("paper" in statement for statement in statements)


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_decide_nothing(tell: Tell, seeds: int) -> None:
    statements = tell((0.80, 0.90, 0.91), (0.04, 0.03, 0.02), seeds)

    assert f"paired over {seeds} seed" in statements[0]
    assert "no interval below three seeds" in statements[0]
    assert f"rests on {seeds} seed" in statements[-1]


def test_the_limits_are_always_said(tell: Tell) -> None:
    text = tell((0.80, 0.90, 0.91), (0.04, 0.03, 0.02))[-1]

    assert "3 seeds of one teacher and one data set" in text
    assert "not the choice of shapes" in text


def test_several_series_are_read_one_by_one(make_sweep: Callable[..., ExampleSweep]) -> None:
    statements = _read(make_sweep().fill_two_difficulties())

    *said, limits = statements
    for name, first in (("Foundry, difficulty 0.2", "80.0"), ("Foundry, difficulty 0.6", "50.0")):
        own = " ".join(text for text in said if text.startswith(f"{name}: "))
        assert f"Classification accuracy rises from s = 1 ({first}" in own
        assert "Beyond s = 4 the gain is +5.0 points" in own
        assert "over 9 runs at 3 values of s" in own
        assert "At s = 16 the student is \u22125.0 points" in own
        assert "student trained from scratch (s = 16) the distilled one has +20.0 points" in own
        assert ("Ablations against" in own) == (first == "80.0")
    assert all(text.startswith("Foundry, difficulty 0.") for text in said)
    assert "in each series, of one teacher and one data set" in limits
    assert "s = 16 of foundry, difficulty 0.2, a true difference" in limits


def test_without_training_scratch_is_random_weights(
    make_sweep: Callable[..., ExampleSweep],
) -> None:
    text = " ".join(_read(make_sweep().fill_deterministic_probe()))

    assert "Against the same student with random weights (s = 4)" in text
    assert "scratch" not in text


def test_a_difference_to_a_constant_is_not_called_paired(
    make_sweep: Callable[..., ExampleSweep],
) -> None:
    statement = _about(_read(make_sweep().fill_deterministic_probe()), "from the teacher")

    assert "from the teacher, over 3 seeds, beyond the 95 % interval" in statement
