from collections.abc import Callable
from pathlib import Path

import pytest

from foundry_bench.config.load import dump_yaml, load_sweep
from foundry_bench.config.search import Objective, Range
from foundry_bench.config.searchcheck import num_combinations
from foundry_bench.config.sweep import SweepConfig
from foundry_bench.errors import FoundryError

Load = Callable[..., SweepConfig]
OBJECTIVE = "objective: accuracy, trials: 3"


@pytest.fixture(autouse=True)
def _toys() -> None:
    """None here: toy tasks have no metrics to search by."""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load_text(axes: str, search: str | None = OBJECTIVE, *overrides: str) -> SweepConfig:
        path = tmp_path / "sweep.yaml"
        lines = [
            "name: small",
            "question: q",
            "student: {name: foundry_gate, supertokens: 4}",
            "data: shapes",
            "tasks: [classification, {name: probe, label: easy}]",
            f"axes: {{{axes}}}",
            f"search: {{{search}}}" if search is not None else "",
        ]
        path.write_text("\n".join(lines))
        return load_sweep(path, overrides)

    return load_text


SIZES = "student.supertokens: [1, 2, 4]"


def test_lists_and_ranges_are_kept_in_the_file_that_is_written(load: Load, tmp_path: Path) -> None:
    sweep = load(f"{SIZES}, student.gate_lambda: {{low: 1e-4, high: 1e-2, log: true}}")
    assert sweep.axes == {
        "student.supertokens": [1, 2, 4],
        "student.gate_lambda": Range(low=1e-4, high=1e-2, log=True),
    }
    (tmp_path / "again.yaml").write_text(dump_yaml(sweep))
    assert load_sweep(tmp_path / "again.yaml") == sweep


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        (f"{SIZES}, train.distill.epochs: {{low: 1, high: 5}}", 15),
        (f"{SIZES}, train.distill.epochs: {{low: 1, high: 5, step: 2}}", 9),
        (f"{SIZES}, train.distill.lr: {{low: 1, high: 2}}", None),
        (f"{SIZES}, train.distill.lr: {{low: 1, high: 2, step: 0.25}}", 15),
    ],
)
def test_combinations_are_counted_where_they_have_an_end(
    load: Load, axes: str, expected: int | None
) -> None:
    assert num_combinations(load(axes)) == expected


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("accuracy", "max"),
        ("accuracy min", "min"),
        ("easy.probe_accuracy", "max"),
        ("gmacs", "min"),
        ("classification.encoder_tokens", "min"),
        ("distill_loss max", "max"),
    ],
)
def test_an_objective_without_a_word_is_large_unless_it_is_a_cost(
    text: str, direction: str
) -> None:
    objective = Objective.parse(text)
    assert (objective.name, objective.direction) == (text.split()[0], direction)


def test_parts_and_varieties_of_a_metric_are_objectives(load: Load) -> None:
    names = ["voted_accuracy", "accuracy_at_budget_8 max", "easy.probe_accuracy", "heldout_nmse"]
    assert load(SIZES, f"objective: [{', '.join(names)}], trials: 3").search is not None


RANGE = "student.gate_lambda: {low: %s, high: %s}"


@pytest.mark.parametrize(
    ("axes", "search", "message"),
    [
        (RANGE % ("1e-3", "1e-2"), None, "6: axes.student.gate_lambda: a range is for a `search`"),
        (RANGE % ("1e-2", "1e-2"), OBJECTIVE, "6: axes.student.gate_lambda.high: must be above"),
        (RANGE % ("-1", "1"), OBJECTIVE, "6: axes.student.gate_lambda.low: given -1, expected"),
        (RANGE % ("0", "1, log: true"), OBJECTIVE, r"gate_lambda.low: must be above 0 with `log"),
        (RANGE % ("1", "2, log: true, step: 1"), OBJECTIVE, "gate_lambda.step: does not go with"),
        (RANGE % ("1", "2, step: -1"), OBJECTIVE, "gate_lambda.step: must be above 0, not -1"),
        (RANGE % ("1", "2, step: 0.3"), OBJECTIVE, "step: 0.3 does not lead from 1 to 2"),
        (RANGE % ("1", "2, stop: 0.3"), OBJECTIVE, "gate_lambda.stop: unknown field"),
        (
            "student.gate_lambda: {low: 1}",
            OBJECTIVE,
            "gate_lambda.high: is missing",
        ),
        ("student.gat: {low: 1, high: 2}", OBJECTIVE, "6: axes.student.gat: no such field to vary"),
        ("student.supertokens: {low: 1, high: 33}", OBJECTIVE, "supertokens.high: 33 is more than"),
        ("student.supertokens: {low: 1, high: 2.5}", OBJECTIVE, "supertokens.high: given 2.5"),
        (
            "student.supertokens: {low: 1, high: 3, step: 0.5}",
            OBJECTIVE,
            "supertokens.step: given 0.5, expected a whole number",
        ),
        ("student.residual: {low: 0, high: 1}", OBJECTIVE, "residual.low: given 0, expected bool"),
        ("student.supertokens: [1, 2, 4, 2]", OBJECTIVE, "axes.student.supertokens.3: 2 is given"),
        (
            "student.supertokens: [1, 2]",
            OBJECTIVE,
            "7: search.trials: given 3, but the axes have only 2 combinations; leave `search` out",
        ),
        ("", OBJECTIVE, "7: search: needs `axes`"),
        (SIZES, "objective: acuracy, trials: 3", "7: search.objective: .* did you mean 'accuracy'"),
        (
            SIZES,
            "objective: hard.accuracy, trials: 3",
            "no task 'hard'; known: class",
        ),
        (
            SIZES,
            "objective: easy.accuracy, trials: 3",
            "search.objective: no task here gives",
        ),
        (SIZES, "objective: [gmacs, acuracy], trials: 3", "7: search.objective.1: no task here"),
        (SIZES, "objective: [gmacs, gmacs max], trials: 3", "objective: 'gmacs' is given twice"),
        (SIZES, "objective: accuracy up, trials: 3", "search.objective: given 'accuracy up'"),
        (
            SIZES,
            f"{OBJECTIVE}, pruner: median",
            "7: search.pruner: one of Optuna cannot",
        ),
        (
            SIZES,
            f"{OBJECTIVE}, sampler: tpee",
            "search.sampler: given 'tpee'.*mean 'tpe'",
        ),
        (
            SIZES,
            "objective: [accuracy, gmacs], trials: 3, scheduler: asha",
            "7: search.scheduler: 'asha' stops by one number, and there are 2 objectives",
        ),
        (
            f"{SIZES}, train.distill.loss.name: [mse, cosine]",
            f"{OBJECTIVE}, scheduler: median",
            "6: axes.train.distill.loss.name: changes what the distillation loss means",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    load: Load, axes: str, search: str | None, message: str
) -> None:
    with pytest.raises(FoundryError, match=message) as caught:
        load(axes, search)
    assert "sweep.yaml:" in str(caught.value)


def test_a_field_of_a_search_can_be_set(load: Load) -> None:
    search = load(SIZES, OBJECTIVE, "search.trials=2", "search.sampler=random").search
    assert search is not None
    assert (search.trials, search.sampler) == (2, "random")
